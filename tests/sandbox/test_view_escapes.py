"""Escapes, really tried: hostile code looks for a way out of a real sandbox, and finds none.

Those that harm nothing are tried by one worker, one after the other. Each must raise an error; its result,
or that it did not raise, is reported under its own name.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from tests.sandbox.conftest import Box

SECRET = "the-secret-of-the-user"
KEY = "gitstore-test-key"
SESSION_KEYRING = -3

ATTEMPTS = {
    "find an inherited descriptor": (
        "[any(not link.startswith(('/dev/null', 'pipe:', 'socket:', '/proc/')) for link in links())"
        " or fail()]"
    ),
    "find more sockets than the worker's": (
        "[sum(link.startswith('socket:') for link in links()) > 1 or fail()]"
    ),
    "read the user's ssh key": "open(HOME + '/.ssh/id_ed25519').read()",
    "read a file beside the model": "open(ROOT + '/secret').read()",
    "read another model's state": "os.listdir(ROOT + '/box/other')",
    "read the cache of gitstore": "os.listdir(HOME + '/cache')",
    "read the passwords of the system": "open('/etc/shadow').read()",
    "read the users of the system": "['root:' in open('/etc/passwd').read() or fail()]",
    "read the root of process 1": "open('/proc/1/root' + ROOT + '/secret').read()",
    "find a secret in the environment": "[SECRET in repr(os.environb) or fail()]",
    "find a secret in /proc": "[SECRET in open('/proc/self/environ').read() or fail()]",
    "find a secret of process 1": "[SECRET in open('/proc/1/environ').read() or fail()]",
    "see a process outside": "open('/proc/%d/status' % OUTSIDE).read()",
    "see more processes than its own": (
        "[len([name for name in os.listdir('/proc') if name.isdecimal()]) > 2 or fail()]"
    ),
    "signal the supervisor": "os.kill(OUTSIDE, 0)",
    "trace the supervisor": "check(libc.ptrace(16, OUTSIDE, 0, 0))",
    "write to the code": "open(__file__, 'a')",
    "write beside the code": "open(os.path.dirname(__file__) + '/x', 'w')",
    "write to the state": "open('/model/state/weights', 'r+')",
    "write beside the state": "open('/model/state/x', 'w')",
    "change the mode of the state": "os.chmod('/model/state/weights', 0o777)",
    "write to the state by a descriptor": (
        "open('/proc/self/fd/%d/x' % os.open('/model/state', os.O_RDONLY), 'w')"
    ),
    "reopen a file of the state to write": (
        "open('/proc/self/fd/%d' % os.open('/model/state/weights', os.O_RDONLY), 'r+')"
    ),
    "write to the environment": "open(np.__file__, 'a')",
    "write to the interpreter": "open(os.__file__, 'a')",
    "write to the worker": "open('/gitstore/worker/session.py', 'a')",
    "write to the system": "open('/usr/bin/x', 'w')",
    "write to the root": "open('/x', 'w')",
    "write to /dev": "open('/dev/x', 'w')",
    "write to /etc": "open('/etc/passwd', 'a')",
    "write to a setting of the kernel": "open('/proc/sys/kernel/core_pattern', 'w')",
    "write to sysrq": "open('/proc/sysrq-trigger', 'w')",
    "lower its own oom score": "open('/proc/self/oom_score_adj', 'wb', 0).write(b'-1000')",
    "connect to the loopback interface": "socket.create_connection(('127.0.0.1', PORT), 2)",
    "connect to an abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0' + ABSTRACT)",
    "connect to a socket in the file system": "socket.socket(socket.AF_UNIX).connect(ROOT + '/socket')",
    "connect to the internet": "socket.create_connection(('1.1.1.1', 80), 2)",
    "look up a name": "socket.getaddrinfo('example.com', 443)",
    "connect to the hypervisor": "socket.socket(40, socket.SOCK_STREAM)",
    "use the crypto sockets of the kernel": "socket.socket(38, socket.SOCK_SEQPACKET)",
    "mount a file system": "check(libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None))",
    "remount the state": "check(libc.mount(b'', b'/model/state', b'', 32 | 4096, None))",
    "unmount the state": "check(libc.umount2(b'/model/state', 2))",
    "make a user namespace": "check(libc.unshare(0x10000000))",
    "make a mount namespace": "check(libc.unshare(0x20000))",
    "enter a namespace": "check(libc.setns(os.open('/proc/1/ns/mnt', os.O_RDONLY), 0))",
    "change the root": "os.chroot('/tmp')",
    "become root": "os.setuid(0)",
    "become another user": "os.setgroups([0])",
    "run a setuid program as root": (
        "['uid=0' in subprocess.run(['su', '-c', 'id'], capture_output=True, text=True).stdout or fail()]"
    ),
    "gain privileges by a program": "['NoNewPrivs:\\t0' in open('/proc/self/status').read() or fail()]",
    "set the hostname": "socket.sethostname('x')",
    "find the name of the machine": "[os.uname().nodename != 'gitstore' or fail()]",
    "read the user's keys": f"check(libc.syscall(KEYCTL, 10, {SESSION_KEYRING}, b'user', b'{KEY}', 0))",
    "see the user's keys": f"['{KEY}' in open('/proc/keys').read() or fail()]",
    "open a file by its handle": "check(libc.syscall(OPEN_BY_HANDLE, -100, 0, 0))",
    "use io_uring": "check(libc.syscall(425, 1, 0))",
    "keep shared memory of nobody": "check(libc.shmget(0, 1 << 20, 0o600 | 0o1000))",
    "make a device": "os.mknod('/tmp/device', 0o20666, os.makedev(1, 1))",
    "open the terminal": "open('/dev/tty')",
    "type into the terminal": "[fcntl.ioctl(fd, 0x5412, b'x') for fd in (0, 1, 2)]",
    "allow core dumps": "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))",
    "allow more processes": "resource.setrlimit(resource.RLIMIT_NPROC, (99999, 99999))",
    "take more cores": (
        "os.sched_setaffinity(0, range(os.cpu_count())) or [len(os.sched_getaffinity(0)) > 1 or fail()]"
    ),
    "raise its priority": "os.nice(-20)",
    "leave its parent": "[os.getppid() != 1 or fail()]",
    "kill process 1": "os.kill(1, signal.SIGKILL) or time.sleep(0.1) or fail()",
}

TOP = """
import fcntl, resource
libc = ctypes.CDLL(None, use_errno=True)

class Refused(Exception):
    pass

def fail(*facts):
    raise Refused("it is not there", *facts)

def check(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def links():
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink("/proc/self/fd/" + number))
        except OSError:
            pass
    return found

def attempt(statement):
    try:
        result = eval(statement)
    except Exception as error:
        return "refused: %s: %s" % (type(error).__name__, error)
    return "done: %r" % (result,)
"""


@contextlib.contextmanager
def listening(path: str | tuple[str, int], family: int = socket.AF_UNIX) -> Iterator[socket.socket]:
    with socket.socket(family) as server:
        server.bind(path)
        server.listen()
        yield server


def keep_key() -> None:
    """Give the session of the tests a key that others of this user could read."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.uname().machine == "x86_64":
        libc.syscall(248, b"user", KEY.encode(), SECRET.encode(), len(SECRET), SESSION_KEYRING)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What came of each attempt."""
    root = tmp_path_factory.mktemp("escapes")
    home = root / "home"
    box = Box(root / "box")
    for path in (home / ".ssh/id_ed25519", root / "secret", box.root / "other/weights", home / "cache/state"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    (box.state / "weights").write_text("weights")
    keep_key()
    abstract = f"gitstore-test-{os.getpid()}"
    with (
        pytest.MonkeyPatch.context() as patch,
        listening(("127.0.0.1", 0), socket.AF_INET) as server,
        listening("\0" + abstract),
        listening(str(root / "socket")),
    ):
        patch.setenv("TOKEN", SECRET)
        socket.create_connection(server.getsockname()).close()  # it can be reached from here
        machine = os.uname().machine
        numbers = {"x86_64": (250, 304), "aarch64": (219, 265)}[machine]
        names = {
            "ROOT": str(root), "HOME": str(home), "SECRET": SECRET, "OUTSIDE": os.getpid(),
            "PORT": server.getsockname()[1], "ABSTRACT": abstract, "KEYCTL": numbers[0],
            "OPEN_BY_HANDLE": numbers[1], "ATTEMPTS": ATTEMPTS,
        }  # fmt: skip
        top = TOP + "".join(f"{name} = {value!r}\n" for name, value in names.items())
        box.write(top, evaluate="return {'words': [attempt(each) for each in ATTEMPTS.values()]}")
        return dict(zip(ATTEMPTS, box.evaluate(), strict=True))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_gets_through(results: dict[str, str], attempt: str) -> None:
    _check_refused(results[attempt])


def _check_refused(outcome: str) -> None:
    assert outcome.startswith("refused: "), outcome
    for bug in ("NameError", "SyntaxError", "AttributeError", "TypeError"):
        assert not outcome.startswith(f"refused: {bug}"), outcome


RESULTS = {
    "make a device among the results": "os.mknod(out / 'device', 0o20666, os.makedev(1, 1))",
    "make a disk among the results": "os.mknod(out / 'disk', 0o60666, os.makedev(8, 0))",
    "give a result to another user": "os.chown(out / 'mine', 0, 0)",
    "link a file of the state into the results": "os.link('/model/state/weights', out / 'hard')",
    "link a file of the system into the results": "os.link('/usr/bin/env', out / 'hard')",
    "write beside the results": "open(out / '..' / 'x', 'w')",
    "rename the results": "os.rename(out, '/model/x')",
    "mount something over the results": "check(libc.mount(b'tmpfs', b'/model/out', b'tmpfs', 0, None))",
    "read the user's key through a link": "[os.symlink(HOME + '/.ssh/id', out / 'l'), open(out / 'l')]",
    "give a result a capability": (
        "os.setxattr(out / 'mine', 'security.capability', b'\\1\\0\\0\\2' + b'\\xff' * 8 + bytes(8))"
    ),
    "read the results of another operation": "os.listdir(ROOT + '/box/out')",
}


@pytest.fixture(scope="module")
def among_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What came of each attempt of code that has a directory for results."""
    box = Box(tmp_path_factory.mktemp("results") / "box")
    (box.state / "weights").write_text("weights")
    names = {"ROOT": str(box.root.parent), "HOME": str(box.root.parent), "RESULTS": RESULTS}
    top = TOP.replace("def attempt(statement):", "def attempt(statement, out):").replace(
        "eval(statement)", "eval(statement, globals(), {'out': out})"
    ) + "".join(f"{name} = {value!r}\n" for name, value in names.items())
    save_state = """
        (out / 'mine').touch()
        words = [attempt(each, out) for each in RESULTS.values()]
        if (out / 'l').is_symlink():
            (out / 'l').unlink()
        (out / 'words').write_text('\\n'.join(words))
    """
    box.write(top, save_state=save_state)
    box.train()
    assert sorted(os.listdir(box.out)) == ["mine", "words"]
    return dict(zip(RESULTS, (box.out / "words").read_text().split("\n"), strict=True))


@pytest.mark.parametrize("attempt", RESULTS)
def test_nothing_gets_out_through_results(among_results: dict[str, str], attempt: str) -> None:
    _check_refused(among_results[attempt])


def test_a_state_full_of_links_leads_nowhere(box: Box, tmp_path: Path) -> None:
    """Whatever its links are, the code reads nothing but the files in it."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "secret").write_text(SECRET)
    targets = {
        "absolute": str(tmp_path / "secret"), "relative": "../../secret", "folder": str(tmp_path / "folder"),
        "up": "../../../../../../..", "process": "/proc/self/root", "loop": "loop",
    }  # fmt: skip
    for name, target in targets.items():
        (box.state / name).symlink_to(target)
    box.write(
        top=TOP,
        evaluate="""
        paths = [os.path.join(folder, name) for folder, folders, names in os.walk(self.state)
                 for name in names + folders]
        paths += [str(self.state / "up" / name) for name in ("secret", "box/secret", "root/.ssh")]
        return {"words": [attempt(f"open({path!r}).read()") for path in paths]}
        """,
    )
    words = box.evaluate()
    assert len(words) == len(targets) + 3
    for word in words:
        _check_refused(word)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root with its powers makes devices")


@pytest.mark.parametrize("make", [os.mkfifo, make_device, "socket"])
def test_a_state_with_more_than_files_is_not_shown(box: Box, make: Callable[[Path], None] | str) -> None:
    """A socket or a pipe could be used, though its directory is read-only."""
    (box.state / "deep").mkdir()
    place = box.state / "deep" / "x"
    box.write(evaluate="raise SystemExit")
    with contextlib.ExitStack() as stack:
        if callable(make):
            make(place)
        else:
            # The path of a Unix socket has at most 107 bytes, and that of a test may have more.
            directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, directory)
            stack.enter_context(listening(f"/proc/self/fd/{directory}/{place.name}"))
        error = box.fails("evaluate", GitstoreError)
    assert f"{place} is a socket, pipe or device" in error.message
