"""Where git would store something else than what is on disk, or give back something else: gitattributes(5).

Filters, encodings, line ends and `$Id$` are converted by stock git, which alone knows what they mean:
it stores such files in a quarantine, and checks them out again into a directory of ours.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gitstore.bigfiles.stored import FileEntry
from gitstore.git import attributes
from gitstore.git.attributes import Rules
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from gitstore.staging.working_files import WorkingFiles

ATTRIBUTES = ".gitattributes"

# Without safecrlf: what it would warn of or refuse is found out here.
_PLAIN = (
    "-c", "core.safecrlf=false", "-c", "core.bigFileThreshold=2g", "-c", "core.looseCompression=0",
    "-c", "core.splitIndex=false",
)  # fmt: skip
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


def rules_of(found: WorkingFiles, raw: Mapping[PurePosixPath, FileEntry]) -> dict[PurePosixPath, Rules]:
    """The rules of those files that git may convert."""
    files = [found.at / path for path, (mode, _) in raw.items() if mode != Mode.LINK]
    return {
        path.relative_to(found.at): rule
        for path, rule in attributes.read_rules(found.repository, files).items()
    }


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
        attributes.check_size(found.at / path, found.files[path].stamp.size, rules=rule)
    quarantined = {**variables, "GIT_INDEX_FILE": str(objects.with_name("converted"))}
    blobs = _store(found, list(rules), quarantined)
    # What a filter has changed is refused anyway, and giving it back may mean a download.
    refused = {path for path in rules if rules[path].has_filter and blobs[path] != raw[path][1]}
    doubtful = [path for path in rules if rules[path].may_change_on_checkout and path not in refused]
    back = _give_back(found, doubtful, objects.with_name("back"), quarantined)
    found_out = {
        path: Conversion(blobs[path], back.get(path, blobs[path]), raw[path][1], rule.cause or "")
        for path, rule in rules.items()
    }
    return {path: each for path, each in found_out.items() if not each.stored == each.returned == each.raw}


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
    for rules_file in (
        *(each / ATTRIBUTES for each in found.at.parents),
        *(found.at / path for path in inner),
    ):
        if (top / rules_file).is_file():
            (target / rules_file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(top / rules_file, target / rules_file)
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
        return Oid.of_pieces(Kind.BLOB, iter(partial(file.read, _BLOCK), b""), size=path.stat().st_size)
