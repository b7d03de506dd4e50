"""Models based on snapshots behind a URL: fetched by stock git, or not a trace of them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.derive import standalone, worktree
from gitstore.errors import GitstoreError, NoSuchSnapshot
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.models.reference import RemoteSnapshot
from gitstore.models.snapshot import Snapshot
from gitstore.snapshots import verify
from gitstore.url import without_credentials
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.failing import names, refuses
from tests.support.models import make, noise, picture, put, refs, take

SECRET, TOKEN = "ada:secret@", "token@"


@pytest.fixture
def base(tmp_path: Path) -> Snapshot:
    """digits@v1, with 2 MB of weights; there is a v2 with 100 kB more."""
    scenes.copy(_base, tmp_path)
    return scenes.find(tmp_path)


@pytest.fixture
def model(base: Snapshot) -> Model:
    return Model.open(base.repository.directory)


def _base(root: Path) -> None:
    model = make(root / "digits")
    put(model, "initial", {"large": noise(2_000_000)})
    take(model, "v1")
    put(model, "initial", {"later": noise(100_000, 1)})
    take(model, "v2")


@pytest.fixture
def url(base: Snapshot) -> str:
    return f"file://{base.repository.directory}".rstrip("/")


@pytest.fixture
def daemon(base: Snapshot) -> Iterator[str]:
    """The URL of the base's repository, served on a loopback port by git daemon."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = base.repository.directory.parent
    command = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", f"--base-path={root}", "--export-all",
               "--reuseaddr", str(root)]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(500):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                pytest.skip("git daemon is not installed, or cannot listen")
            time.sleep(0.01)
        yield f"git://127.0.0.1:{port}/digits"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def sound(model: Model, fsck: Fsck) -> None:
    found = take(Model.open(model.directory), "own")
    assert verify.verify(found.repository, [(found.ref, found.tag_oid)]).problems == ()
    fsck(model.directory)


class TestFetched:
    def test_the_snapshot_and_nothing_else(
        self, base: Snapshot, url: str, tmp_path: Path, git: Git, fsck: Fsck
    ) -> None:
        shares: list[float] = []
        there = tmp_path / "größe dogs"
        made = standalone.derive(RemoteSnapshot(url, ("v1",)), "dogs", there, fetched=shares.append)
        assert shares[-1] == 1.0
        assert made.imported.linked == 0
        assert 2_000_000 < made.added < 2_100_000
        command = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
        wanted = git("rev-list", "--objects", "--no-object-names", "v1", cwd=base.repository.directory)
        since = ("main", "refs/states/initial", f"^{base.commit}")
        own = git("rev-list", "--objects", "--no-object-names", *since, cwd=there)
        assert set(git(*command, cwd=there).split()) == {*wanted.split(), *own.split()}
        assert made.model.base is not None
        assert made.model.base.url == url
        assert git("config", "remote.base.url", cwd=there).strip() == url
        assert set(refs(there)) == {
            "refs/heads/main", "refs/remotes/base/digits/v1", "refs/states/initial",
            "worktrees",
        }  # fmt: skip
        assert [path.name for path in (there / ".git" / "gitstore").glob(".*~new-*")] == []
        marks = [path.read_text() for path in (there / ".git" / "objects" / "pack").glob("*.keep")]
        assert sorted(marks) == ["gitstore\n", "gitstore: packed by git\n"]
        shutil.rmtree(base.repository.directory)
        sound(made.model, fsck)

    def test_from_a_daemon(self, daemon: str, tmp_path: Path, run: Run, fsck: Fsck) -> None:
        done = run("derive", f"{daemon}@v1", "dogs", cwd=tmp_path)
        assert done.code == 0, done.stderr
        assert done.stderr == f"Derived dogs from digits@v1 in {tmp_path / 'dogs'}: added 1.9 MiB\n"
        dogs = Model.open(tmp_path / "dogs")
        done = run("rebase", "v2", cwd=dogs.directory)
        assert done.stderr.startswith("Rebased dogs from digits@v1 onto digits@v2: added 98"), done.stderr
        sound(dogs, fsck)

    def test_a_derived_model_s(self, base: Snapshot, url: str, tmp_path: Path, run: Run) -> None:
        cats = worktree.derive(base, "cats", tmp_path / "cats").model
        take(cats, "v3")
        done = run("derive", f"{url}@cats/v3", "kittens", "k", cwd=tmp_path)
        assert done.code == 0, done.stderr
        take(cats, "v4")
        done = run("rebase", "v4", cwd=tmp_path / "k")
        assert done.stderr.startswith("Rebased kittens from cats@v3 onto cats@v4"), done.stderr

    def test_beside_the_model_one_is_in(self, url: str, model: Model, tmp_path: Path, run: Run) -> None:
        assert run("derive", f"{url}@v1", "dogs", cwd=model.directory / "states").code == 0
        assert Model.open(model.directory.parent / "dogs").name == "dogs"
        (tmp_path / "nowhere").mkdir()
        assert run("derive", f"{url}@v1", "cats", cwd=tmp_path / "nowhere").code == 0
        assert Model.open(tmp_path / "nowhere" / "cats").name == "cats"


class TestNotFetched:
    def refused(self, source: RemoteSnapshot, directory: Path) -> GitstoreError:
        before = picture(directory)
        with pytest.raises(GitstoreError) as caught:
            standalone.derive(source, "dogs", directory / "new" / "dogs")
        assert picture(directory) == before
        assert "\n" not in caught.value.message
        assert caught.value.exit_code == 1
        return caught.value

    def test_a_missing_tag_and_a_missing_repository(self, url: str, tmp_path: Path) -> None:
        error = self.refused(RemoteSnapshot(url, ("v9",)), tmp_path)
        assert type(error) is NoSuchSnapshot
        assert names(error, "v9", url)
        assert f"git ls-remote --tags {url}" in (error.hint or "")
        error = self.refused(RemoteSnapshot(f"{url}s", ("v1",)), tmp_path)
        assert error.message.startswith(f"{url}s ")

    def test_a_host_that_does_not_answer(self, tmp_path: Path) -> None:
        with socket.socket() as taken:  # bound, and not listening
            taken.bind(("127.0.0.1", 0))
            address = f"git://127.0.0.1:{taken.getsockname()[1]}/m"
            error = self.refused(RemoteSnapshot(address, ("v1",)), tmp_path)
        assert error.message.startswith(f"{address} ")

    def test_a_password_that_git_repeats(self, tmp_path: Path) -> None:
        error = self.refused(RemoteSnapshot("git://ada:geheim@127.0.0.1:9/m", ("v1",)), tmp_path)
        assert error.message.startswith("git://ada@127.0.0.1:9/m ")
        assert "geheim" not in error.message

    def test_a_tag_that_is_no_snapshot(self, url: str, model: Model, tmp_path: Path, git: Git) -> None:
        git("tag", "light", cwd=model.directory)
        git("tag", "-a", "-m", "a tag", "annotated", cwd=model.directory)
        for name in ("light", "annotated"):
            error = self.refused(RemoteSnapshot(url, (name,)), tmp_path)
            assert names(error, f"refs/tags/{name}", url)

    @pytest.mark.parametrize(
        ("text", "kind", "parts"),
        [
            ("ext::sh -c true@v1", GitstoreError, ("'ext::sh -c true'", "remote helper")),
            ("https://example.org/m.git@v 1", NoSuchSnapshot, ("'v 1'", "https://example.org/m.git")),
            (f"https://{SECRET}example.org/m@x/y/z", NoSuchSnapshot, ("'x/y/z'", " https://example.org/m")),
        ],
    )
    def test_what_git_is_not_asked_for(
        self, tmp_path: Path, text: str, kind: type[GitstoreError], parts: tuple[str, ...]
    ) -> None:
        with refuses(*parts, kind=kind):
            reference.resolve_anywhere(text, tmp_path)


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://example.org/m.git", "https://example.org/m.git"),
        (f"https://{SECRET}example.org:8443/m.git", "https://example.org:8443/m.git"),
        (f"https://{TOKEN}example.org/m.git", "https://example.org/m.git"),
        ("ssh://ada:secret@example.org/m", "ssh://ada@example.org/m"),
        ("ssh://git@example.org:22/m", "ssh://git@example.org:22/m"),
        ("git@example.org:m/größe.git", "git@example.org:m/größe.git"),
        ("file:///srv/a@b/m", "file:///srv/a@b/m"),
    ],
)
def test_no_password_is_shown_or_recorded(url: str, recorded: str) -> None:
    assert without_credentials(url) == recorded


def test_nor_said_when_it_fails(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}/m"
        with pytest.raises(GitstoreError) as caught:
            standalone.derive(RemoteSnapshot(f"http://{SECRET}{place}", ("v1",)), "dogs", tmp_path / "dogs")
    assert caught.value.message.startswith(f"http://{place} cannot be read: ")
    assert "secret" not in f"{caught.value.message}{caught.value.hint}"


def test_other_commands_read_local_repositories(url: str, tmp_path: Path) -> None:
    with refuses(url, "@v1"):
        reference.resolve(f"{url}@v1", tmp_path)
