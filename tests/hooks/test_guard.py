"""The guard among git's hooks: stock git cannot change a snapshot, and can do all else."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from gitstore.derive import worktree
from gitstore.git.repository import Repository
from gitstore.hooks import guard, install
from gitstore.hooks.guard import Protected
from gitstore.models.model import Model
from gitstore.states.save import save_state
from tests.support import spawning
from tests.support.commands import Fsck, Git, Gitstore
from tests.support.failing import refuses
from tests.support.models import make, put, refs, take

MOVES = (
    "error: the snapshot v1 never changes\nhint: gitstore rename v1 gives it another name, rm removes it\n"
)
REMOVES = "error: the snapshot v1 can only be removed by gitstore\nhint: gitstore rm v1\n"


class Ended(NamedTuple):
    code: int
    stderr: str


def attempt(*arguments: str, cwd: Path, stdin: str = "") -> Ended:
    """Stock git, which may fail."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, check=False
    )
    return Ended(done.returncode, done.stderr)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a guarded model is made once, to be copied for each test."""
    return tmp_path_factory.mktemp("template") / "große zahlen"


@pytest.fixture
def here(template: Path, tmp_path: Path, git: Git) -> Path:
    """A guarded model with two commits, a snapshot, a saved state, and a tag that is no snapshot.

    The guard starts a stand-in for Python; `with_python` gives it the real one.
    """
    if not template.exists():
        model = make(template)
        take(model, "v1")
        save_state(model, "initial")
        git("tag", "plain", cwd=template)
        git("commit", "--quiet", "--allow-empty", "-m", "More", cwd=template)
        install.install(model.repository)
        with_python(template, spawning.stand_ins() / "python")
    return shutil.copytree(template, tmp_path / template.name, symlinks=True)


def with_python(here: Path, python: Path) -> None:
    """Have the guard start this Python."""
    stub = here / ".git" / "hooks" / "reference-transaction"
    text, changes = re.subn(r"(?m)^python=.*", f"python={shlex.quote(str(python))}", stub.read_text())
    assert changes == 1
    stub.write_text(text)


STATE = "error: the state initial can only be removed by gitstore\nhint: gitstore state rm initial\n"

REFUSED = {
    "tag --force v1": MOVES,
    "tag --force --annotate -m other v1": MOVES,
    "update-ref refs/tags/v1 HEAD": MOVES,
    "update-ref refs/tags/v1 HEAD OLD": MOVES,
    "tag --delete v1": REMOVES,
    "tag --delete plain v1": REMOVES,
    "update-ref -d refs/tags/v1": REMOVES,
    "update-ref -d refs/tags/v1 OLD": REMOVES,
    "update-ref -d refs/states/initial": STATE,
}


@pytest.mark.parametrize("packed", [False, True])
def test_what_git_may_not_do(here: Path, git: Git, fsck: Fsck, packed: bool) -> None:
    """Git tells the hook of a deletion in other words if the ref is packed."""
    if packed:
        git("pack-refs", "--all", cwd=here)
    before = refs(here)
    old = git("rev-parse", "v1", cwd=here).strip()
    for command, said in REFUSED.items():
        if packed and said is MOVES:
            continue
        code, stderr = attempt(*command.replace("OLD", old).split(), cwd=here)
        assert code != 0, command
        assert stderr.startswith(said), command
        if command == "tag --delete plain v1" and "refs/tags/plain" not in refs(here):
            git("tag", "plain", "HEAD~1", cwd=here)
            if packed:
                git("pack-refs", "--all", cwd=here)
        assert refs(here) == before, command
    fsck(here)


def test_what_git_may_do(here: Path, git: Git, fsck: Fsck) -> None:
    before = refs(here)
    old = git("rev-parse", "v1", cwd=here).strip()
    for command in (
        "tag new",
        "tag --annotate -m message newer",
        "tag --force plain HEAD~1",
        "tag --force newer",
        "update-ref refs/tags/v1 OLD",
        "pack-refs --all --prune",
        "tag --delete plain new newer",
        "gc --quiet --prune=now",
        "update-ref refs/states/initial refs/states/initial",
        "update-ref refs/states/other refs/states/initial",
        "symbolic-ref refs/states/HEAD refs/states/initial",
        "update-ref --no-deref -d refs/states/HEAD",
        "switch --quiet -c topic HEAD~1",
        "commit --quiet --allow-empty -m topic",
        "rebase --quiet main",
        "branch --quiet -D main",
        "branch -m topic main",
        "worktree add --quiet ../beside -b beside",
        "worktree remove ../beside",
        "branch -d beside",
    ):
        git(*command.replace("OLD", old).split(), cwd=here)
    git("update-ref", "--stdin", cwd=here, stdin=f"verify refs/tags/v1 {old}\n".encode())
    after = refs(here)
    kept = ("refs/tags/v1", "refs/states/initial")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    fsck(here)


def test_packing_does_not_start_python(here: Path, git: Git, tmp_path: Path) -> None:
    """Ten thousand loose tags would be ten thousand starts of Python."""
    git("pack-refs", "--all", "--prune", cwd=here)
    take(Model.open(here), "v2")
    count = tmp_path / "count"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >> "{count}"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with_python(here, python)
    git("commit", "--quiet", "--allow-empty", "-m", "x", cwd=here)
    git("tag", "another", cwd=here)
    assert not count.exists()
    git("pack-refs", "--all", "--prune", cwd=here)
    # Once, for the one transaction that writes packed-refs; not for each loose tag that then goes.
    assert len(count.read_text().splitlines()) == 1


def test_fetching(here: Path, git: Git, tmp_path: Path) -> None:
    upstream = tmp_path / "upstream"
    git("clone", "--quiet", str(here), str(upstream), cwd=tmp_path)
    git("remote", "add", "origin", str(upstream), cwd=here)
    git("tag", "--force", "v1", "plain", cwd=upstream)
    git("tag", "fresh", cwd=upstream)
    git("fetch", "--quiet", "origin", cwd=here)
    assert "refs/tags/fresh" in refs(here)
    before = refs(here)
    code, stderr = attempt("fetch", "--force", "--tags", "origin", cwd=here)
    assert code != 0 and MOVES in stderr
    git("tag", "--delete", "v1", cwd=upstream)
    code, stderr = attempt("fetch", "--prune", "--prune-tags", "origin", cwd=here)
    assert code != 0 and REMOVES in stderr
    assert refs(here) == before


def test_being_pushed_to(here: Path, git: Git, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git("clone", "--quiet", str(here), str(other), cwd=tmp_path)
    git("tag", "fresh", cwd=other)
    git("push", "--quiet", "origin", "fresh", "HEAD:refs/heads/fresh", cwd=other)
    before = refs(here)
    for refspec in (":refs/tags/v1", "+HEAD:refs/tags/v1"):
        code, stderr = attempt("push", "origin", refspec, cwd=other)
        assert code != 0 and "error: the snapshot v1 " in stderr
    assert refs(here) == before


@pytest.mark.parametrize("where", ["worktree", "git-dir", "subdirectory", "bare"])
def test_from_elsewhere(here: Path, git: Git, tmp_path: Path, where: str) -> None:
    repository, name = here, "v1"
    prefix: tuple[str, ...] = ()
    if where == "worktree":
        worktree.derive(take(Model.open(here), "v2"), "hunde", tmp_path / "hunde")
        take(Model.open(tmp_path / "hunde"), "v1")
        directory, name = tmp_path / "hunde", "hunde/v1"
    elif where == "git-dir":
        directory, prefix = tmp_path, (f"--git-dir={here / '.git'}",)
    elif where == "subdirectory":
        directory = here / "code"
    else:
        repository = directory = tmp_path / "bare.git"
        git("clone", "--quiet", "--mirror", str(here), str(directory), cwd=tmp_path)
        install.install(Repository.discover(directory))
    before = refs(repository)
    code, stderr = attempt(*prefix, "tag", "--delete", name, cwd=directory)
    assert (code, refs(repository)) == (128, before)
    assert stderr.startswith(f"error: the snapshot {name} can only be removed by gitstore\n")


def test_gitstore_itself_gets_through(here: Path, gitstore: Gitstore, fsck: Fsck) -> None:
    put(Model.open(here), "initial", {"weights": b"other"})
    for command in (
        "snapshot v2",
        "rename v1 first",
        "state save",
        "state rename initial last",
        "rm v2 --yes",
        "state rm last --force",
        "gc",
    ):
        outcome = gitstore(*command.split(), cwd=here)
        assert outcome.code == 0, outcome
    assert not [name for name in refs(here) if name.startswith(("refs/tags/v", "refs/states/"))]
    fsck(here)


@pytest.mark.parametrize("why", ["no Python", "no gitstore"])
def test_without_gitstore_it_fails_closed(here: Path, git: Git, tmp_path: Path, why: str) -> None:
    python = tmp_path / "python"
    if why == "no gitstore":
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -IS "$@"\n')
        python.chmod(0o755)
    with_python(here, python)
    git("commit", "--quiet", "--allow-empty", "-m", "x", cwd=here)
    git("tag", "another", cwd=here)
    code, stderr = attempt("tag", "--delete", "v1", cwd=here)
    assert code != 0 and "refs/tags/v1" in refs(here)
    assert (
        f"gitstore: {python} has no gitstore, so no tag or state changes here;"
        " repair it with: gitstore hooks install\n"
    ) in stderr


def test_a_damaged_snapshot_is_still_one(here: Path, git: Git) -> None:
    content = git("cat-file", "tag", "v1", cwd=here).replace("Gitstore-Format: 1", "Gitstore-Format: 9")
    oid = git("mktag", cwd=here, stdin=content.encode()).strip()
    git("-c", "core.hooksPath=/dev/null", "update-ref", "refs/tags/v1", oid, cwd=here)
    code, said = attempt("tag", "--delete", "v1", cwd=here)
    assert (code, said.rpartition("fatal: ")[0]) == (128, REMOVES)  # the rest git puts as it likes


def test_lines_of_git(here: Path, git: Git) -> None:
    repository = Repository.discover(here)
    old, new, zero = *git("rev-parse", "v1", "HEAD", cwd=here).split(), "0" * 40
    guard.check(
        repository, [f"{zero} {new} refs/tags/new", f"{old} {old} refs/tags/v1", f"{new} {zero} refs/tags/no"]
    )
    with refuses("v1", kind=Protected):
        guard.check(repository, [f"{zero} {new} refs/tags/new", f"{zero} {new} refs/tags/v1"])


def test_it_is_short_and_plain_sh(here: Path) -> None:
    stub = here / ".git" / "hooks" / "reference-transaction"
    assert len(stub.read_text().splitlines()) <= 45
    assert os.access(stub, os.X_OK)
    subprocess.run(["sh", "-n", stub], check=True)
