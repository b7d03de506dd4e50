"""docs/format.md, "Refs": what stock git lists of ours, and what we make of refs that it wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Run, parsed
from tests.support.models import put, take
from tests.support.stock import Stock


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """digits with a snapshot v1, and dogs, which is derived from it."""
    scenes.derived(tmp_path)
    return Stock(tmp_path / "digits")


def states(run: Run, directory: Path) -> dict[str, bool]:
    """The states that gitstore lists, and which is active."""
    listed = parsed(run("state", "list", "--json", cwd=directory))
    return {state["name"]: state["active"] for state in listed}


def test_all_that_there_is(stock: Stock, run: Run, tmp_path: Path) -> None:
    dogs = Model.open(tmp_path / "dogs")
    take(dogs, "v1")
    for name in ("initial", "tuned"):
        put(dogs, name, {"w": b"w"})
    for directory in (stock.directory, dogs.directory):
        assert run("state", "save", cwd=directory).code == 0
    assert run("state", "save", "tuned", cwd=dogs.directory).code == 0
    listed = stock.git("for-each-ref", "--format=%(refname) %(objecttype)").splitlines()
    assert listed == [
        "refs/heads/dogs commit",
        "refs/heads/main commit",
        "refs/states/dogs/initial commit",
        "refs/states/dogs/tuned commit",
        "refs/states/initial commit",
        "refs/tags/dogs/v1 tag",
        "refs/tags/v1 tag",
    ]


def test_other_tags_beside_snapshots_mean_nothing(stock: Stock, run: Run) -> None:
    stock.git("tag", "light")
    stock.git("tag", "-m", "a release", "heavy")
    stock.git("tag", "of-a-blob", "HEAD:settings.yaml")
    listed = parsed(run("list", "--json", cwd=stock.directory))
    assert [snapshot["ref"] for snapshot in listed] == ["refs/tags/v1"]
    assert run("verify", "--all", cwd=stock.directory).code == 0


def test_states_that_git_wrote(stock: Stock, run: Run, tmp_path: Path) -> None:
    stock.state("other", {"w": b"w"})
    stock.state("dogs/tuned", {"w": b"tuned"})
    assert states(run, stock.directory) == {"initial": True, "other": False}
    assert states(run, tmp_path / "dogs") == {"initial": True, "tuned": False}
    stock.git("update-ref", "refs/states/HEAD", "refs/states/other")
    assert states(run, stock.directory) == {"initial": True, "other": False}
    stock.git("update-ref", "-d", "refs/states/other")
    assert states(run, stock.directory) == {"initial": True}


def test_the_active_state_is_a_line_of_configuration(stock: Stock, run: Run, tmp_path: Path) -> None:
    dogs = tmp_path / "dogs"
    for name in ("other", "dogs/tuned"):
        stock.state(name, {"w": b"w"})
    assert run("state", "use", "other", cwd=stock.directory).code == 0
    assert run("state", "use", "tuned", cwd=dogs).code == 0
    assert stock.git("config", "--local", "gitstore.activeState") == "other"
    assert stock.git("config", "--local", "gitstore.dogs.activeState") == "tuned"
    stock.git("config", "--local", "gitstore.activeState", "initial")
    stock.git("config", "--local", "--unset", "gitstore.dogs.activeState")
    assert states(run, stock.directory) == {"initial": True, "other": False}
    assert states(run, dogs) == {"initial": True, "tuned": False}


def test_only_the_repository_s_file_says_it(stock: Stock, run: Run, tmp_path: Path) -> None:
    """Not the user's configuration, not an included file, not that of a worktree."""
    stock.state("other", {"w": b"w"})
    (tmp_path / "included").write_text("[gitstore]\n\tactiveState = other\n")
    stock.git("config", "--global", "gitstore.activeState", "other")
    stock.git("config", "--local", "include.path", str(tmp_path / "included"))
    stock.git("config", "extensions.worktreeConfig", "true")
    stock.git("config", "--worktree", "gitstore.activeState", "other")
    assert stock.git("config", "gitstore.activeState") == "other"
    assert states(run, stock.directory)["initial"]


@pytest.mark.parametrize("value", ["../../elsewhere", "", "HEAD", "dogs/initial", "a\nb"])
def test_an_active_state_that_is_no_name_is_refused(stock: Stock, run: Run, value: str) -> None:
    stock.git("config", "--local", "gitstore.activeState", value)
    before = stock.git("for-each-ref")
    assert run("snapshot", "v2", cwd=stock.directory).code == 12
    assert run("verify", "--all", cwd=stock.directory).code == 12
    assert stock.git("for-each-ref") == before


def test_ids_of_sha_256_are_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "new").mkdir()
    Stock(tmp_path / "new").git("init", "--quiet", "--object-format=sha256")
    assert run("status", cwd=tmp_path / "new").code == 1
