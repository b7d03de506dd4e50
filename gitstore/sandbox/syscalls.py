"""The filter of system calls: a program of classic BPF, seccomp(2), which bubblewrap loads.

A namespace does not cover everything. Keys of the user, sockets to the hypervisor (vsock(7)) and to modules
of the kernel, memory that belongs to no process (shmget(2)), and system calls that have often had holes and
that no model needs are refused with an error. A process cannot take more cores than it was given: libraries
that pin their threads are told that it worked.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from typing import NamedTuple

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
ALLOW, FAIL = 0x7FFF0000, 0x00050000

FAMILIES = (1, 2, 10, 16)
"""The families of sockets that are allowed: UNIX, IPv4, IPv6, and netlink, which finds no network."""

REFUSED = (
    "add_key", "bpf", "io_uring_enter", "io_uring_register", "io_uring_setup", "kexec_file_load",
    "kexec_load", "keyctl", "open_by_handle_at", "perf_event_open", "request_key", "shmget", "userfaultfd",
)  # fmt: skip


class _Machine(NamedTuple):
    """An architecture: its number in audit(8), numbers of system calls, and those of `REFUSED`, in order."""

    audit: int
    socket: int
    sched_setaffinity: int
    refused: tuple[int, ...]
    foreign: int = 1 << 31
    """The first number that belongs to another way of calling the same kernel."""


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E, 41, 203, (248, 321, 426, 427, 425, 320, 246, 250, 304, 298, 249, 29, 323), foreign=1 << 30
    ),
    "aarch64": _Machine(
        0xC00000B7, 198, 122, (217, 280, 426, 427, 425, 294, 104, 219, 265, 241, 218, 194, 282)
    ),
}


def build_filter(machine: str | None = None) -> bytes | None:
    """Return the filter for an architecture, by default this machine's; `None` if it is not known."""
    numbers = _MACHINES.get(machine or os.uname().machine)
    if numbers is None or sys.byteorder != "little":
        return None
    refuse = FAIL | errno.EPERM
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, numbers.audit),
        (RETURN, 0, 0, FAIL | errno.ENOSYS),  # programs of 32 bits
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, numbers.foreign),
        (RETURN, 0, 0, FAIL | errno.ENOSYS),
    ]
    for number in numbers.refused:
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, refuse)]
    program += [(EQUAL, 0, 1, numbers.sched_setaffinity), (RETURN, 0, 0, FAIL)]  # no error, and no effect
    program += [(EQUAL, 1, 0, numbers.socket), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, FIRST_ARGUMENT)]
    for family in FAMILIES:
        program += [(EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    program.append((RETURN, 0, 0, FAIL | errno.EAFNOSUPPORT))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
