"""Writing the format with stock git alone, as docs/format.md describes it, sound or forged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.support.commands import git

Entries: TypeAlias = dict[str, Any]
"""By name: a file's content; or an object that exists, as `MODE ID`; or the entries of a directory."""

_KINDS = {"040000": "tree", "160000": "commit"}


@dataclass(frozen=True)
class Stock:
    """A repository, and what a writer without gitstore puts into it."""

    directory: Path

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        return git(*arguments, cwd=self.directory, stdin=stdin).strip()

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)

    def tree(self, entries: Entries) -> str:
        """A tree of these entries, whatever is wrong with their names."""
        lines = []
        for name, entry in entries.items():
            mode, oid = self._entry(entry)
            lines.append(f"{mode} {_KINDS.get(mode, 'blob')} {oid}\t{name}\0")
        return self.git("mktree", "-z", "--missing", stdin="".join(lines).encode(errors="surrogateescape"))

    def _entry(self, entry: bytes | str | Entries) -> tuple[str, str]:
        if isinstance(entry, bytes):
            return "100644", self.blob(entry)
        if isinstance(entry, str):
            mode, oid = entry.split()
            return mode, oid
        return "040000", self.tree(entry)

    def raw_tree(self, *entries: tuple[str, str, str]) -> str:
        """A tree of modes, names and ids, in this order, which `git mktree` would correct."""
        content = b"".join(
            f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in entries
        )
        return self.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=content)

    def entries(self, revision: str) -> Entries:
        """The entries of a tree, each as `MODE ID`."""
        lines = (line.split("\t") for line in self.git("ls-tree", revision).splitlines())
        return {name: f"{entry.split()[0]} {entry.split()[2]}" for entry, name in lines}

    def commit(self, tree: str, *parents: str, message: str = "by hand") -> str:
        words = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", *words, "-m", message, tree)

    def state(self, name: str, entries: Entries) -> str:
        """Save a state: a commit without parents, and its ref."""
        commit = self.commit(self.tree(entries))
        self.git("update-ref", f"refs/states/{name}", commit)
        return commit

    def snapshot(
        self, name: str, top: Entries, parent: str = "main", trailers: Mapping[str, str | None] | None = None
    ) -> str:
        """Take a snapshot of these entries; `trailers` replaces some that are right, or leaves them out."""
        tree = self.tree(top)
        commit = self.commit(tree, parent)
        lines: dict[str, str | None] = {"Model": "digits", "State": "initial"}
        paths = {"Code-Tree": "code", "State-Tree": "state", "Settings-Blob": "settings.yaml"}
        existing = [key for key, path in paths.items() if path in top]
        oids = self.git("rev-parse", *(f"{tree}:{paths[key]}" for key in existing)).split()
        lines |= dict.fromkeys(paths, "0" * 40) | dict(zip(existing, oids, strict=True))
        own = dict(trailers or {})
        lines |= {key: own.pop(key) for key in list(own) if key in lines}
        lines |= {"Based-On": own.pop("Based-On", None), **own}
        lines.setdefault("Gitstore-Format", "1")
        text = "".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None)
        return self.tag(name, commit, f"by hand\n\n{text}")

    def tag(self, name: str, commit: str, message: str) -> str:
        self.git("tag", "--annotate", "--cleanup=verbatim", "--message", message, name, commit)
        return self.git("rev-parse", f"refs/tags/{name}")


def problems_by_snapshot(report: Mapping[str, Any]) -> dict[str, list[str]]:
    """The messages of `verify --json` by the snapshots that they name."""
    found: dict[str, list[str]] = {}
    for problem in report["problems"]:
        for name in problem["snapshots"]:
            found.setdefault(name, []).append(problem["message"])
    return found
