"""While a person is asked for a passphrase: at a terminal, given up, killed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import combinations, spawning
from tests.support.commands import Fsck, Git, Gitstore
from tests.support.models import put, refs

GITSTORE = Path(sys.executable).with_name("gitstore")
PATIENCE = 30.0


class Terminal:
    """gitstore on a terminal of its own, as a person has it before them."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.shown = b""
        self._code: int | None = None
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.chdir(cwd)
            os.execv(GITSTORE, [str(GITSTORE), *arguments])

    def wait_for(self, words: bytes) -> None:
        """Until the words have been shown."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.shown:
            ready, _, _ = select.select([self._terminal], [], [], deadline - time.monotonic())
            assert ready, self.shown
            self._read()

    def type(self, text: bytes) -> None:
        os.write(self._terminal, text)

    def end(self) -> int:
        """The exit code."""
        while self._read():
            pass
        return self.close()

    def close(self) -> int:
        """Take the terminal away; returns the exit code."""
        if self._code is None:
            os.close(self._terminal)
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        return self._code

    def _read(self) -> bool:
        try:
            more = os.read(self._terminal, 4096)
        except OSError:  # how Linux tells that nobody writes any more
            return False
        self.shown += more
        return bool(more)


Terminals = Callable[..., Terminal]


@pytest.fixture
def terminals() -> Iterator[Terminals]:
    """Starts gitstore on terminals, which are taken away at the end."""
    with ExitStack() as started:

        def start(*arguments: str, cwd: Path) -> Terminal:
            return started.enter_context(closing(Terminal(*arguments, cwd=cwd)))

        yield start


@pytest.fixture
def here(model: Model, ssh: str, ssh_key: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose snapshots are signed by a key with the passphrase `open sesame`."""
    for name in ("DISPLAY", "SSH_ASKPASS", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    change = ["ssh-keygen", "-q", "-p", "-a", "1", "-N", "open sesame", "-f", str(ssh_key)]
    subprocess.run(change, check=True)
    put(model, "initial", {"large": bytes(5_000_000)})
    return model.directory


def nothing_left(here: Path, before: dict[str, str]) -> bool:
    packs = here / ".git" / "objects" / "pack"
    private = here / ".git" / "gitstore"
    return refs(here) == before and not list(packs.glob("*")) and not list(private.glob(".*~new-*"))


def test_who_knows_the_passphrase(here: Path, terminals: Terminals, git: Git, fsck: Fsck) -> None:
    """The bar of progress has gone by then."""
    terminal = terminals("snapshot", "v1", "--sign", cwd=here)
    terminal.wait_for(b"Enter passphrase")
    terminal.type(b"open sesame\n")
    assert terminal.end() == 0
    assert b"Took snapshot v1 of digits with state initial" in terminal.shown
    git("verify-tag", "v1", cwd=here)
    fsck(here)


@combinations.rest
def test_who_does_not(here: Path, terminals: Terminals, fsck: Fsck) -> None:
    before = refs(here)
    terminal = terminals("snapshot", "v1", "--sign", cwd=here)
    terminal.wait_for(b"Enter passphrase")
    terminal.type(b"open barley\n")
    assert terminal.end() == 1
    assert b"error: the tag v1 cannot be signed: " in terminal.shown
    assert b"incorrect passphrase" in terminal.shown
    assert nothing_left(here, before)
    fsck(here)


@combinations.rest
def test_who_gives_up(here: Path, terminals: Terminals, fsck: Fsck) -> None:
    """Ctrl-C reaches everybody at the terminal."""
    before = refs(here)
    terminal = terminals("snapshot", "v1", "--sign", cwd=here)
    terminal.wait_for(b"Enter passphrase")
    terminal.type(b"\x03")
    assert terminal.end() == 130
    assert nothing_left(here, before)
    fsck(here)


def test_killed_meanwhile(model: Model, git: Git, gitstore: Gitstore, fsck: Fsck, tmp_path: Path) -> None:
    """Nothing is there then. Who is still asking holds no lock of ours, so that gc can clear up."""
    here = model.directory
    put(model, "initial", {"large": bytes(5_000_000)})
    for pipe in ("asked", "answer"):
        os.mkfifo(tmp_path / pipe)
    asks = tmp_path / "asks"
    asks.write_text(
        f'#!/bin/sh\necho asked > "{tmp_path}/asked"\nread answer < "{tmp_path}/answer"\nexit 1\n'
    )
    asks.chmod(0o755)
    git("config", "gpg.program", str(asks), cwd=here)
    before = refs(here)
    asked = os.open(tmp_path / "asked", os.O_RDWR | os.O_NONBLOCK)
    process = spawning.start("snapshot", "v1", "--sign", cwd=here)
    assert select.select([asked], [], [], PATIENCE)[0]
    os.close(asked)
    process.kill()
    process.wait()
    assert refs(here) == before
    fsck(here)
    assert gitstore("gc", cwd=here).code == 0
    assert not list((here / ".git" / "objects" / "pack").glob("*"))
    (tmp_path / "answer").write_text("no\n")
    git("config", "--unset", "gpg.program", cwd=here)
    assert gitstore("snapshot", "v1", cwd=here).code == 0
    fsck(here)
