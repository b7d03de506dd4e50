"""What is seen inside a sandbox, and at which path.

    /model/code, /model/state   the model's files, read-only
    /model/out                  the only place whose files outlive the operation
    /gitstore/                  gitstore's own programs
    /tmp                        the scratch disk, with the home directory /tmp/home
    /usr/lib, /usr/bin, …       the system's libraries and programs, read-only

The interpreter, the environment and the directories that the user binds have the same paths as outside.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gitstore import layout
from gitstore.errors import GitstoreError
from gitstore.sandbox.interpreter import find_interpreter

CODE, STATE, OUT = "/model/code", "/model/state", "/model/out"
WORKER, INIT = "/gitstore/worker", "/gitstore/init.py"
HOME = "/tmp/home"  # noqa: S108 - inside the sandbox

_ROOM = Path(__file__).parent
_INIT = _ROOM / "programs" / "init.py"

_SYSTEM = (
    "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec",
    "/usr/include", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/alternatives", "/etc/ld.so.cache",
    "/sys/devices/system/cpu", "/nix/store", "/gnu/store",
)  # fmt: skip
_MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Links into /usr on most systems, directories on others."""
_COVERED = ("/proc/keys", "/proc/key-users")
"""Files that say something about the user, whatever the namespace."""
_NETWORK = (
    "/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
    "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates",
)  # fmt: skip
_RESERVED = ("/dev", "/etc", "/gitstore", "/model", "/proc", "/sys", "/usr")


class Bind(NamedTuple):
    """A file or directory that is shown at `target`. The user's own may be closed to others."""

    source: str
    target: str
    is_writable: bool = False
    is_own: bool = True


@dataclass
class View:
    """The view of one operation. `hidden` are directories that are covered by empty ones."""

    binds: list[Bind] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    out: str | None = None


def build_view(
    python: Path, directories: Iterable[Path], *, worker: Path, binds: Iterable[Path], network: bool
) -> View:
    """Return what every operation with this interpreter sees: no model yet."""
    view = View()
    _add_system(view, network=network)
    interpreter = find_interpreter(python)
    for path in _drop_inner([*binds, *directories, *interpreter.directories]):
        if not any(path.is_relative_to(bind.target) for bind in view.binds):
            view.binds.append(Bind(str(path), str(path)))
    shown = [bind.target for bind in view.binds]
    for target, path in interpreter.links:
        if not any(path.is_relative_to(place) for place in shown):
            view.links.append((target, str(path)))
    view.binds.append(Bind(str(worker), WORKER))
    view.binds.append(Bind(str(_INIT), INIT))
    view.binds += [Bind(str(_ROOM / "etc" / name), f"/etc/{name}") for name in ("passwd", "group")]
    return view


def add_model(view: View, code: Path, *, state: Path | None, out: Path | None) -> None:
    """Show the files of a model. Its code may be a whole repository, whose other parts are hidden.

    Raises GitstoreError for a state with a socket, pipe or device: whoever sees one can use it, even if it is
    read-only.
    """
    view.binds.append(Bind(str(code.absolute()), CODE))
    for name in (".git", layout.STATES):
        if (code / name).is_dir() and not (code / name).is_symlink():
            view.hidden.append(f"{CODE}/{name}")
    if (code / ".git").is_file():
        view.binds.append(Bind(os.devnull, f"{CODE}/.git", is_own=False))
    if state is not None:
        _refuse_special_files(state)
        view.binds.append(Bind(str(state.absolute()), STATE))
    if out is not None:
        view.binds.append(Bind(str(out.absolute()), OUT, is_writable=True))
        view.out = str(out.absolute())


def _refuse_special_files(directory: Path) -> None:
    pending = [str(directory)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif not entry.is_symlink() and not entry.is_file(follow_symlinks=False):
                    raise GitstoreError(
                        f"{entry.path} is a socket, pipe or device, which no state can have", "remove it"
                    )


def check_bind(path: Path) -> Path:
    """Return the absolute path of a directory to show. Raises GitstoreError if it cannot be shown."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own path
    if not path.is_dir():
        raise GitstoreError(f"--bind {path}: there is no such directory")
    if path == Path("/") or path == Path("/tmp") or path.is_relative_to("/proc"):  # noqa: S108
        raise GitstoreError(
            f"--bind {path}: this would show more than data", "name the directory of the data"
        )
    if any(path.is_relative_to(reserved) for reserved in _RESERVED):
        raise GitstoreError(f"--bind {path}: the sandbox has a directory of its own there")
    return path


def _add_system(view: View, *, network: bool) -> None:
    for path in _SYSTEM + (_NETWORK if network else ()):
        if os.path.exists(path):  # noqa: PTH110 - a string is what we need
            # resolv.conf is often a link into /run.
            view.binds.append(Bind(os.path.realpath(path), path, is_own=False))
    for path in _COVERED:
        if os.path.exists(path):  # noqa: PTH110
            view.binds.append(Bind(os.devnull, path, is_own=False))
    for path in _MERGED:
        if os.path.islink(path):  # noqa: PTH114
            view.links.append((os.readlink(path), path))  # noqa: PTH115
        elif Path(path).is_dir():
            view.binds.append(Bind(path, path, is_own=False))


def _drop_inner(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths that lie in none of the others, once each."""
    unique = list(dict.fromkeys(paths))
    for path in unique:
        if not any(path != other and path.is_relative_to(other) for other in unique):
            yield path
