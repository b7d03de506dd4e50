"""One connection to an sshd for all that a command does there, and none that stays."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.git.config import GitConfig
from gitstore.git.transport import connections as transport_connections
from gitstore.git.transport.sharing import sharing
from gitstore.models.model import Model
from gitstore.states.save import save_state
from tests.support import sshd
from tests.support.commands import Fsck, Run, git
from tests.support.models import take
from tests.support.sharing import connect, make_bare
from tests.support.sshd import SshServer

URL = "ssh://ada@host:22/x"
NOTHING = GitConfig(b"")

FORCED = 'command="echo $SSH_CONNECTION >> {log}; exec sh -c \\"$SSH_ORIGINAL_COMMAND\\"" {key}'
"""A line of authorized_keys, with which each session writes down the connection that it came by."""

PROGRAM = """\
#!/bin/sh
case " $* " in *" -G "*) ;; *) exit 1;; esac
printf 'controlmaster %s\\ncontrolpath %s\\nloglevel %s\\n' {settings}
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """An sshd that writes down what comes, and a directory of the test's own for sockets."""
    with sshd.running(tmp_path / "sshd") as server:
        key = server.authorized_keys.read_text()
        log = shlex.quote(str(tmp_path / "log"))
        server.authorized_keys.write_text(FORCED.format(log=log, key=key))
        with tempfile.TemporaryDirectory(prefix="gs-", dir="/tmp") as short:
            monkeypatch.setattr(tempfile, "tempdir", short)
            yield server
            assert not [path for path in Path(short).rglob("*") if path.is_socket()]


def read_connections(directory: Path) -> list[str]:
    """The connections of all sessions since the last call."""
    log = directory / "log"
    lines = log.read_text().splitlines()
    log.unlink()
    return lines


def count_masters(directory: str) -> int:
    """How many connections run in the background, of all whose sockets are below a directory."""
    count = 0
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += directory.encode() in line.read_bytes() and b"[mux]" in line.read_bytes()
        except OSError:
            continue
    return count


def test_a_push_and_a_pull_connect_once(
    server: SshServer, model: Model, tmp_path: Path, run: Run, fsck: Fsck
) -> None:
    bare = make_bare(tmp_path / "origin.git", partial=True)
    take(model, "v1")
    connect(model, server.make_url(bare))
    for words in (["push"], ["clone", server.make_url(bare), "copy"]):
        outcome = run(*words, cwd=model.directory if words == ["push"] else tmp_path)
        assert outcome.code == 0, outcome.stderr
        connections = read_connections(tmp_path)
        assert len(connections) > 1 == len(set(connections)), words
    take(model, "v2")
    assert run("push", "--states", cwd=model.directory).code == 0
    assert len(set(read_connections(tmp_path))) == 1
    assert run("pull", "--states", cwd=tmp_path / "copy").code == 0
    connections = read_connections(tmp_path)
    assert len(connections) > 1 == len(set(connections))
    assert run("rm", "v2", "--remote", "origin", "--yes", cwd=tmp_path / "copy").code == 0
    assert len(set(read_connections(tmp_path))) == 1
    assert count_masters(tempfile.gettempdir()) == 0
    fsck(bare)


def test_a_clone_with_all_weights_connects_once_for_them_and_once_for_the_rest(
    server: SshServer, model: Model, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_connections, "core_count", lambda: 2)
    bare = make_bare(tmp_path / "origin.git")
    take(model, "v1")
    save_state(model, "initial")
    connect(model, server.make_url(bare))
    assert run("push", "--states", cwd=model.directory).code == 0
    read_connections(tmp_path)
    outcome = run("clone", "--weights", "all", server.make_url(bare), "copy", cwd=tmp_path)
    assert outcome.code == 0, outcome.stderr
    first, *others = read_connections(tmp_path)
    assert len(others) > 1 == len(set(others) - {first})
    assert run("verify", "--all", cwd=tmp_path / "copy").code == 0


def test_a_server_that_allows_one_session(
    model: Model, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git lists the refs while it clones, then over a connection of its own."""
    bare = make_bare(tmp_path / "origin.git", partial=True)
    take(model, "v1")
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    with sshd.running(tmp_path / "sshd", settings="MaxSessions 1\n") as server:
        connect(model, server.make_url(bare))
        assert run("push", cwd=model.directory).code == 0
        outcome = run("clone", server.make_url(bare), "copy", cwd=tmp_path)
        assert outcome.code == 0, outcome.stderr
    assert git("for-each-ref", "refs/tags/v1", cwd=tmp_path / "copy")


def make_openssh(directory: Path, monkeypatch: pytest.MonkeyPatch, settings: str = "false none INFO") -> Path:
    """An ssh whose connections would be shared, unless its settings say otherwise."""
    program = directory / "ssh"
    program.write_text(PROGRAM.format(settings=settings))
    program.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{program} -i key")
    return program


@pytest.mark.parametrize(
    ("settings", "is_shared"),
    [
        ("false none INFO", True),
        ("auto none INFO", False),
        ("false /run/%C INFO", False),
        ("false none DEBUG1", False),
        ("'' '' ''", False),
    ],
)
def test_the_user_s_own_configuration_is_left_alone(
    settings: str, is_shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_openssh(tmp_path, monkeypatch, settings)
    with sharing(URL, lambda: NOTHING) as variables:
        assert bool(variables) is is_shared
        if is_shared:
            assert variables["GIT_SSH_COMMAND"].startswith(f"{program} -i key -o ControlMaster=auto -o ")


@pytest.mark.parametrize("program", ["plink", "/nowhere/ssh", "other"])
def test_only_an_openssh_shares(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH", program)
    with sharing(URL, lambda: NOTHING) as variables:
        assert variables == {}


@pytest.mark.parametrize("url", ["https://example.org/x", "file:///x", "/x", "ssh:///x", "ssh://-oProxy/x"])
def test_other_urls_share_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_openssh(tmp_path, monkeypatch)
    with sharing(url, lambda: NOTHING) as variables:
        assert variables == {}


def test_a_path_that_is_too_long_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_openssh(tmp_path, monkeypatch)
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with sharing(URL, lambda: NOTHING) as variables:
        assert variables == {}
    assert not list(long.iterdir())


@pytest.mark.parametrize(
    ("value", "is_shared"), [("false", False), ("off", False), ("0", False), ("true", True)]
)
def test_it_can_be_switched_off(
    value: str, is_shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_openssh(tmp_path, monkeypatch)
    config = GitConfig(f"global\0gitstore.shareconnection\n{value}\0".encode())
    with sharing(URL, lambda: config) as variables:
        assert bool(variables) is is_shared


def test_a_setting_that_is_no_truth() -> None:
    config = GitConfig(b"global\0gitstore.shareconnection\nmaybe\0")
    with (
        pytest.raises(GitstoreError, match=r"gitstore\.shareConnection: .* neither true nor false"),
        sharing(URL, lambda: config),
    ):
        pass
