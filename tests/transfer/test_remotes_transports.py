"""What every transport must do alike: push, clone, pull and evaluate, to hosts that know nothing of us."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.transfer.wanted import Selection
from tests.support import combinations, servers
from tests.support.commands import Fsck, Run, git, parsed
from tests.support.models import again, noise, put, take
from tests.support.sharing import connect, fetch, make_bare, make_clone, send
from tests.support.sshd import ssh

Serve = Callable[[Path], AbstractContextManager[str]]


@contextmanager
def path(repository: Path) -> Iterator[str]:
    yield str(repository)


@contextmanager
def file_url(repository: Path) -> Iterator[str]:
    yield f"file://{repository}"


TRANSPORTS: dict[str, Serve] = {
    "path": path,
    "file": file_url,
    "daemon": servers.daemon,
    "http": servers.smart_http,
    "ssh": ssh,
}


@pytest.mark.parametrize(("transport", "partial"), combinations.each_pair(TRANSPORTS, [True, False], every=2))
def test_there_and_back(
    model: Model, tmp_path: Path, run: Run, fsck: Fsck, transport: str, partial: bool
) -> None:
    bare = make_bare(tmp_path / "origin.git", partial=partial)
    put(model, "initial", {"big": noise(2_000_000)})
    take(model, "v1")
    save_state(model, "initial")
    with TRANSPORTS[transport](bare) as url:
        send(connect(model, url), Selection(all_states=True))
        copy = make_clone(url, tmp_path / "copy")
        assert copy.repository.objects.is_partial is (partial and transport != "path")
        take(model, "v2")
        send(model)
        assert [one.name for one in fetch(copy).snapshots] == ["v2"]
        outcome = run("evaluate", "v2", "-p", "values=[1, 2]", cwd=copy.directory)
        assert parsed(outcome) == {"products": [2.0, 4.0]}
        assert run("verify", "--all", cwd=copy.directory).code == 0
        put(copy, "night", {"weights": b"night"})
        save_state(again(copy), "night")
        send(copy, Selection(states=("night",)))
        assert git("for-each-ref", "refs/states/night", cwd=bare)
    fsck(bare)
    fsck(copy.repository)


def test_plain_files_can_be_read_only(model: Model, tmp_path: Path, run: Run) -> None:
    bare = make_bare(tmp_path / "origin.git")
    taken = take(model, "v1")
    send(connect(model, bare))
    with servers.dumb_http(bare) as url:
        copy = make_clone(url, tmp_path / "copy")
        take(model, "v2")
        send(model)
        git("update-server-info", cwd=bare)
        assert [one.name for one in fetch(copy).snapshots] == ["v2"]
        assert run("verify", "v1", cwd=copy.directory).code == 0
        assert copy.repository.refs.get("refs/tags/v1") == taken.tag_oid
        take(copy, "v3")
        with pytest.raises(GitstoreError):
            send(copy)
