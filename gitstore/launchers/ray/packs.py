"""Packs as streams of blocks: of any size, and never wholly in memory.

Stock git writes and reads them. It copies entries of packs as they are, and hashes all that arrives.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Generator, Iterable

from gitstore.errors import Corrupt
from gitstore.git import process as git
from gitstore.git.config import BIG_FILE_THRESHOLD
from gitstore.git.process import GitFailed
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid

BLOCK = 4 << 20
"""The bytes of a block that `read_pack` yields."""

_WHOLE = ("-c", f"core.bigFileThreshold={BIG_FILE_THRESHOLD}")
"""An option that keeps large objects out of git's memory."""


def read_pack(repository: Repository, oids: Collection[Oid]) -> Generator[bytes]:
    """Yield a pack of exactly these objects in blocks of `BLOCK` bytes; the last one may be shorter.

    Raises `Corrupt` if an object is missing or damaged.
    """
    command = (*_WHOLE, "pack-objects", "--quiet", "--stdout", "--delta-base-offset")
    with tempfile.TemporaryFile() as listing:
        listing.write(b"".join(b"%s\n" % str(oid).encode() for oid in oids))
        listing.seek(0)
        try:
            yield from git.read_blocks(
                *repository.without_hooks, *command, size=BLOCK,
                cwd=repository.directory, stdin=listing, variables=repository.variables,
            )  # fmt: skip
        except GitFailed as error:
            raise Corrupt(
                f"{repository.common} has objects that cannot be packed: {error.message}",
                "gitstore verify --all reports what is damaged",
            ) from error


def write_pack(repository: Repository, blocks: Iterable[bytes]) -> None:
    """Add the objects of a pack that comes in blocks. They exist when all of it is there and sound.

    Raises `Corrupt` if it is not.
    """
    command = (*_WHOLE, "index-pack", "--stdin")
    try:
        git.write_blocks(blocks, *command, cwd=repository.directory, variables=repository.variables)
    except GitFailed as error:
        raise Corrupt(f"a pack arrived damaged: {error.message}", "run the same command again") from error
    repository.objects.refresh()
