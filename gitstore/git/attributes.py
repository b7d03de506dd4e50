"""Which files git converts, by its attributes and settings: gitattributes(5). Large ones are refused."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from gitstore.bigfiles import stored
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
    """What converts a file: its attributes that are set, and git's own settings for line ends."""

    attributes: Mapping[str, str]
    autocrlf: str
    eol: str

    @classmethod
    def of(cls, said: Mapping[str, str], *, autocrlf: str, eol: str) -> Rules:
        """`said` is what `git check-attr` says. Without `text`, line ends stay, whatever else says."""
        known = {name: value for name, value in said.items() if value not in ("unspecified", "unset")}
        if said.get("text") == "unset" or (said.get("crlf") == "unset" and "text" not in known):
            known.pop("eol", None)
            autocrlf = ""
        return cls(known, autocrlf, eol)

    @property
    def cause(self) -> str | None:
        """The attribute or setting that makes git convert a file, the strongest of several."""
        for name, value in self.attributes.items():
            if name in ("text", "crlf") and "eol" in self.attributes:
                continue  # it is eol that says which
            return name if value == "set" else f"{name}={value}"
        return f"core.autocrlf={self.autocrlf}" if self.autocrlf in ("true", "input") else None

    @property
    def has_filter(self) -> bool:
        return "filter" in self.attributes

    @property
    def gives_back_otherwise(self) -> bool:
        """Whether checking out may do something. Line ends become others only where these say so."""
        if {"filter", "working-tree-encoding", "ident"} & self.attributes.keys():
            return True
        eol = self.attributes.get("eol")
        return eol == "crlf" or (eol is None and (self.autocrlf == "true" or self.eol == "crlf"))


def rules(
    repository: Repository,
    paths: Iterable[PurePosixPath],
    *options: str,
    variables: Mapping[str, str] | None = None,
) -> dict[PurePosixPath, Rules]:
    """The rules of those files, by their paths in the repository, that git may convert.

    `options` are of `git check-attr`: with `--cached` it reads the attributes in the index of `variables`.
    """
    config = _settings(repository)
    autocrlf, eol = config.get("core.autocrlf", ""), config.get("core.eol", "")
    asked = os.fsencode("".join(f"{path}\0" for path in paths))
    check = ("check-attr", *options, "-z", "--stdin", *_NAMES)
    answer = os.fsdecode(repository.git(*check, stdin=asked, variables=variables)).split("\0")[:-1]
    attributes: dict[str, dict[str, str]] = defaultdict(dict)
    for name, attribute, value in zip(answer[0::3], answer[1::3], answer[2::3], strict=True):
        attributes[name][attribute] = value
    every = {name: Rules.of(said, autocrlf=autocrlf, eol=eol) for name, said in attributes.items()}
    return {PurePosixPath(name): rule for name, rule in every.items() if rule.cause is not None}


def check_sizes(repository: Repository, tree: Oid) -> None:
    """Raise `GitstoreError` if checking out a tree would take more memory than `limits.CONVERTED` allows."""
    objects = repository.objects
    sizes = {
        path: objects.size(oid)
        for path, (mode, oid) in stored.file_entries(objects, tree).items()
        if mode != Mode.LINK
    }
    large = {path: size for path, size in sizes.items() if size > limits.CONVERTED}
    if not large:
        return
    with directories.scratch(repository.private, "attributes") as directory:
        variables = {"GIT_INDEX_FILE": str(directory / "index")}
        repository.git("read-tree", str(tree), variables=variables)
        for path, rule in rules(repository, large, "--cached", variables=variables).items():
            check_size(path, large[path], rule)


def check_size(path: PurePosixPath, size: int, rule: Rules) -> None:
    """Raise `GitstoreError` for a file that is too large to be converted."""
    if size > limits.CONVERTED:
        attribute = (rule.cause or "").partition("=")[0] if rule.attributes else "text"
        raise GitstoreError(
            f"{path} has {format_size(size)}, and {rule.cause} makes git convert it;"
            f" gitstore lets git convert at most {format_size(limits.CONVERTED)}",
            f"the line '{path.name} -{attribute}' in .gitattributes keeps git from that",
        )


def _settings(repository: Repository) -> dict[str, str]:
    """What git's configuration says of line ends, as git understands it."""
    words = {}
    for key in ("core.autocrlf", "core.eol"):
        for value in repository.git_config.values(key)[-1:]:
            text = "true" if value.text is None else value.text.lower()
            words[key] = "true" if text in ("yes", "on", "1") else text
    return words
