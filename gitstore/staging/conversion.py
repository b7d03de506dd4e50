"""Finding files that git would store, or check out again, other than they are on disk: gitattributes(5).

Only stock git knows how it converts filters, encodings, line ends and `$Id$`. So it stores such files in a
quarantine, and checks them out again into a directory of gitstore's.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gitstore.bigfiles.stored import FileEntry
from gitstore.git import attributes
from gitstore.git.attributes import Rules
from gitstore.git.checkout import hash_file
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Oid
from gitstore.staging.working_files import WorkingFiles

ATTRIBUTES = ".gitattributes"

# Without safecrlf: this module finds what git would warn about or refuse.
_PLAIN = (
    "-c", "core.safecrlf=false", "-c", "core.bigFileThreshold=2g", "-c", "core.looseCompression=0",
    "-c", "core.splitIndex=false",
)  # fmt: skip


class Conversion(NamedTuple):
    """The blob that git stores for a file, and the id of what it would check out again.

    `raw` is the id of the bytes on disk, `cause` the attribute or setting that makes git convert them.
    """

    stored: Oid
    returned: Oid
    raw: Oid
    cause: str

    @property
    def is_filter(self) -> bool:
        """Whether a program converts the file."""
        return self.cause.startswith("filter=")


def read_rules(scanned: WorkingFiles, raw: Mapping[PurePosixPath, FileEntry]) -> dict[PurePosixPath, Rules]:
    """Return the rules of those files that git may convert, by their paths in the code directory."""
    files = [scanned.at / path for path, (mode, _) in raw.items() if mode != Mode.LINK]
    return {
        path.relative_to(scanned.at): rule
        for path, rule in attributes.read_rules(scanned.repository, files).items()
    }


def find_conversions(
    scanned: WorkingFiles,
    raw: Mapping[PurePosixPath, FileEntry],
    rules: Mapping[PurePosixPath, Rules],
    *,
    objects: Path,
    variables: Mapping[str, str],
) -> dict[PurePosixPath, Conversion]:
    """Return the files that git would store, or check out again, other than they are on disk.

    `raw` has their modes and ids on disk. `objects` and `variables` are those of a quarantine, which gets
    the blobs. Raises `GitFailed` if a filter fails, for instance, and `GitstoreError` for a file that is too
    large to be converted.
    """
    for path, rule in rules.items():
        attributes.check_size(scanned.at / path, scanned.files[path].stamp.size, rules=rule)
    quarantined = {**variables, "GIT_INDEX_FILE": str(objects.with_name("converted"))}
    blobs = _store(scanned, list(rules), quarantined)
    # A file that a filter changes is refused anyway, and checking it out may download something.
    refused = {path for path in rules if rules[path].has_filter and blobs[path] != raw[path][1]}
    doubtful = [path for path in rules if rules[path].may_change_on_checkout and path not in refused]
    returned = _check_out(scanned, doubtful, target=objects.with_name("back"), variables=quarantined)
    results = {
        path: Conversion(blobs[path], returned.get(path, blobs[path]), raw[path][1], rule.cause or "")
        for path, rule in rules.items()
    }
    return {
        path: result for path, result in results.items() if not result.stored == result.returned == result.raw
    }


def _store(
    scanned: WorkingFiles, paths: list[PurePosixPath], variables: Mapping[str, str]
) -> dict[PurePosixPath, Oid]:
    """Let git store files, and return their blobs.

    git starts from a temporary index. It has the entries of the user's index at these paths, because they
    decide about line ends, but without the flags and times that would keep git from reading the files.
    """
    index_entries = "".join(
        f"{scanned.index[path][0]:o} {scanned.index[path][1]} 0\t{scanned.at / path}\0"
        for path in paths
        if path in scanned.index
    )
    names = "".join(f"{scanned.at / path}\0" for path in paths)
    run = scanned.repository.git
    run("update-index", "-z", "--index-info", stdin=os.fsencode(index_entries), variables=variables)
    run(*_PLAIN, "update-index", "--add", "-z", "--stdin", stdin=os.fsencode(names), variables=variables)
    lines = os.fsdecode(run("ls-files", "-z", "--stage", variables=variables)).split("\0")[:-1]
    blobs = {}
    for line in lines:
        entry, _, name = line.partition("\t")
        blobs[PurePosixPath(name).relative_to(scanned.at)] = Oid.parse(entry.split(" ")[1])
    return blobs


def _check_out(
    scanned: WorkingFiles, paths: list[PurePosixPath], *, target: Path, variables: Mapping[str, str]
) -> dict[PurePosixPath, Oid]:
    """Let git check files out into a new directory, and return the ids of their bytes."""
    if not paths:
        return {}
    target.mkdir()
    top = scanned.repository.directory
    inner = (path for path in scanned.files if path.name == ATTRIBUTES)
    for rules_file in (
        *(folder / ATTRIBUTES for folder in scanned.at.parents),
        *(scanned.at / path for path in inner),
    ):
        if (top / rules_file).is_file():
            (target / rules_file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(top / rules_file, target / rules_file)
    names = "".join(f"{scanned.at / path}\0" for path in paths)
    # Quiet and forced, because the files with attributes exist already and may be among `paths`.
    scanned.repository.git(
        *_PLAIN, "checkout-index", "--quiet", "--force", "-z", "--stdin",
        stdin=os.fsencode(names), variables={**variables, "GIT_WORK_TREE": str(target.absolute())},
    )  # fmt: skip
    files = {path: target / scanned.at / path for path in paths}
    return {path: hash_file(file, file.stat().st_size) for path, file in files.items()}
