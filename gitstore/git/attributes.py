"""Which files git converts, by their attributes and by settings: gitattributes(5). Large ones are refused."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from gitstore.bigfiles.stored import FileEntry
from gitstore.disk import directories
from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.objects.tree import Mode
from gitstore.packs import limits
from gitstore.packs.oid import Oid
from gitstore.units import format_size

_NAMES = ("filter", "working-tree-encoding", "ident", "text", "eol", "crlf")


@dataclass(frozen=True)
class Rules:
    """What makes git convert a file: its attributes that are set, and git's settings for line ends."""

    attributes: Mapping[str, str]
    autocrlf: str
    eol: str

    @classmethod
    def of(cls, attributes: Mapping[str, str], *, autocrlf: str, eol: str) -> Rules:
        """Make rules of the output of `git check-attr`. With `-text`, git leaves line ends unchanged."""
        effective = {
            name: value for name, value in attributes.items() if value not in ("unspecified", "unset")
        }
        is_crlf_off = attributes.get("crlf") == "unset" and "text" not in effective
        if attributes.get("text") == "unset" or is_crlf_off:
            effective.pop("eol", None)
            autocrlf = ""
        return cls(effective, autocrlf, eol)

    @property
    def cause(self) -> str | None:
        """The attribute or setting that makes git convert a file: the strongest one."""
        for name, value in self.attributes.items():
            if name in ("text", "crlf") and "eol" in self.attributes:
                continue  # eol decides
            return name if value == "set" else f"{name}={value}"
        return f"core.autocrlf={self.autocrlf}" if self.autocrlf in ("true", "input") else None

    @property
    def has_filter(self) -> bool:
        return "filter" in self.attributes

    @property
    def may_change_on_checkout(self) -> bool:
        """Whether git may convert the file when it checks it out, and not only when it stores it."""
        if {"filter", "working-tree-encoding", "ident"} & self.attributes.keys():
            return True
        eol = self.attributes.get("eol")
        return eol == "crlf" or (eol is None and (self.autocrlf == "true" or self.eol == "crlf"))


def read_rules(
    repository: Repository,
    paths: Iterable[PurePosixPath],
    *options: str,
    variables: Mapping[str, str] | None = None,
) -> dict[PurePosixPath, Rules]:
    """Return the rules of those files that git may convert, by their paths in the repository.

    `options` go to `git check-attr`: with `--cached`, it reads attributes from the index in `variables`.
    """
    config = _read_line_end_settings(repository)
    autocrlf, eol = config.get("core.autocrlf", ""), config.get("core.eol", "")
    stdin = os.fsencode("".join(f"{path}\0" for path in paths))
    command = ("check-attr", *options, "-z", "--stdin", *_NAMES)
    fields = os.fsdecode(repository.git(*command, stdin=stdin, variables=variables)).split("\0")[:-1]
    attributes: dict[str, dict[str, str]] = defaultdict(dict)
    for path, name, value in zip(fields[0::3], fields[1::3], fields[2::3], strict=True):
        attributes[path][name] = value
    rules = {path: Rules.of(values, autocrlf=autocrlf, eol=eol) for path, values in attributes.items()}
    return {PurePosixPath(path): rule for path, rule in rules.items() if rule.cause is not None}


def check_sizes(repository: Repository, tree: Oid, entries: Mapping[PurePosixPath, FileEntry]) -> None:
    """Raise `GitstoreError` if git would convert a file of a tree that is larger than `limits.CONVERTED`.

    `entries` are those of the tree's files.
    """
    objects = repository.objects
    sizes = {path: objects.size(oid) for path, (mode, oid) in entries.items() if mode != Mode.LINK}
    large = {path: size for path, size in sizes.items() if size > limits.CONVERTED}
    if not large:
        return
    with directories.scratch(repository.private, "attributes") as directory:
        variables = {"GIT_INDEX_FILE": str(directory / "index")}
        repository.git("read-tree", str(tree), variables=variables)
        for path, rule in read_rules(repository, large, "--cached", variables=variables).items():
            check_size(path, large[path], rules=rule)


def check_size(path: PurePosixPath, size: int, *, rules: Rules) -> None:
    """Raise `GitstoreError` for a file of `size` bytes if that is too large for git to convert."""
    if size > limits.CONVERTED:
        attribute = (rules.cause or "").partition("=")[0] if rules.attributes else "text"
        raise GitstoreError(
            f"{path} has {format_size(size)}, and {rules.cause} makes git convert it;"
            f" gitstore lets git convert files of at most {format_size(limits.CONVERTED)}",
            f"the line '{path.name} -{attribute}' in .gitattributes prevents the conversion",
        )


def _read_line_end_settings(repository: Repository) -> dict[str, str]:
    """Return git's settings for line ends, with each spelling of true as `true`."""
    settings = {}
    for key in ("core.autocrlf", "core.eol"):
        for value in repository.git_config.values(key)[-1:]:
            text = "true" if value.text is None else value.text.lower()
            settings[key] = "true" if text in ("yes", "on", "1") else text
    return settings
