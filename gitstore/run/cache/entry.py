"""An entry of the cache: the files of a tree, and the manifest by which any change of them shows.

state-TREE/NAME/files/     what a model sees; read-only, directories too
state-TREE/NAME/manifest   the stamps of all that is in files/
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gitstore.bigfiles import extract, stored
from gitstore.disk.atomic import sync_tree
from gitstore.disk.construction import construction
from gitstore.disk.directories import measure_size
from gitstore.disk.permissions import seal
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.run.cache import manifest

_FILES = "files"
_MANIFEST = "manifest"


class CacheEntry(NamedTuple):
    """An entry: its directory, its kind (`code` or `state`) and its tree."""

    path: Path
    kind: str
    tree: Oid

    @property
    def files(self) -> Path:
        """The directory that a model sees."""
        return self.path / _FILES

    @property
    def size(self) -> int:
        """The bytes of its files."""
        stamps = manifest.read(self.path / _MANIFEST)
        return stamps.size if stamps is not None else measure_size(self.path)

    def is_sound(self) -> bool:
        """Whether its files have the same stamps as when they were made."""
        stamps = manifest.read(self.path / _MANIFEST)
        return stamps is not None and stamps.fits(self.files)


def make_entry(repository: Repository, entry: CacheEntry, progress: Progress) -> None:
    """Make an entry, which gets its name when all of it is on disk. Raises `Corrupt` and `OSError`."""
    stored_files = list(stored.list_files(repository.objects, entry.tree, joined=entry.kind == "state"))
    with construction(entry.path) as hidden:
        files = hidden / _FILES
        files.mkdir()
        extract.extract_files(repository.objects, stored_files, files, progress=progress)
        seal(files)
        sync_tree(files)  # before the stamps are read: a file system may set times when it writes
        manifest.write(files, hidden / _MANIFEST)
