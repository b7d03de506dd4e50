"""`training.train`: a new state, whole and saved, or nothing at all."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

from gitstore.errors import (
    CodeTerminated,
    GitstoreError,
    MaxDurationExceeded,
    ModelException,
    OperationFailed,
    StateExists,
)
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.run import creation, new_state, process, training
from gitstore.run.values.inputs import Assignments
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support import spawning, workers
from tests.support.commands import Fsck, Git
from tests.support.failing import names, refuses
from tests.support.models import picture, put, refs, user_conditions
from tests.support.training import code, train


@pytest.fixture
def nothing_is_left() -> None:
    """Repositories are open here, which close when they are collected as garbage."""


WAIT = """\
import time
        open(__file__ + ".started", "w").close()
        while not tracker.cancelled:
            time.sleep(0.01)
        return"""


# Two that train go on when both do.
MEET = """\
import os
        import time
        here = Path(__file__).parent
        (here / f"trains-{os.urandom(8).hex()}").touch()
        while len(list(here.glob("trains-*"))) < 2:
            time.sleep(0.01)"""


def test_makes_a_new_state_saved_and_on_disk_and_not_active(model: Model, fsck: Fsck) -> None:
    before = picture(model.claim_states() / "initial")
    done = train(model)
    assert done.saved.name == "trained-1"
    assert json.loads((model.claim_states() / "trained-1" / "factor.json").read_text()) == 3.5
    found = {each.name: each for each in state.list_states(Model.open(model.directory))}
    assert (found["trained-1"].is_modified, found["trained-1"].on_disk, found["trained-1"].is_active) == (
        False,
        True,
        False,
    )
    assert found["trained-1"].tree == done.saved.tree
    assert [(metric.name, metric.value) for metric in done.metrics] == [("factor", 3.5)]
    assert picture(model.claim_states() / "initial") == before
    assert train(model).saved.name == "trained-2"
    assert train(model, name="mine").saved.name == "mine"
    assert not [path for path in model.claim_states().iterdir() if path.name.startswith(".")]
    fsck(model.directory)


def test_goes_on_from_the_active_state(model: Model) -> None:
    use_state(model, train(model).saved.name)
    train(model)
    assert json.loads((model.claim_states() / "trained-2" / "factor.json").read_text()) == 6.0


def test_two_at_once_both_keep_their_result(model: Model) -> None:
    """The name is chosen when there is something to name."""
    code(model, "train", MEET)
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(train(model).saved.name)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == ["trained-1", "trained-2"]


def test_takes_the_next_name_if_somebody_was_faster_with_the_first(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(model, name="trained-1")
    names = iter(["trained-1", "trained-2"])  # as if the first had been free a moment ago
    monkeypatch.setattr(new_state, "_choose_name", lambda _: next(names))
    assert train(model).saved.name == "trained-2"


@pytest.mark.parametrize(
    ("method", "body", "error"),
    [
        ("train", "raise RuntimeError('no')", ModelException),
        ("save_state", "import os; os._exit(3)", CodeTerminated),
        ("save_state", "import time; time.sleep(60)", MaxDurationExceeded),
    ],
)
def test_that_fails_leaves_nothing(
    model: Model, fsck: Fsck, method: str, body: str, error: type[OperationFailed]
) -> None:
    settings = model.directory / "settings.yaml"
    settings.write_text(settings.read_text() + "max_durations: {train: 200ms}\n")
    code(model, method, body)
    if method == "save_state":
        code(model, method, "(Path(out) / 'half').write_bytes(b'half')")
    before = picture(model.directory), refs(model.directory)
    with pytest.raises(error):
        train(model)
    assert (picture(model.directory), refs(model.directory)) == before
    fsck(model.directory)


def test_that_is_cancelled_leaves_nothing(model: Model, fsck: Fsck) -> None:
    code(model, "train", WAIT)
    started = model.directory / "code" / "model.py.started"
    before = picture(model.directory), refs(model.directory)
    training = spawning.start("train", "-p", "values=[1]", cwd=model.directory)
    deadline = time.monotonic() + 20
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    training.send_signal(signal.SIGINT)
    _, stderr = training.communicate(timeout=20)
    assert (training.returncode, stderr) == (
        130,
        "error: training was cancelled; nothing was kept\n",
    )
    started.unlink()
    assert (picture(model.directory), refs(model.directory)) == before
    fsck(model.directory)


@pytest.mark.parametrize("place", ["saved", "on disk"])
def test_never_writes_over_a_state(model: Model, place: str) -> None:
    put(model, "mine", {"w": b"w"})
    if place == "saved":
        save_state(model, "mine")
        (model.claim_states() / "mine" / "w").unlink()
    before = picture(model.directory), refs(model.directory)
    with pytest.raises(GitstoreError) as caught:
        train(model, name="mine")
    assert (caught.value.message, caught.value.hint) == (
        "the state mine already exists",
        "choose another name" if place == "saved" else "gitstore state save mine saves it as it is on disk",
    )
    assert (picture(model.directory), refs(model.directory)) == before


def test_never_writes_over_one_that_came_meanwhile(model: Model, git: Git) -> None:
    save_state(model, "initial")
    ref = f"{str(model.directory)!r}, 'update-ref', 'refs/states/mine', 'refs/states/initial'"
    code(model, "train", f"import subprocess; subprocess.run(['git', '-C', {ref}])")
    with pytest.raises(new_state.Unsaved) as caught:
        train(model, name="mine")
    assert names(caught.value, "mine")
    assert git("show", "refs/states/mine:weights", cwd=model.directory) == "\0\1\2\3\4\5\6\7"
    assert caught.value.path == model.claim_states() / "trained-1"  # what took so long is not thrown away
    assert os.listdir(caught.value.path) == ["factor.json"]
    assert not (model.claim_states() / "mine").exists()


def test_that_cannot_be_saved_is_on_disk(model: Model) -> None:
    """A full disk after hours of training; the repeat that the hint names is all that is missing."""
    lock = model.repository.common / "refs" / "states" / "trained-1.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(new_state.Unsaved) as caught:
        train(model)
    assert caught.value.path == model.claim_states() / "trained-1"
    assert "gitstore state save trained-1" in (caught.value.hint or "")
    lock.unlink()
    assert not save_state(Model.open(model.directory), "trained-1").was_saved
    assert sorted(os.listdir(model.claim_states())) == ["initial", "trained-1"]


@pytest.mark.parametrize(
    "step", [(new_state, "save_new"), (new_state, "sync_tree")], ids=lambda step: step[1]
)
def test_that_is_killed_has_its_name_before_it_is_saved(
    model: Model, fsck: Fsck, monkeypatch: pytest.MonkeyPatch, step: tuple[ModuleType, str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(process, "launch", workers.real_launch)
        patch.setattr(*step, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        child = os.fork()
        if child == 0:
            try:
                creation.create_state(
                    model,
                    Assignments(["factor=2"], model.directory),
                    conditions=user_conditions(),
                    name="made",
                )
            finally:
                os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    fsck(model.directory)
    here = Model.open(model.directory)
    assert state.find_saved_tree(here, "made") is None
    if step[1] == "save_new":
        assert os.listdir(here.claim_states() / "made") == ["factor.json"]
        with refuses("made", kind=StateExists):
            creation.create_state(
                here, Assignments(["factor=2"], here.directory), conditions=user_conditions(), name="made"
            )
        save_state(here, "made")
    else:
        creation.create_state(
            here, Assignments(["factor=2"], here.directory), conditions=user_conditions(), name="made"
        )
    assert [each.name for each in state.list_states(here)] == ["initial", "made"]


def test_needs_a_working_copy(model: Model, git: Git, tmp_path: Path) -> None:
    git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
    before = picture(tmp_path / "b.git")
    bare = Model.open(tmp_path / "b.git")
    for operation in (training.train, creation.create_state):
        with pytest.raises(GitstoreError) as caught:
            texts = ["values=[1]"] if operation is training.train else []
            operation(bare, Assignments(texts, tmp_path), conditions=user_conditions())
        assert type(caught.value) is GitstoreError
    assert picture(tmp_path / "b.git") == before
