"""A sandbox as its guardian sees it: starting it, watching it, and why it ended.

guardian       the user who runs gitstore, or root
  bwrap        that user, or as root one without privileges
    init       process 1 of the sandbox
      worker   leader of its own session
"""

from __future__ import annotations

import _socket
import marshal
import os

from . import cgroup, staging
from .cores import Cores
from .watchdog import INTERVAL, Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

SIGKILL = 9


class RunningSandbox:
    """A sandbox that runs. `plan` is what `gitstore.sandbox.plan` has made, in the form of marshal."""

    interval = INTERVAL

    def __init__(self, plan: str) -> None:
        self._plan: dict[str, Any] = marshal.loads(bytes.fromhex(plan))  # noqa: S302 - gitstore made it
        self._limits: dict[str, int] = self._plan["limits"]
        self._watchdog = Watchdog(self._limits, self._plan["out"])
        # What lies on the scratch disk is memory, too.
        self._cgroup = cgroup.create(self._limits["memory"] + self._limits["disk"])
        self._result: _socket.socket
        self._errors = -1
        self._cores: Cores
        self._is_ready = self._is_full = False
        self._reason = ""
        self._peak = 0

    def start(self, command: list[str], *, socket: int, output: int) -> int:
        """Start the sandbox in a child process, and return its id. `command` is the worker's."""
        self._result, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self._errors, errors = os.pipe()
        self._cores = Cores(self._limits["cores"], f"gitstore-{os.getuid()}")
        child = os.fork()
        if child == 0:
            os.dup2(errors, 2)  # bwrap's own messages
            descriptors = theirs.fileno(), output, socket
            for descriptor in descriptors:
                os.set_inheritable(descriptor, True)
            numbers = (*descriptors, self._limits["out"], self._limits["processes"])
            self._enter([*map(str, numbers), *command])
        theirs.close()
        os.close(errors)
        os.close(output)
        return child

    @property
    def result(self) -> int:
        """The descriptor that is readable when `receive` has something to do."""
        return self._result.fileno()

    def receive(self) -> int | None:
        """Act on a message from inside. Return the worker's wait status at its end, else `None`."""
        try:
            message, ancillary, _, _ = self._result.recvmsg(64, _socket.CMSG_SPACE(12))
        except OSError:
            message, ancillary = b"", []
        if not message:  # process 1 is gone, by no fault of its own
            self._reason = "lost"
            return SIGKILL
        if not self._is_ready:
            (_, _, data) = ancillary[0]
            descriptors = memoryview(data).cast("i").tolist()
            self._watchdog.watch(descriptors)
            self._is_ready = True
            return None
        try:
            status, is_full, self._peak = map(int, message.split())
        except ValueError:  # the model has got hold of process 1
            return SIGKILL
        self._is_full = bool(is_full) and status != 0
        return status & 0xFFFF

    def find_excess(self) -> bool:
        """Whether the sandbox has exceeded a limit, and is to be killed."""
        if self._cgroup is not None and self._cgroup.count_kills():
            # The kernel may have killed a child alone, which the model would wait for.
            self._reason = "out_of_memory"
        else:
            self._reason = self._watchdog.find_excess() or ""
        return bool(self._reason)

    def finish(self, status: int) -> str:
        """Clean up after the end of all processes; return `REASON PEAK TEXT` for gitstore."""
        reason, text = self._reason, ""
        if not self._is_ready:
            reason, text = "not_started", os.read(self._errors, 4096).decode(errors="replace")
        elif not reason and self._is_full:
            reason = "disk_full"
        if self._cgroup is not None:
            if reason in ("", "lost") and status == SIGKILL and self._cgroup.count_kills():
                reason = "out_of_memory"
            self._cgroup.remove()
        return f"{reason or '-'} {max(self._peak, self._watchdog.peak)} {' '.join(text.split())}"

    def _enter(self, command: list[str]) -> NoReturn:
        """Become bwrap."""
        try:
            if self._cgroup is not None:
                try:
                    self._cgroup.enter()
                except OSError:
                    pass
            os.sched_setaffinity(0, self._cores.numbers)
            _leave_keyring()
            program, binds = self._plan["program"], self._plan["binds"]
            if self._plan["user"] is not None:
                program, binds = self._stage(program, binds)
            arguments = [*self._plan["before"], "--seccomp", str(self._pass_filter())]
            for source, target, is_writable, _ in binds:
                arguments += ["--bind" if is_writable else "--ro-bind", source, target]
            os.execv(program, [program, *arguments, *self._plan["after"], *command])  # noqa: S606
        except OSError as error:
            os.write(2, str(error).encode())
        finally:
            os._exit(127)

    def _stage(self, program: str, binds: list[Any]) -> tuple[str, list[Any]]:
        """Return program and binds by the paths that the user of the sandbox can reach, and become them."""
        user: int = self._plan["user"]
        folder = self._plan["program_directory"]
        own = [(source, is_writable) for source, _, is_writable, is_own in binds if is_own]
        places = iter(staging.stage([(folder, False), *own], user))
        staging.drop_privileges(user)
        program = next(places) + program[len(folder) :]
        return program, [(next(places) if bind[3] else bind[0], *bind[1:]) for bind in binds]

    def _pass_filter(self) -> int:
        """Return a descriptor of the filter of system calls, which bwrap reads."""
        descriptor = os.memfd_create("filter", 0)
        os.write(descriptor, self._plan["filter"])
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


def _leave_keyring() -> None:
    """Join a new session keyring, keyrings(7): that of the user may hold keys."""
    number = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    if number is not None:
        staging._libc.syscall(number, 1, None)  # KEYCTL_JOIN_SESSION_KEYRING
