"""What the commands that derive, run and measure do, and numbers that golden/ cannot have."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Fsck, Git, Outcome, Run, parsed
from tests.support.models import put


@pytest.fixture
def here(model: Model) -> Path:
    return model.directory


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    return scenes.snapshot(tmp_path).repository.directory


class TestDerive:
    def test_beside_the_base(self, run: Run, v1: Path, fsck: Fsck) -> None:
        assert run("derive", "v1", "dogs", cwd=v1).code == 0
        fsck(v1)

    def test_json_has_the_base_and_little_is_added(self, run: Run, v1: Path, git: Git) -> None:
        report = parsed(run("derive", "v1", "dogs", "../my dogs", "--state", "none", "--json", cwd=v1))
        assert 0 < report["added_bytes"] < 16 * 1024
        ids = git("rev-parse", "v1", "v1^{commit}", cwd=v1).split()
        assert [report["base"]["tag"], report["base"]["commit"]] == ids

    def test_code_of_its_own(self, run: Run, v1: Path) -> None:
        run("derive", "v1", "dogs", cwd=v1)
        dogs = v1.parent / "dogs"
        (dogs / "code" / "new.py").write_text("new\n")
        outcome = run("snapshot", "d1", cwd=dogs)
        assert (outcome.code, "code/new.py" in outcome.stderr) == (1, True)


class TestState:
    def test_save_json_has_the_tree(self, run: Run, here: Path, git: Git) -> None:
        report = parsed(run("state", "save", "--json", cwd=here))
        assert report["added_bytes"] > 0
        assert report["tree"] == git("rev-parse", "refs/states/initial^{tree}", cwd=here).strip()

    def test_path_writes_it_out(self, run: Run, here: Path) -> None:
        put(Model.open(here), "other", {"w": b"w"})
        run("state", "save", "other", cwd=here)
        assert run("state", "use", "other", cwd=here).code == 0
        (here / "states" / "other" / "w").unlink()
        assert run("state", "path", cwd=here) == Outcome(0, f"{here}/states/other\n", "")
        assert (here / "states" / "other" / "w").read_bytes() == b"w"


class TestTrainAndEvaluate:
    def test_train_json(self, run: Run, here: Path) -> None:
        report = parsed(run("train", "-p", "values=[1]", "--save-as", "mine", "--json", cwd=here))
        phases = {"code_startup", "instantiate_model", "train", "get_state", "total"}
        assert report["durations"].keys() == phases
        assert all(seconds > 0 for seconds in report["durations"].values())

    def test_evaluate(self, run: Run, v1: Path) -> None:
        outputs = {"products": [2.0, 4.5]}
        assert parsed(run("evaluate", "v1", "-p", "values=[1, 2.25]", cwd=v1)) == outputs
        assert parsed(run("evaluate", "-p", "values=[1, 2.25]", cwd=v1)) == outputs
        assert run("evaluate", "v1", "-p", "values=[1]", "--out", "my out", cwd=v1).code == 0
        assert (v1 / "my out" / "products.npy").is_file()


class TestUsage:
    def test_charges_add_up(self, run: Run, v1: Path) -> None:
        report = parsed(run("usage", "--json", cwd=v1))
        assert sum(holder["charged"] for holder in report["holders"]) == report["totals"]["live"]

    def test_the_table_has_the_same_numbers(self, run: Run, v1: Path) -> None:
        totals = parsed(run("usage", "--json", cwd=v1))["totals"]
        lines = [line.split() for line in run("usage", "--packs", cwd=v1).stdout.splitlines()]
        assert ["total", f"{totals['live']:,}"] in lines
        assert ["on", "disk", f"{totals['disk']:,}"] in lines
