"""The process between gitstore and a worker. It ends after all processes that the worker started.

`python -I -S guardian.py CONTROL SOCKET READ_ONLY COMMAND…` runs COMMAND with SOCKET as its last argument,
and ends with the same exit code or signal. It kills everything when gitstore's end of the socket CONTROL is
closed, which means that gitstore has finished or was killed. Then it also removes the directory that gitstore
made for the worker, and that it is in itself.

With `--sandbox ROOM PLAN OUTPUT` in the place of READ_ONLY, COMMAND runs in a sandbox, which the module
`programs.sandboxed` in ROOM starts and watches; it prints to the descriptor OUTPUT. At its end,
the guardian writes to CONTROL why the worker ended. Without a sandbox:

    guardian     subreaper, prctl(2): orphans become its children
      init       if allowed, process 1 of a pid namespace, pid_namespaces(7), whose processes end with it
        worker   leader of its own session

In a pid namespace, a worker sees neither gitstore nor the guardian, so it cannot kill them, and the directory
READ_ONLY is mounted read-only for it. Root can create a pid namespace, and others can if the system allows
user namespaces. Otherwise, a malicious worker can kill the guardian and escape.

It runs alone, without gitstore and without site-packages. It starts before each worker, so it imports only
modules that load fast: neither pathlib, nor contextlib, nor signal.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

NEW_MOUNTS, NEW_USER, NEW_PIDS = 0x20000, 0x10000000, 0x20000000
READ_ONLY, NO_SETUID, NO_DEVICES, NO_PROGRAMS = 1, 2, 4, 8
REMOUNT, BIND, RECURSIVE, SLAVE = 32, 1 << 12, 1 << 14, 1 << 19
NO_ACCESS_TIME, NO_DIRECTORY_TIME, RELATIVE_TIME = 1 << 10, 1 << 11, 1 << 21
ST_RELATIME = 1 << 12
DIE_WITH_PARENT, SUBREAPER = 1, 36
SIGKILL = 9

SCRATCH = "gitstore-"
"""The start of the name of a worker's directory."""

PATIENCE = 5.0
"""The most seconds to wait for processes that cannot be killed."""

_libc: Any = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> NoReturn:
    """Run a worker until it ends or gitstore is gone, and end with its exit code or signal."""
    control, socket = int(arguments[0]), int(arguments[1])
    os.set_inheritable(control, False)
    _prctl(SUBREAPER, 1)
    if arguments[2] == "--sandbox":
        _guard_sandbox(control, socket, arguments[3:])
    read_only, command = arguments[2], [*arguments[3:], arguments[1]]
    isolated = _succeeds(lambda: _isolate() and _succeeds(lambda: _mount_all(read_only))) and _isolate()
    reading_end, writing_end = os.pipe()
    init = os.fork()
    if init == 0:
        os.close(control)
        os.close(reading_end)
        _run_init(command, socket, writing_end, read_only=read_only if isolated else None)
    os.close(writing_end)
    os.close(socket)
    poll = _open_poll(control, reading_end)
    stopped = any(descriptor == control for descriptor, _ in poll.poll())
    status = b"" if stopped else os.read(reading_end, 8)
    _kill_children(init)
    if stopped:
        _remove_directory()
    _report(control, b"- 0 ")
    _end_like(int.from_bytes(status, "little") if len(status) == 8 else SIGKILL)


def _guard_sandbox(control: int, socket: int, arguments: list[str]) -> NoReturn:
    """Do the same with a sandbox, and report to `control` why it ended."""
    sys.path.append(arguments[0])
    programs = __import__("programs.sandboxed", fromlist=["sandboxed"])
    sandbox = programs.RunningSandbox(arguments[1])
    child = sandbox.start(arguments[3:], socket=socket, output=int(arguments[2]))
    os.close(socket)
    poll = _open_poll(control, sandbox.result)
    status, ready = None, list[int]()
    while status is None:
        ready = [descriptor for descriptor, _ in poll.poll(sandbox.interval)]
        if control in ready or (sandbox.result not in ready and sandbox.find_excess()):
            status = SIGKILL
        elif sandbox.result in ready:
            status = sandbox.receive()
    _kill_children(child)
    if control in ready:
        _remove_directory()
    _report(control, sandbox.finish(status).encode())
    _end_like(status)


def _remove_directory() -> None:
    """Remove the directory of the worker, as far as that is possible."""
    top = os.getcwd()
    if not os.path.basename(top).startswith(SCRATCH):
        return
    for folder, folders, names in os.walk(top, topdown=False):
        for name in [*folders, *names]:
            _remove(os.path.join(folder, name))
    _remove(top)


def _remove(path: str) -> None:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)
    except OSError:
        pass


def _report(control: int, text: bytes) -> None:
    try:
        os.write(control, text)
    except OSError:
        pass  # gitstore is gone


def _open_poll(control: int, result: int) -> select.poll:
    poll = select.poll()
    poll.register(control, 0)  # only POLLHUP, which poll always reports
    poll.register(result, select.POLLIN)
    return poll


def _run_init(command: list[str], socket: int, result: int, *, read_only: str | None) -> NoReturn:
    """Start the worker, reap orphans, and write the wait status of the worker to `result`."""
    try:
        _prctl(DIE_WITH_PARENT, SIGKILL)
        if read_only is not None:
            _mount_all(read_only)
        worker = os.fork()
        if worker == 0:
            _prctl(DIE_WITH_PARENT, SIGKILL)
            os.setsid()
            os.execv(command[0], command)  # noqa: S606 - a shell would be one process more
        os.close(socket)
        ended, status = os.wait()
        while ended != worker:
            ended, status = os.wait()
        os.write(result, status.to_bytes(8, "little"))
    finally:
        os._exit(127)  # this fork must never return


def _isolate() -> bool:
    """Put later children into a new pid namespace; return whether that is allowed.

    Root can do it directly, others in a new user namespace.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        if user == 0 and _libc.unshare(NEW_PIDS) == 0:
            return True
        if _libc.unshare(NEW_USER | NEW_PIDS) != 0:
            return False
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    except (OSError, AttributeError):  # the system does not support it, or does not allow it
        return False
    return True


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _mount_all(read_only: str) -> bool:
    """Mount /proc for the namespace, and `read_only` as read-only; return whether /proc could be mounted.

    Without it, the process ids in /proc would be those of another namespace.
    """
    try:
        if _libc.unshare(NEW_MOUNTS) != 0:
            return False
        _mount("none", "/", flags=RECURSIVE | SLAVE)  # mounts in this namespace must not appear outside
        _mount("proc", "/proc", kind="proc", flags=NO_SETUID | NO_DEVICES | NO_PROGRAMS)
    except OSError:
        return False
    try:
        _mount(read_only, read_only, flags=BIND)
        _mount("none", read_only, flags=REMOUNT | BIND | READ_ONLY | _locked_flags(read_only))
    except OSError:
        pass
    return True


def _mount(source: str, target: str, *, kind: str = "", flags: int) -> None:
    names = [os.fsencode(name) for name in (source, target, kind)]
    if _libc.mount(*names, ctypes.c_ulong(flags), None) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def _locked_flags(path: str) -> int:
    """Return the flags that a user namespace must not remove from a mount."""
    mounted = os.statvfs(path).f_flag
    flags = mounted & (NO_SETUID | NO_DEVICES | NO_PROGRAMS | NO_ACCESS_TIME | NO_DIRECTORY_TIME)
    return flags | (RELATIVE_TIME if mounted & ST_RELATIME else 0)


def _succeeds(attempt: Any) -> bool:
    """Whether a function returns true in a child process, which leaves this process unchanged."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if attempt() else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _kill_children(init: int) -> None:
    """Kill init, all other children, and the orphans that become our children meanwhile."""
    deadline = time.monotonic() + PATIENCE
    _kill(init)
    while not _reap() and time.monotonic() < deadline:
        time.sleep(0.001)
        # In a namespace, none remain after init, and listing all processes is slow.
        for child in [] if _reap() else _list_children():
            _kill(child)


def _reap() -> bool:
    """Reap the children that have ended; return whether none remain."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _list_children() -> list[int]:
    children = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            if int(fields[1]) == os.getpid():
                children.append(int(name))
        except (OSError, IndexError):
            pass
    return children


def _kill(process: int) -> None:
    try:
        os.kill(process, SIGKILL)
    except OSError:
        pass


def _prctl(option: int, value: int) -> None:
    try:
        _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0)
    except AttributeError:  # not on Linux
        pass


def _end_like(status: int) -> NoReturn:
    """End with the exit code or the signal of a wait status."""
    if os.WIFSIGNALED(status):
        import signal

        number = os.WTERMSIG(status)
        try:
            signal.signal(number, signal.SIG_DFL)
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # only the worker dumps core
        except (ImportError, ValueError, OSError):  # SIGKILL, for instance, has no handler
            pass
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
