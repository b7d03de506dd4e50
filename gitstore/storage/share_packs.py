"""Bringing a commit, or a tag, with all that it needs from one repository into another.

Packs that lie wholly within what is needed are hardlinked: the file system counts who has them, so
that each repository collects its own garbage and neither can harm the other. What else is needed is
copied into packs of its own. An object that is not needed never comes along.
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
from gitstore.git.repository import BIG_FILE_THRESHOLD, Repository
from gitstore.objects.prune import MOST_DEAD
from gitstore.packs import limits
from gitstore.packs.compression import deflate
from gitstore.packs.copy_entries import copy_entries
from gitstore.packs.format import entry_header
from gitstore.packs.oid import Oid
from gitstore.packs.pack import Pack, Packed
from gitstore.packs.writer import GIT_MARK, KEEP_MARK, PackWriter
from gitstore.staging.stage import borrowing

_CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP)
"""Another file system, fs.protected_hardlinks, too many links, or a file system that has none."""

_TRIES = 5
"""How often to look again when git repacks the source meanwhile."""


class Brought(NamedTuple):
    """Bytes of pack files: linked, which cost nothing, and copied."""

    linked: int
    copied: int


NOTHING = Brought(linked=0, copied=0)


def closure(target: Repository, source: Repository, root: Oid) -> set[Oid]:
    """All objects that can be reached from one of the source's; blobs are not read.

    git asks in the target, so that no configuration, graft or replacement of the source has a say.
    Raises `Corrupt` if one is missing.
    """
    command = ("rev-list", "--objects", "--no-object-names", str(root))
    try:
        listed = target.git(*command, variables=borrowing(source))
    except GitFailed as error:
        raise Corrupt(
            f"{source.common} lacks something that is needed: {error.message}",
            f"git -C {source.common} fsck tells what is wrong there",
        ) from error
    return {Oid(bytes.fromhex(line)) for line in listed.decode("ascii").split()}


def bring(target: Repository, source: Repository, needed: Collection[Oid]) -> Brought:
    """Bring objects, which refer to no others, into a repository that may have some of them.

    A pack that is linked is as sound as its index; each entry that is copied is checked against its id.
    Durable on return, but nothing refers to them yet: the caller holds the target's lock until a ref
    does. Raises `Corrupt` for a damaged source, and `GitstoreError` if it changes all the time.
    """
    for _ in range(_TRIES):
        source.objects.refresh()
        target.objects.refresh()
        try:
            brought = _bring(target, source, frozenset(needed))
        except FileNotFoundError:
            continue  # git has repacked it meanwhile: all is there, under other names
        target.objects.refresh()
        return brought
    raise GitstoreError(f"{source.common} changes all the time", "let what runs there finish, then try again")


def _bring(target: Repository, source: Repository, needed: frozenset[Oid]) -> Brought:
    missing = {oid for oid in needed if not target.objects.freshen(oid)}
    directory = target.common / "objects" / "pack"
    directory.mkdir(exist_ok=True)
    linked = copied = 0
    for pack in sorted(source.objects.packs, key=lambda pack: (-pack.size, pack.path.name)):
        oids = set(pack.index.oids())
        if oids <= needed and _is_new(pack, oids - missing):
            pack.check_index()
            if _take_over(pack, directory):
                linked += pack.size
            else:
                copied += pack.size
            missing -= oids
    return Brought(linked, copied + _pack_rest(target, source, missing))


def _is_new(pack: Pack, known: Collection[Oid]) -> bool:
    """Whether there is little in a pack that is there already: else the rest of it is cheaper."""
    positions = (pack.index.find(oid) for oid in known)
    twice = sum(Packed(pack, position).disk_size for position in positions if position is not None)
    return len(known) < pack.index.count and twice * MOST_DEAD <= pack.size


def _take_over(pack: Pack, directory: Path) -> bool:
    """Link a pack into a directory, or copy it; whether it is linked. The index comes last."""
    is_linked = _place(pack.path, directory)
    mark = KEEP_MARK if pack.is_plain else GIT_MARK
    with durable_file(directory, mark, suffix="keep") as keep:
        keep.rename(directory / pack.keep_path.name)
    _place(pack.index.path, directory)
    sync_directory(directory)
    return is_linked


def _place(source: Path, directory: Path) -> bool:
    """Have a file that never changes in a directory, too; whether it is the same file."""
    try:
        os.link(source.resolve(strict=True), directory / source.name)
    except FileExistsError:
        return True
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _copy(source, directory)
        return False
    return True


def _copy(source: Path, directory: Path) -> None:
    """Copy a file, whole and durable before it has its name."""
    with directories.hidden(directory, source.name) as staging:
        file = SourceFile(source, Stamp.of(source.stat()))
        copying.copy(Listing({os.fsencode(source.name): file}, {}), staging)
        copied = staging / source.name
        copied.chmod(0o444)
        sync_file(copied)
        copied.rename(directory / source.name)


def _pack_rest(target: Repository, source: Repository, missing: Iterable[Oid]) -> int:
    """Write what no pack has brought into packs of its own; returns their bytes.

    Entries of our packs are copied as they stand. In what git packed there are deltas, which are worth
    keeping: git packs those objects, and loose ones with them.
    """
    plain: dict[Pack, list[int]] = defaultdict(list)
    others: list[Oid] = []
    loose: list[Oid] = []
    ours = {pack for pack in source.objects.packs if pack.is_plain}
    for oid in missing:
        packed = source.objects.find(oid)
        if packed is None:
            loose.append(oid)
        elif packed.pack in ours:
            plain[packed.pack].append(packed.position)
        else:
            others.append(oid)
    by_git = _pack_by_git(target, source, [*others, *loose]) if others else 0
    return by_git + _write(target, source, plain, [] if others else loose)


def _write(target: Repository, source: Repository, plain: dict[Pack, list[int]], loose: list[Oid]) -> int:
    """Write a pack of entries of our packs, in the order that they have there, and of loose objects."""
    with PackWriter(target.common / "objects" / "pack") as writer:
        for pack, positions in sorted(plain.items(), key=lambda item: item[0].path):
            ordered = sorted(positions, key=pack.index.offset)
            copy_entries((Packed(pack, position) for position in ordered), writer)
        for oid in sorted(loose):
            kind, content = source.objects.read(oid, at_most=limits.IN_MEMORY)
            writer.append(oid, entry_header(kind, len(content)) + deflate(content))
        written = writer.finish()
    return written.size if written is not None else 0


def _pack_by_git(target: Repository, source: Repository, oids: list[Oid]) -> int:
    """Let git write a pack in the target, with the deltas that the source has; returns its bytes."""
    directory = target.common / "objects" / "pack"
    name = target.git(
        "-c", f"core.bigFileThreshold={BIG_FILE_THRESHOLD}", "-c", "core.fsync=committed",
        "pack-objects", "--quiet", "--delta-base-offset", str(directory / "pack"),
        stdin="".join(f"{oid}\n" for oid in oids).encode(), variables=borrowing(source),
    ).decode().strip()  # fmt: skip
    with durable_file(directory, GIT_MARK, suffix="keep") as keep:
        keep.rename(directory / f"pack-{name}.keep")
    sync_directory(directory)
    return (directory / f"pack-{name}.pack").stat().st_size
