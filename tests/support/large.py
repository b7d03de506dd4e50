"""A repository as years of use leave it: thousands of snapshots, models and states, in hundreds of packs.

What gitstore would need many minutes for is written in seconds, in the same format: objects by our own
writer, many snapshots to a pack; refs by stock git, most of them packed and the youngest loose;
worktrees as the files that stock git writes for them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitstore.git.repository import Repository
from gitstore.models.model import FIRST_STATE, IGNORE, IGNORE_FILE, Model
from gitstore.models.shape import FORMAT
from gitstore.objects import commit, tag, tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid
from tests.support import models
from tests.support.amounts import Amounts
from tests.support.commands import git

_BEGIN = 1_600_000_000
_EVERY_CODE, _EVERY_SETTINGS = 10, 100
_LOOSE = 10


@dataclass(frozen=True)
class Taken:
    """A snapshot that was written."""

    name: str
    model: str
    tag: Oid
    commit: Oid
    code: Oid
    state: Oid
    settings: bytes


def make(directory: Path, amounts: Amounts) -> Model:
    """The root model of such a repository, in `directory`; the derived ones have worktrees beside it."""
    model = models.make(directory)
    growth = Growth(model.repository, model.name, settings=model.read_settings_content())
    growth.head = model.head
    taken: list[Taken] = []
    for pack in range(amounts.packs):
        first, end = (amounts.snapshots * number // amounts.packs for number in (pack, pack + 1))
        taken += growth.snapshots(range(first, end))
    growth.states(taken[:: max(len(taken) // amounts.states, 1)][: amounts.states])
    names = growth.derived(taken, amounts)
    growth.write_refs()
    git("reset", "--quiet", "--hard", cwd=directory)
    for name in names[: amounts.worktrees]:
        _add_worktree(directory, name)
    return Model.open(directory)


class Growth:
    """Writes objects into a repository, and collects the refs to them."""

    def __init__(
        self, repository: Repository, name: str, *, settings: bytes, files: int = 1, seed: int = 1
    ) -> None:
        """A model of this name. A state has so many `files` of weights, of which a snapshot changes two."""
        self.head: Oid | None = None
        self._repository = repository
        self._name = name
        self._random = random.Random(seed)
        self._first_settings = self._settings = settings
        self._first_code = self._code = models.MODEL.encode()
        self._weights = {f"weights{number}.bin": self._random.randbytes(4096) for number in range(files)}
        self._refs: dict[str, Oid] = {}
        self._clock = _BEGIN

    def snapshots(self, numbers: range, *, is_large: bool = True) -> list[Taken]:
        """Snapshots of the root model, in one pack that nobody merges if it is taken for a large one."""
        with self._repository.writer() as writer:
            taken = [self._snapshot(writer, number) for number in numbers]
            written = writer.finish()
        if written is not None and is_large:
            written.path.with_suffix(".keep").chmod(0o644)
            written.path.with_suffix(".keep").write_bytes(b"stands for a large one\n")
        return taken

    def states(self, taken: list[Taken]) -> None:
        """States of the root model that are those of snapshots."""
        with self._repository.writer() as writer:
            for number, each in enumerate(taken):
                saved = self._commit(writer, each.state, (), f"State s{number:05} of {self._name}")
                self._refs[f"refs/states/s{number:05}"] = saved
            writer.finish()

    def derived(self, taken: list[Taken], amounts: Amounts) -> list[str]:
        """Derived models, with a snapshot each; returns their names."""
        names = [f"model{number:04}" for number in range(amounts.models)]
        with self._repository.writer() as writer:
            last = taken[0]
            for number, name in enumerate(names):
                in_chain = number < amounts.chained and number % amounts.chain
                base = last if in_chain else taken[number * len(taken) // amounts.models]
                last = self._derive(writer, name, base)
            writer.finish()
        return names

    def write_refs(self) -> None:
        """Let stock git write the refs: most packed, the youngest loose."""
        assert self.head is not None
        self._refs["refs/heads/main"] = self.head
        ordered = sorted(self._refs.items(), key=lambda each: each[1][0])
        for part in (ordered[: -len(ordered) // _LOOSE], ordered[-len(ordered) // _LOOSE :]):
            self._git("pack-refs", "--all")
            lines = "".join(f"update {ref} {oid}\n" for ref, oid in part)
            self._git("update-ref", "--stdin", stdin=lines)

    def _git(self, *arguments: str, stdin: str = "") -> None:
        """Run git without hooks, and without waiting for the disk."""
        quickly = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsync=none")
        git(*quickly, *arguments, cwd=self._repository.directory, stdin=stdin.encode())

    def _snapshot(self, writer: ObjectWriter, number: int) -> Taken:
        if number % _EVERY_SETTINGS == 0:
            self._settings = self._first_settings + b"description: as of %d\n" % number
        if number % _EVERY_CODE == 0:
            self._code = self._first_code + b"# as of %d\n" % number
            files = {"settings.yaml": self._settings, IGNORE_FILE: IGNORE.encode()}
            top = _tree(writer, {**files, "code": _tree(writer, {"model.py": self._code})})
            self.head = self._commit(writer, top, self._parents, f"As of {number}")
        code = _tree(writer, {"model.py": self._code})
        for name in self._random.sample(list(self._weights), min(2, len(self._weights))):
            self._weights[name] = self._random.randbytes(4096)
        state = _tree(writer, {"config.json": b'{"layers": 3}\n', **self._weights})
        return self._take(writer, "", f"v{number:05}", (code, state, self._settings))

    @property
    def _parents(self) -> tuple[Oid, ...]:
        return () if self.head is None else (self.head,)

    def _derive(self, writer: ObjectWriter, name: str, base: Taken) -> Taken:
        """A derived model: its branch, its state and a snapshot."""
        content = _settings(name, base)
        files = {"settings.yaml": content, IGNORE_FILE: IGNORE.encode(), "code": base.code}
        said = f"Derive {name} from {base.model}@{base.name}"
        self._refs[f"refs/heads/{name}"] = tip = self._commit(
            writer, _tree(writer, files), (base.commit,), said
        )
        saved = self._commit(writer, base.state, (), f"State {FIRST_STATE} of {name}")
        self._refs[f"refs/states/{name}/{FIRST_STATE}"] = saved
        weights = _tree(writer, {"weights.bin": self._random.randbytes(4096)})
        main, self.head = self.head, tip
        taken = self._take(writer, f"{name}/", "v1", (base.code, weights, content), base)
        self.head = main
        return taken

    def _take(
        self,
        writer: ObjectWriter,
        prefix: str,
        name: str,
        pieces: tuple[Oid, Oid, bytes],
        base: Taken | None = None,
    ) -> Taken:
        """A snapshot of a code, a state and settings."""
        code, state, content = pieces
        model = prefix.rstrip("/") or self._name
        blob = writer.add(Kind.BLOB, content)
        top = _tree(writer, {"code": code, "state": state, "settings.yaml": content})
        text = f"Snapshot {name} of {model}"
        commit_oid = self._commit(writer, top, self._parents, text)
        trailers = {
            "Model": model, "State": FIRST_STATE, "Code-Tree": str(code), "State-Tree": str(state),
            "Settings-Blob": str(blob),
        }  # fmt: skip
        if base is not None:
            trailers["Based-On"] = f"{base.model}@{base.name} {base.tag}"
        trailers["Gitstore-Format"] = FORMAT
        written = tag.encode(
            commit_oid, f"{prefix}{name}", identity=self._who(), message=text, trailers=trailers
        )
        oid = self._refs[f"refs/tags/{prefix}{name}"] = writer.add(Kind.TAG, written)
        return Taken(name, model, oid, commit_oid, code, state, content)

    def _commit(self, writer: ObjectWriter, top: Oid, parents: tuple[Oid, ...], message: str) -> Oid:
        return writer.add(Kind.COMMIT, commit.encode(top, parents, identity=self._who(), message=message))

    def _who(self) -> str:
        self._clock += 60
        return f"Ada Lovelace <ada@example.org> {self._clock} +0000"


def _settings(name: str, base: Taken) -> bytes:
    """The settings that `gitstore derive` makes of a base's, without parsing them."""
    own = base.settings.partition(b"based_on:")[0].replace(
        b"name: " + base.model.encode(), b"name: " + name.encode(), 1
    )
    based_on = f"based_on:\n  model: {base.model}\n  snapshot: {base.name}\n  tag: {base.tag}\n"
    return own + f"{based_on}  commit: {base.commit}\n".encode()


def _tree(writer: ObjectWriter, entries: Mapping[str, bytes]) -> Oid:
    """Add a tree of files by their content, and directories by their id."""
    found = [
        TreeEntry(Mode.TREE, name.encode(), content)
        if isinstance(content, Oid)
        else TreeEntry(Mode.FILE, name.encode(), writer.add(Kind.BLOB, content))
        for name, content in entries.items()
    ]
    return writer.add(Kind.TREE, tree.encode(found))


def _add_worktree(directory: Path, name: str) -> None:
    """What `git worktree add` leaves, gitrepository-layout(5); the files themselves are not checked out."""
    admin, target = directory / ".git" / "worktrees" / name, directory.parent / name
    admin.mkdir(parents=True)
    target.mkdir()
    (target / ".git").write_text(f"gitdir: {admin}\n")
    (admin / "gitdir").write_text(f"{target / '.git'}\n")
    (admin / "commondir").write_text("../..\n")
    (admin / "HEAD").write_text(f"ref: refs/heads/{name}\n")
    git("read-tree", "HEAD", cwd=target)
