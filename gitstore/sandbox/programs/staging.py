"""Giving the directories of root to a user without privileges, for one process and its children.

Root's files are often closed to others, and so is the way to them: /root, for instance. So the directories
are mounted once more, in a mount namespace of this process, at places that everybody can reach. There, what
belongs to the owner of the directory belongs to the user of the sandbox: mount_setattr(2), "ID-mapped
mounts". What that user writes belongs to the owner on the disk. Where the kernel or the file system cannot do
that, the directory is mounted as it is, and one to write to changes its owner meanwhile.
"""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NEW_MOUNTS, NEW_USER = 0x20000, 0x10000000
RECURSIVE, PRIVATE, NO_SETUID, NO_DEVICES = 1 << 14, 1 << 18, 2, 4
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442  # the same on all architectures
CLONE, CLOSE_ON_EXEC, EMPTY_PATH, ALL_BELOW = 1, 0o2000000, 0x1000, 0x8000
FROM_EMPTY_PATH, MAP_IDS = 4, 0x100000
HERE = -100

PLACE = "/tmp"  # noqa: S108 - it exists everywhere, and is hidden for this process alone

_libc: Any = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]


def stage(sources: list[tuple[str, bool]], user: int) -> list[str]:
    """Mount each source for `user`; return the places, in the order of the sources.

    A source is a path, and whether the user may write there. Raises OSError.
    """
    _check(_libc.unshare(NEW_MOUNTS), "unshare")
    _mount("none", "/", flags=RECURSIVE | PRIVATE)
    namespaces: dict[tuple[int, int], int] = {}
    trees = [_clone(path, user, namespaces, writable=writable) for path, writable in sources]
    for namespace in namespaces.values():
        os.close(namespace)
    _mount("tmpfs", PLACE, kind="tmpfs", flags=NO_SETUID | NO_DEVICES, options="mode=0755,size=1m")
    places = []
    for number, ((path, _), tree) in enumerate(zip(sources, trees)):  # noqa: B905 - Python 3.9 has no strict
        places.append(f"{PLACE}/{number}")
        if os.path.isdir(f"/proc/self/fd/{tree}"):
            os.mkdir(places[-1])
        else:
            os.close(os.open(places[-1], os.O_CREAT | os.O_WRONLY))
        target = os.fsencode(places[-1])
        _check(_libc.syscall(MOVE_MOUNT, tree, b"", HERE, target, FROM_EMPTY_PATH), path)
        os.close(tree)
    os.chdir("/")
    return places


def drop_privileges(user: int) -> None:
    """Become `user`, with the group of the same number and no other. There is no way back."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _clone(path: str, user: int, namespaces: dict[tuple[int, int], int], *, writable: bool) -> int:
    """Return a mount of `path`, not yet at any place, on which its owner is `user`."""
    tree: int = _check(
        _libc.syscall(OPEN_TREE, HERE, os.fsencode(path), CLONE | CLOSE_ON_EXEC | ALL_BELOW), path
    )
    status = os.stat(path)
    owner = status.st_uid, status.st_gid
    if owner not in namespaces:
        namespaces[owner] = _create_namespace(owner, user)
    attributes = _Attributes(MAP_IDS, 0, 0, namespaces[owner])
    size = ctypes.sizeof(attributes)
    flags = EMPTY_PATH | ALL_BELOW
    if _libc.syscall(MOUNT_SETATTR, tree, b"", flags, ctypes.byref(attributes), size) != 0 and writable:
        os.chown(path, user, user)  # the guardian changes it back
    return tree


def _create_namespace(owner: tuple[int, int], user: int) -> int:
    """Return a user namespace that maps the ids of `owner` to those of `user`."""
    reading_end, writing_end = os.pipe()
    answers, answer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(writing_end)
            os.write(answer, b"%d" % _libc.unshare(NEW_USER))
            os.read(reading_end, 1)
        finally:
            os._exit(0)
    try:
        os.close(reading_end)
        os.close(answer)
        if os.read(answers, 2) != b"0":
            raise PermissionError("root cannot create a user namespace")
        for name, number in zip(("uid_map", "gid_map"), owner):  # noqa: B905
            with open(f"/proc/{child}/{name}", "w") as file:
                file.write(f"{number} {user} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(answers)
        os.close(writing_end)
        os.waitpid(child, 0)


def _mount(source: str, target: str, *, kind: str = "", flags: int, options: str = "") -> None:
    names = [os.fsencode(name) for name in (source, target, kind)]
    _check(_libc.mount(*names, ctypes.c_ulong(flags), os.fsencode(options) or None), target)


def _check(result: int, path: str) -> int:
    """Return the result of a system call. Raises OSError if it failed."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), path)
    return result
