"""Where git would store something else than what is on disk, or give back something else: gitattributes(5).

Filters, encodings, line ends and `$Id$` are converted by stock git, which alone knows what they mean:
it stores such files in a quarantine, and checks them out again into a directory of ours.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.objects import limits, stored
from gitstore.objects.oid import Kind, Oid
from gitstore.objects.repository import Repository
from gitstore.objects.stored import FileEntry
from gitstore.objects.tree import Mode
from gitstore.objects.working_files import WorkingFiles
from gitstore.units import format_size

ATTRIBUTES = ".gitattributes"

# Without safecrlf: what it would warn of or refuse is found out here.
_PLAIN = (
    "-c", "core.safecrlf=false", "-c", "core.bigFileThreshold=2g", "-c", "core.looseCompression=0",
    "-c", "core.splitIndex=false",
)  # fmt: skip
_NAMES = ("filter", "working-tree-encoding", "ident", "text", "eol", "crlf")
_BLOCK = 1024 * 1024


class Conversion(NamedTuple):
    """What git makes of a file: the blob that it stores, and the id of what it would check out again.

    `raw` is the id of what is on disk; `cause` the attribute or setting that says so.
    """

    stored: Oid
    returned: Oid
    raw: Oid
    cause: str

    @property
    def is_filter(self) -> bool:
        """Whether it is the work of a program."""
        return self.cause.startswith("filter=")


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


def rules(found: WorkingFiles, raw: Mapping[PurePosixPath, FileEntry]) -> dict[PurePosixPath, Rules]:
    """The rules of those files that git may convert."""
    files = [found.at / path for path, (mode, _) in raw.items() if mode != Mode.LINK]
    return {path.relative_to(found.at): rule for path, rule in _rules(found.repository, files).items()}


def _rules(
    repository: Repository,
    paths: Iterable[PurePosixPath],
    *options: str,
    variables: Mapping[str, str] | None = None,
) -> dict[PurePosixPath, Rules]:
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


def conversions(
    found: WorkingFiles,
    raw: Mapping[PurePosixPath, FileEntry],
    rules: Mapping[PurePosixPath, Rules],
    *,
    objects: Path,
    variables: Mapping[str, str],
) -> dict[PurePosixPath, Conversion]:
    """The files that git would store, or give back, otherwise than they are; `raw` is how they are.

    `objects` and `variables` are of a quarantine, where the blobs go that git would store. Raises
    `GitFailed`, as for a filter that fails, and `GitstoreError` for a file that is too large for git.
    """
    for path, rule in rules.items():
        _check_size(found.at / path, found.files[path].stamp.size, rule)
    quarantined = {**variables, "GIT_INDEX_FILE": str(objects.with_name("converted"))}
    blobs = _store(found, list(rules), quarantined)
    # What a filter has changed is refused anyway, and giving it back may mean a download.
    refused = {path for path in rules if rules[path].has_filter and blobs[path] != raw[path][1]}
    doubtful = [path for path in rules if rules[path].gives_back_otherwise and path not in refused]
    back = _give_back(found, doubtful, objects.with_name("back"), quarantined)
    found_out = {
        path: Conversion(blobs[path], back.get(path, blobs[path]), raw[path][1], rule.cause or "")
        for path, rule in rules.items()
    }
    return {path: each for path, each in found_out.items() if not each.stored == each.returned == each.raw}


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
    with tempfile.TemporaryDirectory(prefix="gitstore-") as place:  # the repository may be somebody else's
        variables = {"GIT_INDEX_FILE": str(Path(place, "index"))}
        repository.git("read-tree", str(tree), variables=variables)
        for path, rule in _rules(repository, large, "--cached", variables=variables).items():
            _check_size(path, large[path], rule)


def _check_size(path: PurePosixPath, size: int, rule: Rules) -> None:
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


def _store(
    found: WorkingFiles, paths: list[PurePosixPath], variables: Mapping[str, str]
) -> dict[PurePosixPath, Oid]:
    """Let git store files; returns the blobs.

    It starts from an index of ours with what the user's has at these paths, for what is stored there
    decides about line ends, but without the flags and times that would keep git from reading the files.
    """
    known = "".join(
        f"{found.index[path][0]:o} {found.index[path][1]} 0\t{found.at / path}\0"
        for path in paths
        if path in found.index
    )
    names = "".join(f"{found.at / path}\0" for path in paths)
    run = found.repository.git
    run("update-index", "-z", "--index-info", stdin=os.fsencode(known), variables=variables)
    run(*_PLAIN, "update-index", "--add", "-z", "--stdin", stdin=os.fsencode(names), variables=variables)
    listed = os.fsdecode(run("ls-files", "-z", "--stage", variables=variables)).split("\0")[:-1]
    blobs = {}
    for line in listed:
        entry, _, name = line.partition("\t")
        blobs[PurePosixPath(name).relative_to(found.at)] = Oid.parse(entry.split(" ")[1])
    return blobs


def _give_back(
    found: WorkingFiles, paths: list[PurePosixPath], target: Path, variables: Mapping[str, str]
) -> dict[PurePosixPath, Oid]:
    """Let git check files out into a new directory; returns the ids of what is there then."""
    if not paths:
        return {}
    target.mkdir()
    top = found.repository.directory
    inner = (path for path in found.files if path.name == ATTRIBUTES)
    for attributes in (
        *(each / ATTRIBUTES for each in found.at.parents),
        *(found.at / path for path in inner),
    ):
        if (top / attributes).is_file():
            (target / attributes).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(top / attributes, target / attributes)
    names = "".join(f"{found.at / path}\0" for path in paths)
    # Quiet and forced: the attributes are there already, and may be to be checked out themselves.
    found.repository.git(
        *_PLAIN, "checkout-index", "--quiet", "--force", "-z", "--stdin",
        stdin=os.fsencode(names), variables={**variables, "GIT_WORK_TREE": str(target.absolute())},
    )  # fmt: skip
    return {path: file_oid(target / found.at / path) for path in paths}


def file_oid(path: Path) -> Oid:
    """The id of a file's bytes as a blob, read piece by piece."""
    with path.open("rb") as file:
        return Oid.of_pieces(Kind.BLOB, path.stat().st_size, iter(partial(file.read, _BLOCK), b""))
