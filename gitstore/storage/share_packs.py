"""Importing a commit or a tag, with everything that it needs, from another local repository.

A pack that has only needed objects is hard-linked. The file system counts the links, so each repository
collects its own garbage, and neither can harm the other. Where packs have other objects as well,
`linkable` divides them. The needed objects that are left are copied into new packs. An object that is not
needed is never imported.
"""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from gitstore.bigfiles import copy as copying
from gitstore.bigfiles.scan import Listing, SourceFile
from gitstore.bigfiles.stat_cache import Stamp
from gitstore.disk import directories
from gitstore.disk.atomic import durable_file, sync_directory, sync_file
from gitstore.errors import Corrupt, GitstoreError
from gitstore.git.process import GitFailed
from gitstore.git.repository import Repository
from gitstore.packs import limits
from gitstore.packs.compression import deflate
from gitstore.packs.copy_entries import copy_entries
from gitstore.packs.format import GIT_MARK, KEEP_MARK, entry_header
from gitstore.packs.oid import Oid
from gitstore.packs.pack import Pack, Packed
from gitstore.packs.writer import PackWriter
from gitstore.staging.stage import borrow_objects
from gitstore.storage import linkable
from gitstore.storage.pack_by_git import pack_by_git

_CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP)
"""Another file system, fs.protected_hardlinks, too many links, or a file system that has none."""

_ATTEMPTS = 5
"""How often to look again when git repacks the source meanwhile."""


class ImportedBytes(NamedTuple):
    """Bytes of pack files that were linked, which cost nothing, and bytes that were copied.

    Bytes that had to be copied so that they could be linked count as copied.
    """

    linked: int
    copied: int


NOTHING_IMPORTED = ImportedBytes(linked=0, copied=0)


def list_closure(target: Repository, source: Repository, root: Oid) -> set[Oid]:
    """List all objects that an object of the source reaches; blobs are not read.

    git runs in the target, so that configuration, grafts and replacements of the source have no effect.
    Raises `Corrupt` if an object is missing.
    """
    command = ("rev-list", "--objects", "--no-object-names", str(root))
    try:
        listed = target.git(*command, variables=borrow_objects(source))
    except GitFailed as error:
        raise Corrupt(
            f"{source.common} lacks an object that is needed: {error.message}",
            f"git -C {source.common} fsck reports what is wrong there",
        ) from error
    return {Oid(bytes.fromhex(line)) for line in listed.decode("ascii").split()}


def import_objects(target: Repository, source: Repository, needed: Collection[Oid]) -> ImportedBytes:
    """Import objects, which refer to no others, into a repository that may have some of them.

    Of a linked pack, the index is checked; of copied entries, each is checked against its id. The objects
    are durable on return, but no ref holds them yet: the caller keeps the target locked until one does.
    Raises `Corrupt` for a damaged source, and `GitstoreError` if the source does not stop changing.
    """
    for _ in range(_ATTEMPTS):
        source.objects.refresh()
        target.objects.refresh()
        try:
            imported = _import(target, source, frozenset(needed))
        except FileNotFoundError:
            continue  # git has repacked the source meanwhile: its objects are in other packs now
        target.objects.refresh()
        return imported
    raise GitstoreError(
        f"{source.common} does not stop changing", "wait for the commands that run there, then try again"
    )


def _import(target: Repository, source: Repository, needed: frozenset[Oid]) -> ImportedBytes:
    missing = {oid for oid in needed if not target.objects.freshen(oid)}
    directory = target.common / "objects" / "pack"
    directory.mkdir(exist_ok=True)
    duplicate = linkable.divide_packs_for(directory, source, needed=needed, missing=missing)
    linked = copied = 0
    found = linkable.find_linkable(source.objects, needed=needed, missing=missing)
    for pack in found.packs:
        pack.check_index()
        if _link_pack(pack, directory):
            linked += pack.size
        else:
            copied += pack.size
    copied += _pack_rest(target, source, found.missing)
    return ImportedBytes(linked - min(linked, duplicate), copied + min(linked, duplicate))


def _link_pack(pack: Pack, directory: Path) -> bool:
    """Link a pack into a directory, or copy it; return whether it was linked. The index comes last."""
    is_linked = _link_file(pack.path, directory)
    mark = KEEP_MARK if pack.is_plain else GIT_MARK
    with durable_file(directory, mark, suffix="keep") as keep:
        keep.rename(directory / pack.keep_path.name)
    _link_file(pack.index.path, directory)
    sync_directory(directory)
    return is_linked


def _link_file(source: Path, directory: Path) -> bool:
    """Link a file that never changes into a directory, or copy it; return whether it was linked."""
    try:
        os.link(source.resolve(strict=True), directory / source.name)
    except FileExistsError:
        return True
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _copy_file(source, directory)
        return False
    return True


def _copy_file(source: Path, directory: Path) -> None:
    """Copy a file. The copy is complete and durable before it gets its name."""
    with directories.hidden(directory, source.name) as staging:
        file = SourceFile(source, Stamp.of(source.stat()))
        copying.copy_files(Listing({os.fsencode(source.name): file}, {}), staging)
        copied = staging / source.name
        copied.chmod(0o444)
        sync_file(copied)
        copied.rename(directory / source.name)


def _pack_rest(target: Repository, source: Repository, missing: Iterable[Oid]) -> int:
    """Write the objects that are still missing into new packs; return their bytes.

    Entries of gitstore's packs are copied as they are. Packs of git have deltas, which are worth keeping:
    git packs their objects, and loose ones with them.
    """
    plain: dict[Pack, list[int]] = defaultdict(list)
    packed_by_git: list[Oid] = []
    loose: list[Oid] = []
    ours = {pack for pack in source.objects.packs if pack.is_plain}
    for oid in missing:
        packed = source.objects.find(oid)
        if packed is None:
            loose.append(oid)
        elif packed.pack in ours:
            plain[packed.pack].append(packed.position)
        else:
            packed_by_git.append(oid)
    by_git = 0
    if packed_by_git:
        path = pack_by_git(target, [*packed_by_git, *loose], variables=borrow_objects(source))
        by_git = path.stat().st_size
    return by_git + _write_pack(target, source, plain=plain, loose=[] if packed_by_git else loose)


def _write_pack(
    target: Repository, source: Repository, *, plain: dict[Pack, list[int]], loose: list[Oid]
) -> int:
    """Write a pack of entries of gitstore's packs, in their order there, and of loose objects."""
    with PackWriter(target.common / "objects" / "pack") as writer:
        for pack, positions in sorted(plain.items(), key=lambda item: item[0].path):
            ordered = sorted(positions, key=pack.index.offset)
            copy_entries((Packed(pack, position) for position in ordered), writer)
        for oid in sorted(loose):
            kind, content = source.objects.read(oid, at_most=limits.IN_MEMORY)
            writer.append(oid, entry_header(kind, len(content)) + deflate(content))
        written = writer.finish()
    return written.size if written is not None else 0
