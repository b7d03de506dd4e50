"""What the commands that derive, run and measure print, as text and as JSON."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Fsck, Git, Outcome, Run, bytes_hidden, parsed, said
from tests.support.models import put


@pytest.fixture
def here(model: Model) -> Path:
    return model.directory


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    return scenes.snapshot(tmp_path).repository.directory


class TestDerive:
    def test_beside_the_base(self, run: Run, v1: Path, fsck: Fsck) -> None:
        outcome = run("derive", "v1", "dogs", cwd=v1)
        assert (outcome.code, outcome.stdout) == (0, "")
        assert (
            bytes_hidden(outcome.stderr) == f"Derived dogs from digits@v1 in {v1.parent}/dogs: added SIZE\n"
        )
        fsck(v1)

    def test_json(self, run: Run, v1: Path, git: Git) -> None:
        found = parsed(run("derive", "v1", "dogs", "../my dogs", "--state", "none", "--json", cwd=v1))
        assert 0 < found.pop("added_bytes") < 16 * 1024
        assert found == {
            "name": "dogs",
            "directory": f"{v1.parent}/my dogs",
            "form": "worktree",
            "base": {
                "model": "digits",
                "snapshot": "v1",
                "tag": git("rev-parse", "v1", cwd=v1).strip(),
                "commit": git("rev-parse", "v1^{commit}", cwd=v1).strip(),
                "url": None,
            },
            "linked_bytes": 0,
        }

    def test_code_of_its_own(self, run: Run, v1: Path, git: Git) -> None:
        run("derive", "v1", "dogs", cwd=v1)
        dogs = v1.parent / "dogs"
        (dogs / "code" / "new.py").write_text("new\n")
        assert run("snapshot", "d1", cwd=dogs) == said(
            "error: code/new.py is not in the base digits@v1; dogs has no code of its own",
            "hint: rm code/new.py removes it; to change the code, change it in digits, take a snapshot there"
            " and rebase on that, or make it the model's own with gitstore detach",
            code=1,
        )


class TestState:
    def test_save(self, run: Run, here: Path) -> None:
        first, second = run("state", "save", cwd=here), run("state", "save", "initial", cwd=here)
        assert bytes_hidden(first.stderr) == "Saved state initial: 8 B, added SIZE\n"
        assert second == said("The state initial is saved as it is")
        assert first.stdout == ""

    def test_save_json(self, run: Run, here: Path, git: Git) -> None:
        found = parsed(run("state", "save", "--json", cwd=here))
        assert found.pop("added_bytes") > 0
        tree = git("rev-parse", "refs/states/initial^{tree}", cwd=here).strip()
        assert found == {"name": "initial", "tree": tree, "size": 8}

    def test_list(self, run: Run, here: Path) -> None:
        put(Model.open(here), "other", {"w": bytes(2048)})
        run("state", "save", "other", cwd=here)
        put(Model.open(here), "other", {"w": bytes(4096)})
        assert run("state", "list", cwd=here) == Outcome(
            0,
            "   STATE       SIZE  WHERE\n"
            "*  initial      8 B  on disk, not saved\n"
            "   other    4.0 KiB  on disk, modified since it was saved\n",
            "",
        )
        found = parsed(run("state", "list", "--json", cwd=here))
        assert found[0] == {
            "name": "initial", "active": True, "saved": False, "on_disk": True, "modified": False, "size": 8,
            "tree": None,
        }  # fmt: skip
        assert [each["modified"] for each in found] == [False, True]

    def test_use_and_path(self, run: Run, here: Path) -> None:
        put(Model.open(here), "other", {"w": b"w"})
        assert run("state", "use", "none", cwd=here) == said(
            "error: there is no state none", "hint: gitstore state list shows those there are", code=1
        )
        run("state", "save", "other", cwd=here)
        assert run("state", "use", "other", cwd=here) == said("The active state is other")
        (here / "states" / "other" / "w").unlink()
        assert run("state", "path", cwd=here) == Outcome(0, f"{here}/states/other\n", "")
        assert (here / "states" / "other" / "w").read_bytes() == b"w"

    def test_create(self, run: Run, here: Path) -> None:
        outcome = run("state", "create", "wide", "-p", "factor=2", cwd=here)
        assert (outcome.code, outcome.stdout) == (0, "")
        assert re.fullmatch(r"Created state wide in [\d.]+ m?s: 3 B\n", outcome.stderr)
        found = parsed(run("state", "create", "wider", "--json", cwd=here))
        assert set(found) == {"state", "tree", "size", "added_bytes", "durations", "metrics"}
        assert (found["state"], found["metrics"]) == ("wider", [])


class TestTrainAndEvaluate:
    def test_train(self, run: Run, here: Path) -> None:
        outcome = run("train", "-p", "values=[1.5, 2]", "--use", cwd=here)
        assert (outcome.code, outcome.stdout) == (0, "")
        first, second = outcome.stderr.splitlines()
        assert re.fullmatch(r"Trained state trained-1 in [\d.]+ m?s: 3 B, factor 4.5", first)
        assert second == "The active state is trained-1"

    def test_train_json(self, run: Run, here: Path) -> None:
        found = parsed(run("train", "-p", "values=[1]", "--save-as", "mine", "--json", cwd=here))
        assert set(found["durations"]) == {"code_startup", "instantiate_model", "train", "get_state", "total"}
        assert [(each["name"], each["value"]) for each in found["metrics"]] == [("factor", 2.0)]

    def test_evaluate(self, run: Run, v1: Path) -> None:
        wanted = {"products": [2.0, 4.5]}
        assert parsed(run("evaluate", "v1", "-p", "values=[1, 2.25]", cwd=v1)) == wanted
        assert parsed(run("evaluate", "-p", "values=[1, 2.25]", cwd=v1)) == wanted
        assert run("evaluate", "v1", "-p", "values=[1]", "--out", "my out", cwd=v1) == Outcome(
            0, "my out/products.npy\n", ""
        )

    def test_bad_input(self, run: Run, v1: Path) -> None:
        outcome = run("evaluate", "v1", "-p", "values=[[1]]", "-p", "more=1", cwd=v1)
        assert (outcome.code, outcome.stdout) == (1, "")
        assert [line.split(": ")[:2] for line in outcome.stderr.splitlines()] == [
            ["error", "more"],
            ["error", "values"],
        ]

    def test_code_that_raises(self, run: Run, here: Path) -> None:
        outcome = run("train", "-p", "values=[-1]", cwd=here)
        assert (outcome.code, outcome.stdout) == (14, "")
        lines = outcome.stderr.splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-2:] == ["ValueError: a negative value", "error: train: ValueError: a negative value"]

    def test_code_that_exits(self, run: Run, here: Path) -> None:
        (here / "code" / "model.py").write_text("import os\nos._exit(3)\n")
        assert run("evaluate", "-p", "values=[1]", cwd=here) == said(
            "error: code_startup: the model's process exited with code 3 before it answered", code=14
        )

    def test_code_that_runs_too_long(self, run: Run, here: Path) -> None:
        (here / "code" / "model.py").write_text("import time\ntime.sleep(60)\n")
        with (here / "settings.yaml").open("a") as file:
            file.write("max_durations: {code_startup: 300ms}\n")
        assert run("evaluate", "-p", "values=[1]", cwd=here) == said(
            "error: code_startup: took longer than the 300ms of max_durations.code_startup",
            "hint: if the model needs more time, raise max_durations.code_startup in settings.yaml",
            code=14,
        )


class TestUsage:
    def test_json(self, run: Run, v1: Path) -> None:
        found = parsed(run("usage", "--json", cwd=v1))
        assert set(found) == {
            "holders",
            "models",
            "packs",
            "loose_live",
            "loose_dead",
            "index",
            "totals",
            "cache",
        }
        assert set(found["totals"]) == {"live", "dead", "disk", "linked"}
        assert [(each["kind"], each["name"]) for each in found["holders"]] == [
            ("branch", "main"),
            ("snapshot", "v1"),
        ]
        assert set(found["holders"][0]) == {
            "kind",
            "name",
            "ref",
            "model",
            "logical",
            "exclusive",
            "shared",
            "charged",
        }
        assert set(found["packs"][0]) == {"name", "size", "live", "dead", "duplicate", "frame", "is_linked"}
        assert sum(each["charged"] for each in found["holders"]) == found["totals"]["live"]

    def test_a_table(self, run: Run, v1: Path) -> None:
        found = parsed(run("usage", "--json", cwd=v1))
        outcome = run("usage", "--packs", cwd=v1)
        assert (outcome.code, outcome.stderr) == (0, "")
        lines = outcome.stdout.splitlines()
        assert lines[0].split() == ["HOLDER", "NAME", "LOGICAL", "EXCLUSIVE", "SHARED", "CHARGED"]
        assert lines[3].split() == ["total", f"{found['totals']['live']:,}"]
        assert lines[5].split() == ["PACK", "SIZE", "LIVE", "DEAD", "DUPLICATE", "FRAME", "LINKED"]
        assert ["on", "disk", f"{found['totals']['disk']:,}"] in [line.split() for line in lines]
        assert not [line for line in lines if line != line.rstrip()]
