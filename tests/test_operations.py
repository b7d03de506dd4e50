from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gitstore import snapshot, state
from gitstore.errors import (
    CodeTerminated,
    GitstoreError,
    InvalidInput,
    MaxDurationExceeded,
    ModelException,
    OperationFailed,
)
from gitstore.model import Model
from gitstore.run import operations
from tests.support.commands import Fsck, Git
from tests.support.models import make, picture, put, refs, take, user_cache

WAIT = """\
import time
        open(__file__ + ".started", "w").close()
        while not tracker.cancelled:
            time.sleep(0.01)
        return"""


def evaluated(model: Model, name: str, *inputs: str) -> bytes:
    here = Model.open(model.directory)
    found = next(each for each in snapshot.below(here) if each.name == name)
    done = operations.evaluate_snapshot(
        found, inputs or ["values=[1, 2, 3]"], directory=here.directory, cache=user_cache()
    )
    return done.outputs["products"].tobytes()


def train(model: Model, *inputs: str, name: str | None = None) -> operations.Result:
    here = Model.open(model.directory)
    return operations.train(here, inputs or ["values=[2.5]"], directory=here.directory, name=name)


def code(model: Model, method: str, body: str) -> None:
    """Replace the body of one of the model's methods."""
    path = model.directory / "code" / "model.py"
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"    def {method}("))
    path.write_text("\n".join([*lines[: at + 1], f"        {body}", *lines[at + 1 :]]) + "\n")


class TestEvaluatingASnapshot:
    def test_gives_the_same_bytes_after_code_state_and_settings_changed(self, model: Model) -> None:
        put(model, "initial", {"factor.json": b"1.5"})
        take(model, "v1")
        first = evaluated(model, "v1")
        assert np.frombuffer(first).tolist() == [3.0, 6.0, 9.0]
        path = model.directory / "code" / "model.py"
        path.write_text(path.read_text().replace("RATE = 2.0", "RATE = 7.0"))
        put(model, "initial", {"factor.json": b"100"})
        settings = model.directory / "settings.yaml"
        settings.write_text(
            settings.read_text()
            .replace("products", "results")
            .replace("[f64], shape: [-1]", "[f32], shape: []")
        )
        assert evaluated(model, "v1") == first

    def test_touches_nothing_of_the_working_copy(self, model: Model) -> None:
        take(model, "v1")
        before = picture(model.directory), refs(model.directory)
        evaluated(model, "v1")
        assert (picture(model.directory), refs(model.directory)) == before

    def test_works_in_a_bare_repository(self, model: Model, git: Git, tmp_path: Path) -> None:
        take(model, "v1")
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        assert evaluated(Model.open(tmp_path / "b.git"), "v1") == evaluated(model, "v1")


class TestEvaluatingTheWorkingCopy:
    def evaluate(self, model: Model) -> list[float]:
        here = Model.open(model.directory)
        done = operations.evaluate_working_copy(here, ["values=[1]"], directory=here.directory)
        found: list[float] = done.outputs["products"].tolist()
        return found

    def test_runs_what_is_on_disk(self, model: Model) -> None:
        put(model, "initial", {"factor.json": b"4"})
        assert self.evaluate(model) == [8.0]
        path = model.directory / "code" / "model.py"
        path.write_text(path.read_text().replace("RATE = 2.0", "RATE = 3.0"))
        assert self.evaluate(model) == [12.0]

    def test_writes_a_saved_state_out(self, model: Model) -> None:
        put(model, "other", {"factor.json": b"5"})
        state.save(model, "other")
        state.use(model, "other")
        (model.states / "other" / "factor.json").unlink()
        assert self.evaluate(model) == [10.0]

    def test_without_any_state_gives_the_code_an_empty_directory(self, model: Model) -> None:
        (model.states / "initial" / "weights").unlink()
        (model.states / "initial").rmdir()
        assert self.evaluate(model) == [2.0]
        assert not (model.states / "initial").exists()


class TestTraining:
    def test_makes_a_new_state_saved_and_on_disk_and_not_active(self, model: Model, fsck: Fsck) -> None:
        before = picture(model.states / "initial")
        done = train(model)
        assert done.saved.name == "trained-1"
        assert json.loads((model.states / "trained-1" / "factor.json").read_text()) == 3.5
        found = {each.name: each for each in state.each(Model.open(model.directory))}
        assert (found["trained-1"].is_modified, found["trained-1"].on_disk, found["trained-1"].is_active) == (
            False,
            True,
            False,
        )
        assert found["trained-1"].tree == done.saved.tree
        assert [(metric.name, metric.value) for metric in done.metrics] == [("factor", 3.5)]
        assert picture(model.states / "initial") == before
        assert train(model).saved.name == "trained-2"
        assert train(model, name="mine").saved.name == "mine"
        assert not [path for path in model.states.iterdir() if path.name.startswith(".")]
        fsck(model.directory)

    def test_goes_on_from_the_active_state(self, model: Model) -> None:
        state.use(model, train(model).saved.name)
        train(model)
        assert json.loads((model.states / "trained-2" / "factor.json").read_text()) == 6.0

    def test_two_at_once_both_keep_their_result(self, model: Model) -> None:
        """The name is chosen when there is something to name."""
        code(model, "train", "import time; time.sleep(0.5)")
        names: list[str] = []
        threads = [threading.Thread(target=lambda: names.append(train(model).saved.name)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(names) == ["trained-1", "trained-2"]

    def test_takes_the_next_name_if_somebody_was_faster_with_the_first(
        self, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        train(model, name="trained-1")
        names = iter(["trained-1", "trained-2"])  # as if the first had been free a moment ago
        monkeypatch.setattr(operations, "_next_name", lambda _: next(names))
        assert train(model).saved.name == "trained-2"

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ("raise RuntimeError('no')", ModelException),
            ("import os; os._exit(3)", CodeTerminated),
            ("import time; time.sleep(60)", MaxDurationExceeded),
        ],
    )
    @pytest.mark.parametrize("method", ["train", "save_state"])
    def test_that_fails_leaves_nothing(
        self, model: Model, fsck: Fsck, method: str, body: str, error: type[OperationFailed]
    ) -> None:
        settings = model.directory / "settings.yaml"
        settings.write_text(settings.read_text() + "max_durations: {train: 1s}\n")
        if method == "save_state":
            code(model, method, "(Path(out) / 'half').write_bytes(b'half')")
        code(model, method, body)
        before = picture(model.directory), refs(model.directory)
        with pytest.raises(error):
            train(model)
        assert (picture(model.directory), refs(model.directory)) == before
        fsck(model.directory)

    def test_that_is_cancelled_leaves_nothing(self, model: Model, fsck: Fsck) -> None:
        code(model, "train", WAIT)
        started = model.directory / "code" / "model.py.started"
        before = picture(model.directory), refs(model.directory)
        command = [str(Path(sys.executable).with_name("gitstore")), "train", "-p", "values=[1]"]
        process = subprocess.Popen(command, cwd=model.directory, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
        assert (process.returncode, stderr) == (130, "error: training was cancelled; nothing of it is kept\n")
        started.unlink()
        assert (picture(model.directory), refs(model.directory)) == before
        fsck(model.directory)

    @pytest.mark.parametrize("place", ["saved", "on disk"])
    def test_never_writes_over_a_state(self, model: Model, place: str) -> None:
        put(model, "mine", {"w": b"w"})
        if place == "saved":
            state.save(model, "mine")
            (model.states / "mine" / "w").unlink()
        before = picture(model.directory), refs(model.directory)
        with pytest.raises(GitstoreError) as caught:
            train(model, name="mine")
        assert (caught.value.message, caught.value.hint) == (
            "there is a state mine already",
            "choose another name"
            if place == "saved"
            else "gitstore state save mine saves it as it is on disk",
        )
        assert (picture(model.directory), refs(model.directory)) == before

    def test_never_writes_over_one_that_came_meanwhile(self, model: Model, git: Git) -> None:
        state.save(model, "initial")
        ref = f"{str(model.directory)!r}, 'update-ref', 'refs/states/mine', 'refs/states/initial'"
        code(model, "train", f"import subprocess; subprocess.run(['git', '-C', {ref}])")
        with pytest.raises(
            operations.Unsaved, match=r"could not be saved: there is a state mine already$"
        ) as caught:
            train(model, name="mine")
        assert git("show", "refs/states/mine:weights", cwd=model.directory) == "\0\1\2\3\4\5\6\7"
        assert caught.value.path == model.states / "trained-1"  # what took so long is not thrown away
        assert os.listdir(caught.value.path) == ["factor.json"]
        assert not (model.states / "mine").exists()

    def test_that_cannot_be_saved_is_on_disk(self, model: Model) -> None:
        """A full disk after hours of training; the repeat that the hint names is all that is missing."""
        lock = model.repository.common / "refs" / "states" / "trained-1.lock"
        lock.parent.mkdir(parents=True)
        lock.touch()
        with pytest.raises(operations.Unsaved) as caught:
            train(model)
        assert caught.value.path == model.states / "trained-1"
        assert caught.value.hint == "gitstore state save trained-1 saves it"
        lock.unlink()
        assert not state.save(Model.open(model.directory), "trained-1").was_saved
        assert sorted(os.listdir(model.states)) == ["initial", "trained-1"]

    @pytest.mark.parametrize("step", ["state.save_new", "operations.sync_tree"])
    def test_that_is_killed_has_its_name_before_it_is_saved(
        self, model: Model, fsck: Fsck, step: str
    ) -> None:
        script = (
            "import os, signal, sys; from pathlib import Path;"
            "from gitstore import state; from gitstore.model import Model;"
            "from gitstore.run import operations;"
            f"{step} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL);"
            "here = Path(sys.argv[1]);"
            "operations.create_state(Model.open(here), ['factor=2'], directory=here, name='made')"
        )
        done = subprocess.run([sys.executable, "-c", script, model.directory], check=False)
        assert done.returncode == -signal.SIGKILL
        fsck(model.directory)
        here = Model.open(model.directory)
        assert state.saved_tree(here, "made") is None
        if step == "state.save_new":
            assert os.listdir(here.states / "made") == ["factor.json"]
            with pytest.raises(GitstoreError, match="there is a state made already"):
                operations.create_state(here, ["factor=2"], directory=here.directory, name="made")
            state.save(here, "made")
        else:
            operations.create_state(here, ["factor=2"], directory=here.directory, name="made")
        assert [each.name for each in state.each(here)] == ["initial", "made"]

    def test_needs_a_working_copy(self, model: Model, git: Git, tmp_path: Path) -> None:
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        before = picture(tmp_path / "b.git")
        bare = Model.open(tmp_path / "b.git")
        for operation in (operations.train, operations.create_state):
            with pytest.raises(GitstoreError) as caught:
                operation(bare, ["values=[1]"] if operation is operations.train else [], directory=tmp_path)
            assert caught.value.message == "a bare repository has no code on disk to run"
            assert caught.value.hint == "clone it, and run it there; gitstore evaluate SNAPSHOT works here"
        assert picture(tmp_path / "b.git") == before


class TestCreatingAState:
    def create(self, model: Model, *inputs: str, name: str | None = None) -> operations.Result:
        here = Model.open(model.directory)
        return operations.create_state(here, inputs, directory=here.directory, name=name)

    def test_makes_the_active_one_while_that_is_empty(self, model: Model, git: Git, fsck: Fsck) -> None:
        (model.states / "initial" / "weights").unlink()
        done = self.create(model, "factor=2.5")
        assert done.saved.name == "initial"
        assert set(done.durations) == {"code_startup", "create_state", "total"}
        assert (model.states / "initial" / "factor.json").read_text() == "2.5"
        assert git("show", "refs/states/initial:factor.json", cwd=model.directory) == "2.5"
        assert state.active(Model.open(model.directory)) == "initial"
        fsck(model.directory)

    def test_makes_one_of_another_name(self, model: Model) -> None:
        self.create(model, name="wide")
        assert state.active(Model.open(model.directory)) == "initial"
        assert (model.states / "wide" / "factor.json").read_text() == "1.0"

    def test_writes_over_nothing(self, model: Model) -> None:
        before = picture(model.directory)
        with pytest.raises(GitstoreError, match=r"^there is a state initial already$"):
            self.create(model)
        assert picture(model.directory) == before

    @pytest.mark.parametrize(("name", "problem"), [("a b", "has a space in it"), ("../x", "has '/' in it")])
    def test_needs_a_name_that_can_be(self, model: Model, name: str, problem: str) -> None:
        with pytest.raises(GitstoreError, match=rf"cannot be the name of a state: it {problem}"):
            self.create(model, name=name)

    def test_that_fails_leaves_nothing(self, model: Model) -> None:
        path = model.directory / "code" / "model.py"
        path.write_text(
            path.read_text().replace(
                "        save(out, 1.0 if",
                "        open(str(out) + '/x', 'w'); raise OSError('no')\n        save(out, 1.0 if",
            )
        )
        before = picture(model.directory), refs(model.directory)
        with pytest.raises(ModelException, match=r"^create_state: OSError: no$"):
            self.create(model, name="new")
        assert (picture(model.directory), refs(model.directory)) == before


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["values=[true]"], "values: "),
        (["values=1"], "values: "),
        ([], "values: is missing, settings.yaml requires it"),
        (["values=[1]", "other=2"], "other: "),
        (["values=@nowhere.npy"], "values: "),
        (["values"], "'values': write NAME=VALUE, with VALUE in JSON, or NAME=@FILE"),
    ],
)
def test_inputs_that_do_not_fit_run_nothing(model: Model, given: list[str], problem: str) -> None:
    path = model.directory / "code" / "model.py"
    path.write_text(f"open({str(model.directory / 'ran')!r}, 'w')\n" + path.read_text())
    found = take(model, "v1")
    here = model.directory
    for run in (
        lambda: operations.evaluate_snapshot(found, given, directory=here, cache=user_cache()),
        lambda: operations.evaluate_working_copy(Model.open(here), given, directory=here),
        lambda: operations.train(Model.open(here), given, directory=here),
    ):
        with pytest.raises(InvalidInput) as caught:
            run()
        assert any(line.startswith(problem) for line in caught.value.problems), caught.value.problems
    assert not (here / "ran").exists()
    assert state.names(Model.open(here)) == ["initial"]


def test_input_files_are_looked_for_where_the_user_stands(tmp_path: Path) -> None:
    model = make(tmp_path / "digits")
    (tmp_path / "my data").mkdir()
    np.save(tmp_path / "my data" / "größe.npy", np.array([1.0, 2.0]))
    done = operations.evaluate_working_copy(model, ["values=@my data/größe.npy"], directory=tmp_path)
    assert done.outputs["products"].tolist() == [2.0, 4.0]


class TestAModelThatRemovesTheRepository:
    @pytest.mark.parametrize("outer", [False, True], ids=["alone", "in another repository"])
    def test_is_told_and_nothing_is_recorded_elsewhere(self, model: Model, git: Git, *, outer: bool) -> None:
        above = model.directory.parent
        if outer:
            git("init", "--quiet", cwd=above)
        code(model, "train", "import shutil; shutil.rmtree(Path(__file__).parents[1] / '.git')")
        with pytest.raises(GitstoreError, match=r"is not the repository any more"):
            train(model)
        assert list((model.directory / "states").glob("trained-*")) == []
        if outer:
            assert git("for-each-ref", cwd=above) == ""

    def test_by_its_ref_alone(self, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        """As what outlives it would do; nothing does where there are pid namespaces."""
        keep = operations._keep

        def keep_and_lose(*arguments: object) -> object:
            saved = keep(*arguments)  # type: ignore[arg-type]
            (model.repository.common / "refs" / "states" / saved.name).unlink()
            return saved

        monkeypatch.setattr(operations, "_keep", keep_and_lose)
        with pytest.raises(GitstoreError, match=r"the state trained-1 was saved, and is not there any more"):
            train(model)


def test_a_clone_without_weights_is_told(
    model: Model, git: Git, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """git clones snapshots, but neither `states/` nor saved states."""
    new = make(tmp_path / "new", name="new")
    (new.states / "initial" / "weights").unlink()
    operations.evaluate_working_copy(new, ["values=[1]"], directory=new.directory)
    assert caplog.messages == [], "a new model has no weights yet"
    take(model, "v1")
    git("clone", "--quiet", str(model.directory), str(tmp_path / "clone"), cwd=tmp_path)
    clone = Model.open(tmp_path / "clone")
    operations.train(clone, ["values=[1]"], directory=clone.directory)
    (message,) = caplog.messages
    assert message.startswith(
        "the state initial is neither on disk nor saved, so the model runs without weights"
    )
