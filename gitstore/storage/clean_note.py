"""A note that gc found nothing to do in a bare repository, so that the next gc need not look again.

The note is a digest of the names and stamps of all files that the repository had. It holds as long as they
are the same, whoever changes one. It is written last, so a killed gc leaves none or an older one, which does
not fit the files any more.

Some files become garbage by time alone, or because a process ends: a quarantine, a pack without an index, a
half-made directory. So a repository is only noted if it has nothing but files of known kinds.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from gitstore import __version__
from gitstore.bigfiles.stat_cache import Stamp, read_file_clock
from gitstore.disk.atomic import replace_file
from gitstore.disk.hidden_names import new_path
from gitstore.packs.pack import is_our_mark

NOTE = "gitstore/nothing-to-collect"

_OWN = {NOTE, str(new_path(Path(NOTE)))}

_KNOWN = re.compile(
    r"HEAD|config|description|packed-refs|(info|hooks|branches)/.*|refs/.*(?<!\.lock)"
    r"|objects/((info/(packs|commit-graphs?(/.*)?)?)|[0-9a-f]{2}/([0-9a-f]{38})?)?"
    r"|objects/pack/(pack-[0-9a-f]{40}\.(pack|idx|rev|keep|bitmap))?"
    r"|objects/pack/multi-pack-index(-[0-9a-f]{40}\.(bitmap|rev))?"
    r"|gitstore/(refs-seen|lock|\w+\.lock)?"
)  # not objects/info/alternates: what is needed would depend on another repository
_MARK = re.compile(r"objects/pack/pack-[0-9a-f]{40}\.keep")
_PAIR = (".pack", ".idx")

_WRITTEN = re.compile(r"gitstore/.*|objects/pack/multi-pack-index.*|objects/info/(packs)?|info/(refs)?")
"""What a gc that finds nothing to do writes nevertheless. None of it decides what is needed."""

_PATIENCE = 0.1
"""The most seconds to wait for the file system's clock to pass the files' times. A tick takes 1 to 10 ms."""

Files = Mapping[str, Stamp]
"""The stamps of files by their paths below a repository. The path of a directory ends with a slash."""

_DIRECTORY = Stamp(0, 0, 0, 0)  # what is in it is listed, so its times add nothing


def list_files(repository: Path) -> Files:
    """Return all files and directories of a bare repository, without the note. Raises `OSError`."""
    return dict(sorted(_scan(repository)))


def is_noted(repository: Path) -> bool:
    """Whether a gc found nothing to do in a bare repository, and nothing there has changed since."""
    try:
        return (repository / NOTE).read_bytes() == _digest(list_files(repository))
    except OSError:
        return False


def note(repository: Path, before: Files) -> bool:
    """Note that a gc found nothing to do in a bare repository, whose files were `before` when it began.

    Nothing is noted if a file has changed since, or may become garbage without a change. Atomic. Returns
    whether it was noted.
    """
    files = _list_settled(repository)
    if files is None or _select_judged(files) != _select_judged(before) or not _is_clean(repository, files):
        return False
    try:
        replace_file(repository / NOTE, _digest(files))
    except OSError:  # a full disk: gc has done its work even so
        return False
    return True


def _scan(repository: Path) -> Iterator[tuple[str, Stamp]]:
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(repository / folder) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{path}/")
                    yield f"{path}/", _DIRECTORY
                elif path not in _OWN:
                    yield path, Stamp.of(entry.stat(follow_symlinks=False))


def _list_settled(repository: Path) -> Files | None:
    """Return all files when any later change will show in their stamps; `None` if that does not come."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        clock = read_file_clock()
        try:
            files = list_files(repository)
        except OSError:  # git removes a file at this moment
            return None
        if all(stamp.is_settled(clock) for stamp in files.values()):
            return files
        if time.monotonic() > deadline:
            return None
        time.sleep(0.001)


def _select_judged(files: Files) -> Files:
    """Return the files without those that gc writes although nothing is garbage."""
    return {path: stamp for path, stamp in files.items() if not _WRITTEN.fullmatch(path)}


def _is_clean(repository: Path, files: Files) -> bool:
    """Whether nothing here can become garbage without a change of these files."""
    stems = [{path[: -len(end)] for path in files if path.endswith(end)} for end in _PAIR]
    return (
        stems[0] == stems[1]
        and all(_KNOWN.fullmatch(path) for path in files)
        and all(is_our_mark(repository / path) for path in files if _MARK.fullmatch(path))
    )


def _digest(files: Files) -> bytes:
    """Return a digest of files and of our version: another one may find what this one does not."""
    lines = [f"{path}\0{stamp}" for path, stamp in files.items()]
    content = "\n".join([__version__, *lines]).encode("utf-8", "surrogateescape")
    return hashlib.sha256(content).hexdigest().encode() + b"\n"
