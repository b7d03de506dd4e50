"""`derive --state`: copied, none, created, or files, in both forms; never a model without its state."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitstore.derive import base_repository, first_state, standalone, worktree
from gitstore.derive.first_state import ABSENT, COPIED, FirstState, Imported
from gitstore.derive.worktree import Derived
from gitstore.errors import GitstoreError, InvalidInput, OperationFailed
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.records import trainings
from gitstore.records.record import Code
from gitstore.run.creation import CreatedState
from gitstore.run.values.inputs import Assignments
from gitstore.states.materialize import materialize
from tests.support import combinations, processes, scenes
from tests.support.commands import Fsck, Run
from tests.support.failing import names, refuses
from tests.support.models import noise, picture, put, refs, take, user_conditions

Derive = Callable[..., Derived]

BOTH = pytest.mark.parametrize("form", ["", "--reference"])


@pytest.fixture
def base(tmp_path: Path) -> Snapshot:
    """digits@v1, in `tmp_path`/digits."""
    return scenes.snapshot(tmp_path)


@pytest.fixture
def model(base: Snapshot) -> Model:
    return Model.open(base.repository.directory)


@pytest.fixture(params=["worktree", "reference"])
def made(request: pytest.FixtureRequest, base: Snapshot, tmp_path: Path) -> Derive:
    """Derives dogs, with a first state."""
    form = worktree.derive if request.param == "worktree" else standalone.derive

    def derive(first: FirstState, **options: Any) -> Derived:
        return form(base, "dogs", tmp_path / "dogs", state=first, **options)

    return derive


def content(model: Model) -> dict[str, bytes]:
    """The files of the first state, as they are saved."""
    directory = materialize(model, "initial")
    found = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


def test_copied_or_none(made: Derive, base: Snapshot) -> None:
    dogs = made(COPIED).model
    assert state.find_saved_tree(dogs, "initial") == base.state_tree
    assert content(dogs) == {"weights": b"\0\1\2\3\4\5\6\7"}


def test_none(made: Derive) -> None:
    dogs = made(ABSENT).model
    assert state.list_names(dogs) == ["initial"]
    assert state.find_saved_tree(dogs, "initial") is None


def test_files_from_elsewhere(made: Derive, tmp_path: Path, fsck: Fsck) -> None:
    source = tmp_path / "größe"
    (source / "sub").mkdir(parents=True)
    (source / "large").write_bytes(noise(5_000_000))
    (source / "sub" / "small").symlink_to(source / "large")
    dogs = made(Imported([source])).model
    assert content(dogs) == {"large": noise(5_000_000), "sub/small": noise(5_000_000)}
    take(dogs, "v1")
    fsck(dogs.directory)


def test_a_single_file(made: Derive, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"weights")
    assert content(made(Imported([tmp_path / "weights.bin"])).model) == {"weights.bin": b"weights"}


def test_what_the_code_creates(made: Derive, tmp_path: Path, fsck: Fsck) -> None:
    expected: list[int] = []
    first = CreatedState(Assignments(["factor=3"], tmp_path), user_conditions())
    dogs = made(first, expect=expected.append).model
    assert content(dogs) == {"factor.json": b"3.0"}
    assert expected == [3]
    assert [path for path in dogs.repository.private.iterdir() if "~new" in path.name] == []
    fsck(dogs.directory)


class TestRefusals:
    """Whatever is wrong is told before there is anything of the model."""

    def refused(self, made: Derive, first: FirstState, model: Model) -> GitstoreError:
        before = refs(model.directory), picture(model.directory.parent)
        with pytest.raises(GitstoreError) as caught:
            made(first)
        assert (refs(model.directory), picture(model.directory.parent)) == before
        return caught.value

    def test_a_file_that_is_not_there_and_a_dangling_link(
        self, made: Derive, model: Model, tmp_path: Path
    ) -> None:
        error = self.refused(made, Imported([tmp_path / "nothing"]), model)
        assert names(error, tmp_path / "nothing")
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "link").symlink_to("nowhere")
        error = self.refused(made, Imported([tmp_path / "files"]), model)
        assert names(error, tmp_path / "files" / "link", "nowhere")

    def test_a_wrong_value(self, made: Derive, model: Model, tmp_path: Path) -> None:
        error = self.refused(
            made, CreatedState(Assignments(["factor=x", "other=1"], tmp_path), user_conditions()), model
        )
        assert isinstance(error, InvalidInput)
        assert len(error.problems) == 2

    def test_code_that_fails(self, model: Model, tmp_path: Path, base: Snapshot) -> None:
        path = model.directory / "code" / "model.py"
        path.write_text(path.read_text().replace("save(out, 1.0", "raise RuntimeError  # "))
        broken = take(model, "broken")
        before = refs(model.directory), picture(tmp_path)
        for form in (worktree.derive, standalone.derive):
            with pytest.raises(OperationFailed):
                form(
                    broken,
                    "dogs",
                    tmp_path / "dogs",
                    state=CreatedState(Assignments([], tmp_path), user_conditions()),
                )
            assert (refs(model.directory), picture(tmp_path)) == before

    def test_a_name_that_is_taken_before_the_code_runs(self, model: Model, base: Snapshot) -> None:
        with refuses("branch", "main"):
            worktree.derive(
                base,
                "main",
                model.directory.parent / "x",
                state=CreatedState(Assignments(["no"], Path()), user_conditions()),
            )


class TestCommand:
    def derive(self, run: Run, model: Model, form: str, *options: str) -> tuple[int, str]:
        options = (*options, "--json", *([form] if form else []))
        done = run("derive", "v1", "dogs", *options, cwd=model.directory)
        if done.code != 0:
            return done.code, json.loads(done.stderr.splitlines()[-1])["error"]["message"]
        assert json.loads(done.stdout)["form"] == ("reference" if form else "worktree")
        return done.code, done.stderr

    @BOTH
    def test_create(self, run: Run, model: Model, form: str, fsck: Fsck) -> None:
        (model.directory / "f.json").write_text("2.5")
        options = ("--state", "create", "-p", "factor=@f.json")
        assert self.derive(run, model, form, *options) == (0, "")
        dogs = Model.open(model.directory.parent / "dogs")
        assert content(dogs) == {"factor.json": b"2.5"}
        record = trainings.find_state_record(dogs, "initial")
        assert record is not None
        assert (record.model, record.operation, record.parameters) == (
            "dogs",
            "create_state",
            {"factor": 2.5},
        )
        assert isinstance(record.code, Code)
        assert (record.code.differs, len(str(record.code.commit))) == (False, 40)
        fsck(dogs.directory)

    @BOTH
    def test_a_path_called_like_a_word(self, run: Run, model: Model, form: str) -> None:
        (model.directory / "copy").write_bytes(b"its own")
        assert self.derive(run, model, form, "--state", "./copy") == (0, "")
        assert content(Model.open(model.directory.parent / "dogs")) == {"copy": b"its own"}

    @BOTH
    def test_no_word_at_all(self, run: Run, model: Model, form: str) -> None:
        code, said = self.derive(run, model, form, "--state", "")
        assert code == 2
        assert said == "--state is copy, none, create, or a path"

    @BOTH
    def test_values_for_nothing(self, run: Run, model: Model, form: str) -> None:
        for word in ("copy", "none", "."):
            code, said = self.derive(run, model, form, "--state", word, "-p", "factor=1")
            assert code == 2
            assert said == "-p is only for --state create"


@combinations.sample(3)
@pytest.mark.parametrize(
    ("form", "owner", "step"),
    [
        (worktree, first_state, "add_first_state"),
        (standalone, base_repository, "ref_changes"),
        (worktree, worktree, "_create_refs"),
    ],
)
def test_killed_before_the_refs(
    base: Snapshot, tmp_path: Path, form: Any, owner: object, step: str, fsck: Fsck
) -> None:
    put(Model.open(base.repository.directory), "initial", {"weights": b"other"})
    files = base.repository.directory / "states" / "initial"

    def work() -> Derived:
        derived = form.derive(base, "dogs", tmp_path / "dogs", state=Imported([files]))
        assert isinstance(derived, Derived)
        return derived

    def killed() -> None:
        setattr(owner, step, processes.die)
        work()

    assert processes.run_forked(killed) == -signal.SIGKILL
    assert "dogs" not in os.listdir(tmp_path)
    assert not [ref for ref in refs(base.repository.directory) if "dogs" in ref]
    made = work()
    assert content(made.model) == {"weights": b"other"}
    fsck(made.model.directory)
