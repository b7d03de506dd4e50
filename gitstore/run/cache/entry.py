"""An entry of the cache: the files of an object, and the manifest by which any change of them shows.

state-TREE/NAME/files/     what a model sees; read-only, directories too
state-TREE/NAME/manifest   the stamps of all that is in files/

Of a snapshot that another machine has sent, the files are those of a bare repository.
"""

from __future__ import annotations

from collections.abc import Callable
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
    """An entry: its directory, its kind (`code`, `state` or `snapshot`), and its tree or the tag."""

    path: Path
    kind: str
    oid: Oid

    @property
    def is_tree(self) -> bool:
        """Whether its files are those of a tree."""
        return self.kind != "snapshot"

    @property
    def files(self) -> Path:
        """The directory that a model sees, or the repository."""
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


def make_entry(path: Path, fill: Callable[[Path], None]) -> None:
    """Make an entry at `path`, which gets its name when all of it is on disk.

    `fill(directory)` makes its files. Raises what that raises, and `OSError`.
    """
    with construction(path) as hidden:
        files = hidden / _FILES
        files.mkdir()
        fill(files)
        seal(files)
        sync_tree(files)  # before the stamps are read: a file system may set times when it writes
        manifest.write(files, hidden / _MANIFEST)


def write_tree(
    repository: Repository,
    tree: Oid,
    directory: Path,
    *,
    joined: bool = False,
    progress: Progress = lambda _: None,
) -> None:
    """Write the files of a tree. With `joined`, files in parts are joined. Raises `Corrupt` and `OSError`."""
    stored_files = list(stored.list_files(repository.objects, tree, joined=joined))
    extract.extract_files(repository.objects, stored_files, directory, progress=progress)
