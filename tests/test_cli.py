"""Every command as a person meets it: what it prints, where, and how it exits."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gitstore.cli.main import COMMANDS
from gitstore.model import Model
from tests.support.commands import Fsck, Git, Outcome, Run, gitstore
from tests.support.models import MODEL, SETTINGS, make, noise, picture, put, refs, take

GITSTORE = Path(sys.executable).with_name("gitstore")

MODEL_FILES = [
    {"path": "settings.yaml", "size": len(SETTINGS.format(name="digits")), "parts": 1},
    {"path": "code/model.py", "size": len(MODEL), "parts": 1},
    {"path": "state/weights", "size": 8, "parts": 1},
]


@pytest.fixture
def here(model: Model) -> Path:
    return model.directory


@pytest.fixture
def v1(model: Model) -> Path:
    take(model, "v1", "First\n\nIt multiplies.")
    return model.directory


def bytes_hidden(text: str) -> str:
    """Sizes in a pack depend on the version of the compressor; everything else is exact."""
    return re.sub(r"added \d[\d.]* (B|KiB|MiB)", "added SIZE", text)


def parsed(outcome: Outcome) -> Any:
    assert (outcome.code, outcome.stderr) == (0, "")
    return json.loads(outcome.stdout)


def said(*lines: str, code: int = 0) -> Outcome:
    """Nothing on stdout, and these lines on stderr."""
    return Outcome(code, "", "".join(f"{line}\n" for line in lines))


class TestInit:
    def test_a_new_one(self, run: Run, tmp_path: Path) -> None:
        assert run("init", "digits", cwd=tmp_path) == said(
            f"Made the model digits in {tmp_path}/digits",
            f"Put its weights into {tmp_path}/digits/states/initial/, then gitstore snapshot v1",
        )

    def test_here(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "größer als").mkdir()
        outcome = run("init", "--name", "größer", cwd=tmp_path / "größer als")
        assert outcome.stderr.startswith(f"Made the model größer in {tmp_path}/größer als\n")

    def test_adopted(self, run: Run, git: Git, tmp_path: Path) -> None:
        git("init", "--quiet", cwd=tmp_path)
        (tmp_path / "src").mkdir()
        outcome = run("init", "--name", "m", "--code", "src", cwd=tmp_path)
        assert outcome.stderr.startswith(f"Adopted the model m in {tmp_path}\n")

    def test_json(self, run: Run, tmp_path: Path) -> None:
        assert parsed(run("init", "m", "--json", cwd=tmp_path)) == {
            "name": "m",
            "directory": f"{tmp_path}/m",
            "added": ["code/model.py", "settings.yaml", ".gitignore"],
        }

    def test_an_example_that_is_not_there(self, run: Run, tmp_path: Path) -> None:
        outcome = run("init", "m", "--example", "cats", cwd=tmp_path)
        assert outcome.code == 2
        assert outcome.stderr.endswith(
            "error: Invalid value for --example: there is no example 'cats'; there are: digits, skeleton\n"
        )
        assert list(tmp_path.iterdir()) == []

    def test_twice(self, run: Run, here: Path) -> None:
        assert run("init", cwd=here) == said(
            f"error: {here} is a model already: it has a settings.yaml",
            "hint: gitstore settings show",
            code=1,
        )


class TestSnapshot:
    def test_taken(self, run: Run, here: Path, fsck: Fsck) -> None:
        outcome = run("snapshot", "v1", "-m", "First", cwd=here)
        assert (outcome.code, outcome.stdout) == (0, "")
        assert bytes_hidden(outcome.stderr) == "Took snapshot v1 of digits with state initial: added SIZE\n"
        fsck(here)

    def test_json(self, run: Run, here: Path, git: Git) -> None:
        found = parsed(run("snapshot", "v1", "--json", cwd=here))
        assert found == {
            "name": "v1",
            "ref": "refs/tags/v1",
            "tag": git("rev-parse", "v1", cwd=here).strip(),
            "commit": git("rev-parse", "v1^{commit}", cwd=here).strip(),
            "state": "initial",
            "added_bytes": found["added_bytes"],
            "added_objects": 5,
        }
        (pack,) = (here / ".git" / "objects" / "pack").glob("*.pack")
        assert found["added_bytes"] == pack.stat().st_size

    def test_of_a_name_that_exists(self, run: Run, v1: Path) -> None:
        assert run("snapshot", "v1", cwd=v1) == said(
            "error: the snapshot v1 exists already, and a snapshot never changes",
            "hint: choose another name",
            code=1,
        )

    def test_with_several_errors_in_the_settings(self, run: Run, here: Path) -> None:
        (here / "settings.yaml").write_text("name: digits\ncolor: red\nmax_durations: {train: 60}\n")
        assert run("snapshot", "v1", cwd=here) == said(
            "error: settings.yaml:2: color: there is no such key; allowed are name, description, code,"
            " filesystem_size, types, max_durations, packages, default_launchers, based_on",
            "error: settings.yaml:3: max_durations.train: '60' has no unit; write it like 60s, 10m or 24h",
            code=13,
        )

    def test_progress_on_stderr_if_asked_for(self, run: Run, here: Path) -> None:
        outcome = run("snapshot", "v1", "--progress", cwd=here)
        assert (outcome.code, outcome.stdout) == (0, "")
        assert bytes_hidden(outcome.stderr).endswith(
            "Took snapshot v1 of digits with state initial: added SIZE\n"
        )


class TestList:
    def test_a_table(self, run: Run, v1: Path) -> None:
        put(Model.open(v1), "initial", {"big": bytes(3_000_000)})
        take(Model.open(v1), "zweite-größe")
        assert run("list", cwd=v1) == Outcome(
            0,
            "SNAPSHOT      DATE                 SIZE  STATE    MESSAGE\n"
            "v1            2023-11-14 22:13  1.2 KiB  initial  First\n"
            "zweite-größe  2023-11-14 22:13  2.9 MiB  initial  Snapshot zweite-größe of digits\n",
            "",
        )

    def test_json(self, run: Run, v1: Path, git: Git) -> None:
        assert parsed(run("list", "--json", cwd=v1)) == [
            {
                "name": "v1",
                "model": "digits",
                "ref": "refs/tags/v1",
                "tag": git("rev-parse", "v1", cwd=v1).strip(),
                "date": "2023-11-14T22:13:20+00:00",
                "state": "initial",
                "size": sum(file["size"] for file in MODEL_FILES),  # type: ignore[misc]
                "message": "First\n\nIt multiplies.",
            }
        ]

    def test_of_all_models(self, run: Run, v1: Path) -> None:
        run("derive", "v1", "dogs", cwd=v1)
        run("snapshot", "d1", cwd=v1.parent / "dogs")
        names = [line.split()[0] for line in run("list", "--all", cwd=v1).stdout.splitlines()]
        assert names == ["SNAPSHOT", "dogs@d1", "v1"]
        (found,) = parsed(run("list", "--json", cwd=v1.parent / "dogs"))
        assert (found["model"], found["ref"]) == ("dogs", "refs/tags/dogs/d1")

    def test_nothing_yet(self, run: Run, here: Path) -> None:
        assert run("list", cwd=here) == said("no snapshots yet; gitstore snapshot v1 takes one")
        assert parsed(run("list", "--json", cwd=here)) == []

    def test_what_cannot_be_read_hides_no_other(self, run: Run, v1: Path, git: Git) -> None:
        git("tag", "--annotate", "-m", "x\n\nGitstore-Format: 9", "future", cwd=v1)
        outcome = run("list", cwd=v1)
        assert (outcome.code, len(outcome.stdout.splitlines())) == (12, 2)
        assert outcome.stderr == (
            "error: refs/tags/future is of format 9, which this gitstore does not know\n"
            "hint: gitstore verify --all tells what is wrong\n"
        )
        outcome = run("list", "--json", cwd=v1)
        assert (outcome.code, [each["name"] for each in json.loads(outcome.stdout)]) == (12, ["v1"])
        assert run("usage", cwd=v1).code == 0


class TestShow:
    def test_in_full(self, run: Run, v1: Path, git: Git) -> None:
        tag, commit = git("rev-parse", "v1", "v1^{commit}", cwd=v1).split()
        settings = (v1 / "settings.yaml").read_text()
        assert run("show", "v1", cwd=v1) == Outcome(
            0,
            f"""\
snapshot:  v1
model:     digits
ref:       refs/tags/v1
tag:       {tag}
commit:    {commit}
tagger:    Ada Lovelace <ada@example.org>
date:      2023-11-14T22:13:20+00:00
state:     initial

    First

    It multiplies.

FILE            SIZE  PARTS
settings.yaml  351 B      1
code/model.py  862 B      1
state/weights    8 B      1

{settings}""",
            "",
        )

    def test_json(self, run: Run, v1: Path) -> None:
        found = parsed(run("show", "v1", "--json", cwd=v1))
        assert " ".join(found) == (
            "snapshot model ref tag commit tagger date state based_on message files settings"
        )
        assert [
            {key: file[key] for key in ("path", "size", "parts")} for file in found["files"]
        ] == MODEL_FILES
        assert (found["based_on"], found["settings"]["filesystem_size"]) == (None, 1024**2)

    def test_of_a_derived_model_its_base(self, run: Run, v1: Path) -> None:
        run("derive", "v1", "dogs", cwd=v1)
        run("snapshot", "v1", cwd=v1.parent / "dogs")
        assert "based on:  digits@v1\n" in run("show", "dogs@v1", cwd=v1).stdout

    def test_what_is_not_there(self, run: Run, v1: Path) -> None:
        assert run("show", "v2", cwd=v1) == said(
            "error: there is no snapshot v2", "hint: gitstore list shows the snapshots", code=1
        )

    def test_names_that_are_not_text(self, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        put(model, "initial", {os.fsdecode(b"\xff\x1b[2J"): b"x"})
        take(model, "v1")
        monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
        outcome = gitstore("show", "v1", cwd=model.directory)
        assert (outcome.code, outcome.stderr) == (0, "")
        assert r"'state/\udcff\x1b[2J'    1 B      1" in outcome.stdout.splitlines()
        files = parsed(gitstore("show", "v1", "--json", cwd=model.directory))["files"]
        assert "state/\udcff\x1b[2J" in [file["path"] for file in files]


class TestVerify:
    def test_sound(self, run: Run, v1: Path) -> None:
        assert run("verify", cwd=v1) == said("Verified v1: 8 objects are sound")
        assert run("verify", "v1", "--no-progress", cwd=v1) == said("Verified v1: 8 objects are sound")
        assert run("verify", "--all", cwd=v1) == said("Verified v1: 8 objects are sound")
        assert parsed(run("verify", "--json", cwd=v1)) == {
            "ok": True,
            "snapshots": ["v1"],
            "objects": 8,
            "problems": [],
        }

    def test_nothing_to_verify(self, run: Run, here: Path) -> None:
        assert run("verify", cwd=here) == said("Verified no snapshots: 0 objects are sound")

    @pytest.fixture
    def missing(self, v1: Path, git: Git) -> tuple[Path, str]:
        oid = git("rev-parse", "v1:code/model.py", cwd=v1).strip()
        (v1 / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
        return v1, oid

    def test_damaged(self, run: Run, missing: tuple[Path, str]) -> None:
        here, oid = missing
        assert run("verify", cwd=here) == said(
            f"error: v1: object {oid} is missing from the repository (code/model.py)",
            "hint: a clone or a backup may still have the object; git fetch brings it back",
            code=12,
        )

    def test_damaged_as_json(self, run: Run, missing: tuple[Path, str]) -> None:
        here, oid = missing
        outcome = run("verify", "--json", cwd=here)
        assert (outcome.code, outcome.stderr) == (12, "")
        assert json.loads(outcome.stdout) == {
            "ok": False,
            "snapshots": ["v1"],
            "objects": 8,
            "problems": [
                {
                    "message": f"object {oid} is missing from the repository",
                    "snapshots": ["v1"],
                    "path": "code/model.py",
                    "oid": oid,
                }
            ],
        }

    def test_usage(self, run: Run, v1: Path) -> None:
        outcome = run("verify", "v1", "--all", cwd=v1)
        assert (outcome.code, outcome.stderr.splitlines()[-1]) == (2, "error: give REF, or --all")


class TestExport:
    def test_to_a_directory(self, run: Run, v1: Path, tmp_path: Path) -> None:
        target = tmp_path / "my export – größer"
        assert run("export", "v1", str(target), cwd=v1) == said(f"Exported v1 to {target}: 1.2 KiB")
        assert (target / "state" / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"

    def test_to_the_directory_one_stands_in(self, run: Run, v1: Path, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        assert run("export", f"{v1}@v1", ".", cwd=tmp_path / "out") == said(f"Exported {v1}@v1 to .: 1.2 KiB")
        assert sorted(os.listdir(".")) == ["code", "settings.yaml", "state"]

    def test_json(self, run: Run, v1: Path) -> None:
        assert parsed(run("export", "v1", "out", "--json", cwd=v1)) == {
            "snapshot": "v1",
            "directory": "out",
            "size": sum(file["size"] for file in MODEL_FILES),  # type: ignore[misc]
        }

    def test_over_something(self, run: Run, v1: Path) -> None:
        assert run("export", "v1", "code", cwd=v1) == said(
            "error: code exists already", "hint: export into a new directory", code=1
        )


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
            "base": {"model": "digits", "snapshot": "v1", "tag": git("rev-parse", "v1", cwd=v1).strip()},
        }

    def test_from_another_repository(self, run: Run, v1: Path, tmp_path: Path) -> None:
        other = make(tmp_path / "other", "other").directory
        assert run("derive", f"{v1}@v1", "dogs", cwd=other) == said(
            f"error: {v1}@v1 is in another repository, and a worktree cannot leave its own",
            f"hint: gitstore -C {v1} derive v1 dogs",
            code=1,
        )

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
        assert run("state", "use", "other", cwd=here) == said(
            "error: the state other is not saved", "hint: gitstore state save other", code=1
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
        assert set(found) == {"holders", "packs", "loose_live", "loose_dead", "index", "totals"}
        assert set(found["totals"]) == {"live", "dead", "disk"}
        assert [(each["kind"], each["name"]) for each in found["holders"]] == [
            ("branch", "main"),
            ("snapshot", "v1"),
        ]
        assert set(found["holders"][0]) == {
            "kind",
            "name",
            "ref",
            "logical",
            "exclusive",
            "shared",
            "charged",
        }
        assert set(found["packs"][0]) == {"name", "size", "live", "dead", "duplicate", "frame"}
        assert sum(each["charged"] for each in found["holders"]) == found["totals"]["live"]

    def test_a_table(self, run: Run, v1: Path) -> None:
        found = parsed(run("usage", "--json", cwd=v1))
        outcome = run("usage", "--packs", cwd=v1)
        assert (outcome.code, outcome.stderr) == (0, "")
        lines = outcome.stdout.splitlines()
        assert lines[0].split() == ["HOLDER", "NAME", "LOGICAL", "EXCLUSIVE", "SHARED", "CHARGED"]
        assert lines[3].split() == ["total", f"{found['totals']['live']:,}"]
        assert lines[5].split() == ["PACK", "SIZE", "LIVE", "DEAD", "DUPLICATE", "FRAME"]
        assert lines[-1].split() == ["on", "disk", f"{found['totals']['disk']:,}"]
        assert not [line for line in lines if line != line.rstrip()]


class TestWhereItIsRun:
    def test_in_a_subdirectory(self, run: Run, v1: Path) -> None:
        (v1 / "code" / "sub").mkdir()
        for command in (
            ["list"],
            ["state", "list"],
            ["verify"],
            ["usage"],
            ["show", "v1"],
            ["settings", "check"],
        ):
            assert run(*command, cwd=v1 / "code" / "sub").code == 0
        assert run("snapshot", "v2", cwd=v1 / "code").code == 0

    def test_elsewhere_with_C(self, run: Run, v1: Path, tmp_path: Path) -> None:
        assert run("-C", str(v1), "list", cwd=tmp_path) == run("list", cwd=v1)
        assert run("-C", "digits", "export", "v1", "../out", cwd=tmp_path) == said(
            "Exported v1 to digits/../out: 1.2 KiB"
        )
        assert (tmp_path / "out" / "code").is_dir()
        assert run("-C", "digits", "derive", "v1", "dogs", "../d", "--json", cwd=tmp_path).code == 0
        assert (tmp_path / "d" / "code").is_dir()

    def test_in_a_linked_worktree(self, run: Run, v1: Path, git: Git, tmp_path: Path) -> None:
        git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"), cwd=v1)
        put(Model.open(tmp_path / "linked"), "initial", {"w": b"w"})
        assert run("snapshot", "v2", cwd=tmp_path / "linked").code == 0
        assert [each["name"] for each in parsed(run("list", "--json", cwd=v1))] == ["v1", "v2"]

    def test_in_a_bare_repository(self, run: Run, v1: Path, git: Git, tmp_path: Path, fsck: Fsck) -> None:
        run("state", "save", cwd=v1)
        git("clone", "--quiet", "--mirror", str(v1), "b.git", cwd=tmp_path)
        bare = tmp_path / "b.git"
        works = ["list", "show v1", "verify --all", "usage", "state list", "snapshot v2"]
        works += ["evaluate v1 -p values=[1]", "export v1 ../out", "derive v1 dogs"]
        for command in works:
            outcome = run(*command.split(), cwd=bare)
            assert outcome.code == 0, outcome.stderr
        for command in ("state save", "state path", "train -p values=[1]", "evaluate -p values=[1]"):
            outcome = run(*command.split(), cwd=bare)
            assert outcome.code == 1
            assert "a bare repository has no " in outcome.stderr
        assert not (bare / "states").exists()
        fsck(bare)

    def test_with_spaces_and_other_letters(self, run: Run, tmp_path: Path, fsck: Fsck) -> None:
        there = make(tmp_path / "mein Modell – größer\tals 你好" / 'it\'s "one"', "größer").directory
        put(Model.open(there), "zustand-你好", {"ein Gewicht": b"w"})
        for command in (
            ["state", "save", "zustand-你好"],
            ["state", "use", "zustand-你好"],
            ["snapshot", "größer-1", "-m", "größer als zuvor"],
            ["derive", "größer-1", "hündchen"],
            ["verify", "--all"],
            ["evaluate", "größer-1", "-p", "values=[1]"],
            ["export", "größer@größer-1", "my out"],
        ):
            outcome = run(*command, cwd=there)
            assert outcome.code == 0, outcome.stderr
        assert (there / "my out" / "state" / "ein Gewicht").read_bytes() == b"w"
        assert run("snapshot", "v1", cwd=there.parent / "hündchen").code == 0
        fsck(there)

    def test_outside_of_a_model(self, run: Run, tmp_path: Path, git: Git) -> None:
        commands = [
            "list",
            "show v1",
            "snapshot v1",
            "state list",
            "state save",
            "usage",
            "train",
            "evaluate",
        ]
        commands += ["export v1 out", "derive v1 dogs", "verify"]
        for command in commands:
            assert run(*command.split(), cwd=tmp_path) == said(
                f"error: {tmp_path} is not in a git repository",
                "hint: gitstore init makes a model here",
                code=10,
            )
        git("init", "--quiet", cwd=tmp_path)
        for command in commands:
            assert run(*command.split(), cwd=tmp_path) == said(
                f"error: {tmp_path} is a git repository, but no model: it has no settings.yaml",
                "hint: gitstore init makes it one",
                code=10,
            )
        assert run("settings", "check", cwd=tmp_path).code == 10

    @pytest.mark.parametrize(
        "variable", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY"]
    )
    def test_from_a_hook_of_another_repository(
        self,
        run: Run,
        v1: Path,
        tmp_path: Path,
        git: Git,
        monkeypatch: pytest.MonkeyPatch,
        fsck: Fsck,
        variable: str,
    ) -> None:
        other = make(tmp_path / "other", "other").directory
        before = picture(other / ".git"), picture(other)
        values = {
            "GIT_DIR": ".git",
            "GIT_INDEX_FILE": ".git/index",
            "GIT_WORK_TREE": "",
            "GIT_OBJECT_DIRECTORY": ".git/objects",
        }
        monkeypatch.setenv(variable, str(other / values[variable]))
        assert run("snapshot", "v2", cwd=v1).code == 0
        assert run("state", "save", cwd=v1).code == 0
        assert run("derive", "v2", "dogs", cwd=v1).code == 0
        monkeypatch.delenv(variable, raising=False)
        assert (picture(other / ".git"), picture(other)) == before
        fsck(v1)

    def test_in_a_hook_of_its_own(self, v1: Path, git: Git, fsck: Fsck) -> None:
        """git sets GIT_DIR and, for a commit of some files, a GIT_INDEX_FILE of its own."""
        hook = v1 / ".git" / "hooks" / "pre-commit"
        hook.write_text(f'#!/bin/sh\nexec "{GITSTORE}" snapshot auto\n')
        hook.chmod(0o755)
        (v1 / "code" / "new.py").write_text("new\n")
        git("add", "code", cwd=v1)
        git("commit", "--quiet", "-m", "with a snapshot", "--", "code/new.py", cwd=v1)
        assert git("ls-tree", "--name-only", "auto:code", cwd=v1) == "model.py\nnew.py\n"
        assert git("status", "--porcelain", cwd=v1) == ""
        fsck(v1)

    def test_with_an_object_format_we_do_not_write(self, run: Run, tmp_path: Path, git: Git) -> None:
        git("init", "--quiet", "--object-format=sha256", cwd=tmp_path)
        (tmp_path / "settings.yaml").write_text("name: m\n")
        outcome = run("snapshot", "v1", cwd=tmp_path)
        assert outcome.code == 1
        assert outcome.stderr.startswith("error: ")
        assert "Traceback" not in outcome.stderr


STATE_VERBS = ("save", "list", "use", "path", "create", "import", "export", "rename", "rm")


class TestUsageErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["snapshto"], "error: 'snapshto' is not a gitstore command. Did you mean 'snapshot'?"),
            (["frobnicate"], "error: 'frobnicate' is not a gitstore command. See 'gitstore --help'."),
            (["snapshot"], "error: Missing argument 'NAME'."),
            (["export", "v1"], "error: Missing argument 'DIRECTORY'."),
            (["-C", "nowhere", "list"], "error: Invalid value for '-C': Directory 'nowhere' does not exist."),
            (
                ["derive", "v1", "d", "--state", "x"],
                "error: Invalid value for '--state': 'x' is not one of 'copy', 'none'.",
            ),
        ],
    )
    def test_exit_with_2(self, run: Run, here: Path, arguments: list[str], message: str) -> None:
        outcome = run(*arguments, cwd=here)
        assert (outcome.code, outcome.stdout, outcome.stderr.splitlines()[-1]) == (2, "", message)

    @pytest.mark.parametrize(
        "name",
        [*COMMANDS, *(f"state {verb}" for verb in STATE_VERBS)],
    )
    def test_every_command_has_help_with_an_example(self, run: Run, tmp_path: Path, name: str) -> None:
        outcome = run(*name.split(), "--help", cwd=tmp_path)
        assert (outcome.code, outcome.stderr) == (0, "")
        assert re.search(rf"Examples?:\n.*gitstore .*{name.split()[0]}", outcome.stdout)


class TestExitCodes:
    """Those that need a process of their own: what ends it is part of what is tested."""

    def call(self, *arguments: str, cwd: Path, **options: Any) -> Outcome:
        done = subprocess.run(
            [GITSTORE, *arguments], cwd=cwd, capture_output=True, text=True, check=False, **options
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def test_11_for_a_lock(self, v1: Path) -> None:
        lock = v1 / ".git" / "refs" / "tags" / "v2.lock"
        lock.touch()
        assert self.call("snapshot", "v2", cwd=v1) == said(
            "error: refs/tags/v2 is locked by another git process",
            f"hint: if none is running, a crash left the lock: remove {lock}",
            code=11,
        )

    def test_130_for_an_interrupt(self, here: Path, fsck: Fsck) -> None:
        put(Model.open(here), "initial", {"large": noise(100_000_000)})
        before = refs(here)
        process = subprocess.Popen([GITSTORE, "snapshot", "v1"], cwd=here, stderr=subprocess.PIPE, text=True)
        packs = here / ".git" / "objects" / "pack"
        deadline = time.monotonic() + 20
        while not any(path.stat().st_size > 10_000 for path in packs.glob("gitstore-tmp-pack-*")):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr) == (130, "\ninterrupted\n")
        assert refs(here) == before
        assert list(packs.iterdir()) == []
        fsck(here)

    def test_141_for_a_reader_that_has_gone(self, v1: Path) -> None:
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [GITSTORE, "show", "v1"], cwd=v1, stdout=write, stderr=subprocess.PIPE, text=True, check=False
        )
        os.close(write)
        assert (done.returncode, done.stderr) == (141, "")

    def test_141_in_the_middle_of_much_data(self, here: Path) -> None:
        for number in range(200):
            (here / "code" / f"a file with a long name, one of many {number:04}").write_text("x")
        take(Model.open(here), "v1")
        command = f'"{GITSTORE}" show v1 --json; echo $? >&2'
        process = subprocess.Popen(
            ["sh", "-c", command], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b"141\n"
        process.stderr.close()
        process.wait()

    def test_255_for_a_bug(self, v1: Path) -> None:
        script = (
            "import sys; from gitstore import snapshot; from gitstore.cli.main import main\n"
            "def below(model): raise LookupError('a bug')\n"
            "snapshot.below = below; sys.argv = ['gitstore', 'list']; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=v1, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (255, "")
        lines = done.stderr.splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-2] == "LookupError: a bug"
        assert re.fullmatch(
            r"bug: gitstore [\d.a-z+]+ failed in a way it should not\. Please report the lines above,"
            r" with the command, on the project's issue tracker\.",
            lines[-1],
        )

    def test_1_for_what_the_file_system_refuses(self, v1: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        outcome = self.call("export", "v1", str(tmp_path / "file" / "out"), cwd=v1)
        assert outcome == said(f"error: {tmp_path}/file: File exists", code=1)

    def test_without_git(self, v1: Path, tmp_path: Path) -> None:
        (tmp_path / "bin").mkdir()
        environment = {**os.environ, "PATH": str(tmp_path / "bin")}
        outcome = self.call("snapshot", "v2", cwd=v1, env=environment)
        assert outcome == said(
            "error: git is not installed, or not on PATH", "hint: install git 2.39 or newer", code=1
        )
        assert self.call("list", cwd=v1, env=environment).code == 0

    def test_version(self, tmp_path: Path) -> None:
        outcome = self.call("--version", cwd=tmp_path)
        assert re.fullmatch(r"gitstore \d+\.\d+\S*\n", outcome.stdout)
        as_git = subprocess.run(
            ["git", "gitstore", "--version"], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{GITSTORE.parent}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
        assert (as_git.returncode, as_git.stdout) == (0, outcome.stdout)
