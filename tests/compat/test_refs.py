"""docs/format.md, "Refs": what stock git lists of ours, and what we make of refs that it wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.states import remove
from gitstore.states.use import use_state
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run, parsed
from tests.support.models import put, refs, take
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


def active(model: Model) -> str:
    """What a fresh process takes for the active state."""
    return Model.open(model.directory).active_state


@pytest.fixture
def chosen(tmp_path: Path) -> Model:
    """A model with two saved states, of which `other` is active."""
    return scenes.two_states(tmp_path)


def test_no_ref_says_it(chosen: Model, fsck: Fsck) -> None:
    assert [ref for ref in refs(chosen.directory) if "HEAD" in ref] == []
    fsck(chosen.directory)


def test_a_mirror_chooses_for_itself(chosen: Model, tmp_path: Path, git: Git, fsck: Fsck) -> None:
    git("clone", "--quiet", "--mirror", str(chosen.directory), "mirror.git", cwd=tmp_path)
    mirror = Model.open(tmp_path / "mirror.git")
    assert (mirror.active_state, state.list_names(mirror)) == ("initial", ["initial", "other"])
    use_state(mirror, "other")
    use_state(chosen, "initial")
    git("remote", "update", cwd=mirror.directory)
    assert (active(mirror), active(chosen)) == ("other", "initial")
    fsck(mirror.directory)


@pytest.mark.parametrize("is_symbolic", [True, False])
def test_no_fetch_moves_it(chosen: Model, tmp_path: Path, git: Git, run: Run, *, is_symbolic: bool) -> None:
    """Not even one of a repository in which there is a HEAD among the states."""
    git("clone", "--quiet", str(chosen.directory), "clone", cwd=tmp_path)
    here = Model.open(tmp_path / "clone")
    put(here, "mine", {"w": b"mine"})
    use_state(here, "mine")
    make = ("symbolic-ref",) if is_symbolic else ("update-ref",)
    git(*make, "refs/states/HEAD", "refs/states/other", cwd=chosen.directory)
    git("fetch", "--quiet", "origin", "+refs/states/*:refs/states/*", cwd=here.directory)
    assert "refs/states/HEAD" in refs(here.directory)
    assert (active(here), state.list_names(here)) == ("mine", ["initial", "mine", "other"])
    assert "HEAD" not in run("state", "list", cwd=here.directory).stdout
    remove.remove(Model.open(here.directory), ["mine"], force=True)
    assert active(here) == "initial"


def test_a_hostile_choice_is_refused(chosen: Model, run: Run) -> None:
    config = chosen.repository.common / "config"
    sound = config.read_text()
    for content in (
        "[gitstore]\n\tactiveState = ../../elsewhere\n",
        "[gitstore]\n\tactivestate\n",
        '[gitstore]\n\tACTIVESTATE = ""\n',
        '[GitStore]\n\tactiveState = other\n\tactiveState = "a\\nb"\n',
        "[gitstore]\n\tactiveState = HEAD\n",
        "[gitstore]\n\tactiveState = dogs/initial\n",
    ):
        config.write_text(f"{sound}{content}")
        with pytest.raises(Corrupt) as caught:
            active(chosen)
        assert caught.value.message.startswith(f"{config}: gitstore.activeState is ")
        assert caught.value.hint is not None
        done = run("snapshot", "v1", cwd=chosen.directory)
        assert (done.code, done.stderr.count("\n")) == (12, 2)
        verified = run("verify", "--all", cwd=chosen.directory)
        assert "gitstore.activeState is " in verified.stdout + verified.stderr
        assert run("state", "use", "initial", cwd=chosen.directory).code == 0
        assert active(chosen) == "initial"


def test_only_the_repository_s_own_file_counts(chosen: Model, git: Git, tmp_path: Path) -> None:
    """Neither the user's, nor an included one, which a pull can change, nor what a working copy says."""
    here, config = chosen.directory, chosen.repository.common / "config"
    git("config", "--global", "gitstore.activeState", "initial", cwd=here)
    (tmp_path / "included").write_text("[gitstore]\n\tactiveState = initial\n")
    git("config", "--local", "include.path", str(tmp_path / "included"), cwd=here)
    git("config", "extensions.worktreeConfig", "true", cwd=here)
    git("config", "--worktree", "gitstore.activeState", "initial", cwd=here)
    assert active(chosen) == "other"
    git("config", "--file", str(config), "--unset", "gitstore.activeState", cwd=here)
    put(chosen, "third", {"w": b"w"})
    use_state(Model.open(here), "third")
    assert active(chosen) == "third"


def test_ids_of_sha_256_are_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "new").mkdir()
    Stock(tmp_path / "new").git("init", "--quiet", "--object-format=sha256")
    assert run("status", cwd=tmp_path / "new").code == 1
