"""Files that `init` adds to a directory of the user: written whole, over nothing, and taken back on failure.

Whoever writes here has checked before that all of it can be written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from gitstore.disk.hidden_names import new_path, old_path
from gitstore.errors import GitstoreError


def read_replaced(path: Path) -> bytes | None:
    """Return what a file was before a call that was killed replaced it; `None` if none did."""
    old = old_path(path)
    return old.read_bytes() if old.is_file() else None


def sweep_leftovers(top: Path, names: Iterable[str]) -> None:
    """Remove what killed calls have left of writing some files."""
    for path in (top / name for name in names):
        new_path(path).unlink(missing_ok=True)
        old_path(path).unlink(missing_ok=True)


@contextmanager
def add_files(top: Path, files: Mapping[str, bytes], *, replaced: Mapping[str, bytes]) -> Iterator[None]:
    """Write files that are not there, and replace others, for good if the block ends well.

    A kill leaves whole files, of these and no others. After an error all is as before: what was not
    written here stays, whoever wrote it. Raises `GitstoreError` for a file that appears meanwhile.
    """
    written: list[Path] = []
    new_directories: list[Path] = []
    old_files: dict[Path, Path] = {}
    try:
        for name, content in files.items():
            new_directories += _make_parents(top, PurePosixPath(name))
            _write_file(top / name, content)
            written.append(top / name)
        for name, content in replaced.items():
            _replace_file(top / name, content, old_files)
        yield
    except BaseException:
        for path, old in old_files.items():
            old.replace(path)
        for path in written:
            path.unlink(missing_ok=True)
        for path in reversed(new_directories):
            with suppress(OSError):  # something else is in the directory now
                path.rmdir()
        raise
    for old in old_files.values():
        old.unlink(missing_ok=True)


def _make_parents(top: Path, path: PurePosixPath) -> Iterator[Path]:
    """Make the directories that a file needs. Yields those that are new."""
    for parent in reversed([*path.parents][:-1]):
        with suppress(FileExistsError):
            (top / parent).mkdir()
            yield top / parent


def _write_file(path: Path, content: bytes) -> None:
    """Write a new file: whole, or not at all."""
    scratch = new_path(path)
    try:
        scratch.write_bytes(content)
        _link_into_place(scratch, path)
    except FileExistsError as error:
        raise GitstoreError(
            f"{path} has appeared meanwhile", "check it, then run gitstore init again"
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def _link_into_place(scratch: Path, path: Path) -> None:
    try:
        os.link(scratch, path)  # unlike a rename, this fails if the path exists
    except FileExistsError:
        raise
    except OSError as error:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(path) from error
        scratch.rename(path)


def _replace_file(path: Path, content: bytes, old_files: dict[Path, Path]) -> None:
    """Replace a file at one instant. The old one is kept, so undoing this needs no space."""
    scratch = new_path(path)
    old = old_path(path)
    try:
        shutil.copy2(path, scratch)  # with its mode
        scratch.write_bytes(content)
        shutil.copy2(path, old)
        old_files[path] = old
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
