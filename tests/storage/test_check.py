"""Damage outside of snapshots: `verify --all` names the file, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.storage import check as repository_check
from gitstore.storage.ref_check import Findings
from tests.support import scenes
from tests.support.commands import Run, git
from tests.support.models import take


def check_repository(model: Model) -> Findings:
    """What is wrong, and what is odd, without the path of the repository."""
    common = model.repository.common
    found = repository_check.check_repository(Repository(common, model.directory))
    return Findings(*([line.replace(f"{common}/", "") for line in lines] for lines in found))


def problems(model: Model) -> list[str]:
    return check_repository(model).problems


def notices(model: Model) -> list[str]:
    return check_repository(model).notices


def overwrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    content = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)
    path.write_bytes(change(content))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A model with two snapshots, a saved state, and what git adds to the repository for speed."""
    scenes.copy(_model, tmp_path)
    return Model.open(tmp_path / "digits")


def _model(root: Path) -> None:
    scenes.snapshot(root)
    model = Model.open(root / "digits")
    save_state(model, "initial")
    (model.directory / "code" / "model.py").write_text("# loose\n")
    git("commit", "--quiet", "--all", "-m", "loose", cwd=model.directory)
    take(model, "v2")
    git("commit-graph", "write", "--reachable", cwd=model.directory)
    git("multi-pack-index", "write", cwd=model.directory)
    assert (problems(model), notices(model)) == ([], [])


@pytest.fixture
def common(model: Model) -> Path:
    return model.repository.common


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("index", "rm "),
        ("objects/info/commit-graph", "git commit-graph write"),
        ("objects/pack/multi-pack-index", "rm "),
    ],
)
def test_a_file_with_a_checksum(model: Model, common: Path, name: str, remedy: str) -> None:
    good = (common / name).read_bytes()
    for bad in (good[:-25] + b"x" + good[-24:], good[: len(good) // 2], b""):
        overwrite(common / name, lambda _, bad=bad: bad)  # type: ignore[misc]
        assert any(line.startswith(f"{name}: its checksum is wrong; {remedy}") for line in problems(model))


def test_a_loose_object_of_whatever_holder(model: Model, common: Path) -> None:
    """No snapshot has the branch's commits, so that verifying snapshots alone passed them over."""
    oid = git("rev-parse", "HEAD", cwd=model.directory).strip()
    path = common / "objects" / oid[:2] / oid[2:]
    for damage in (lambda b: b[:-9], lambda b: b + b"x", lambda _: b"", lambda b: b[:20] + b"!" + b[21:]):
        content = path.read_bytes()
        overwrite(path, damage)
        assert problems(model)[0].startswith(f"objects/{oid[:2]}/{oid[2:]}: object {oid} is corrupt; ")
        overwrite(path, lambda _, content=content: content)  # type: ignore[misc]
    path.unlink()
    assert f"refs/heads/main points to object {oid}, which is missing" in problems(model)


def test_an_object_that_only_history_needs(model: Model, common: Path) -> None:
    for text in ("# between\n", "# last\n"):
        (model.directory / "code" / "model.py").write_text(text)
        git("commit", "--quiet", "--all", "-m", text, cwd=model.directory)
    oid = git("rev-parse", "HEAD~1:code/model.py", cwd=model.directory).strip()
    (common / "objects" / oid[:2] / oid[2:]).unlink()
    (line,) = problems(model)
    assert oid in line


def test_what_packed_refs_says_of_a_tag(model: Model, common: Path) -> None:
    git("pack-refs", "--all", cwd=model.directory)
    commit = git("rev-parse", "v1^{commit}", cwd=model.directory).strip()
    overwrite(common / "packed-refs", lambda b: b.replace(f"^{commit}".encode(), b"^" + b"1" * 40))
    (line,) = problems(model)
    assert line.startswith(f"packed-refs: refs/tags/v1 points to {commit}, but the file says {'1' * 40}; ")


def test_heads_and_symbolic_refs(model: Model, common: Path) -> None:
    overwrite(common / "HEAD", lambda _: b"ref: refs/heads/mair\n")
    assert notices(model) == ["HEAD points to refs/heads/mair, which does not exist: nothing is checked out"]
    overwrite(common / "HEAD", lambda _: b"1" * 40 + b"\n")
    assert problems(model)[0] == f"HEAD is at object {'1' * 40}, which is missing"
    overwrite(common / "HEAD", lambda _: b"ref: refs/heads/main\n")
    overwrite(common / "refs/states/HEAD", lambda _: b"ref: refs/states/initiam\n")
    assert notices(model) == ["refs/states/HEAD points to refs/states/initiam, which does not exist"]


def test_the_choice_of_the_active_state(model: Model) -> None:
    git("config", "gitstore.dogs.activeState", "../heads/main", cwd=model.directory)
    (line,) = problems(model)
    assert line.startswith(
        "config: gitstore.dogs.activeState is '../heads/main', which cannot be the name of a state:"
        " it contains '/'"
    )


def test_a_reflog_and_alternates(model: Model, common: Path) -> None:
    (common / "objects" / "info" / "alternates").write_text("../../../elsewhere\n")
    overwrite(common / "logs" / "HEAD", lambda b: b"garbage\n" + b)
    first, second = problems(model)[:2]
    assert first.startswith("logs/HEAD: line 1 is not an entry of a reflog")
    assert second.endswith("elsewhere, from which the repository borrows objects, does not exist")


def test_a_linked_working_copy(model: Model, common: Path, tmp_path: Path) -> None:
    worktree.derive(take(model, "v3"), "dogs", tmp_path / "dogs")
    there = common / "worktrees" / "dogs"
    content = (tmp_path / "dogs" / ".git").read_bytes()
    (tmp_path / "dogs" / ".git").write_bytes(content.replace(b"worktrees/dogs", b"worktrees/dogt"))
    assert ".git does not point to " in notices(model)[0]
    (tmp_path / "dogs" / ".git").write_bytes(content)
    overwrite(there / "gitstore-model", lambda _: b"cats/")
    assert problems(model) == [
        "worktrees/dogs/gitstore-model names the model cats, which does not exist; remove the file"
    ]
    (there / "gitstore-model").unlink()
    overwrite(there / "HEAD", lambda _: b"")
    assert problems(model)[0].startswith("worktrees/dogs")


def test_the_command(model: Model, common: Path, run: Run) -> None:
    done = run("verify", "--all", "--json", cwd=model.directory)
    assert (done.code, json.loads(done.stdout)["notices"]) == (0, [])
    overwrite(common / "refs/states/HEAD", lambda _: b"ref: refs/states/initiam\n")
    done = run("verify", "--all", cwd=model.directory)
    assert (done.code, done.stderr.startswith(f"warning: {common}/refs/states/HEAD points to ")) == (0, True)
    overwrite(common / "index", lambda b: b[:-1] + bytes([b[-1] ^ 1]))
    assert run("verify", "v1", cwd=model.directory).code == 0, "a snapshot needs no index"
    done = run("verify", "--all", cwd=model.directory)
    assert (done.code, f"error: {common}/index: its checksum is wrong; " in done.stderr) == (12, True)
