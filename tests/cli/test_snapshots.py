"""What the commands that take and read snapshots print, as text and as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Fsck, Git, Outcome, Run, bytes_hidden, gitstore, parsed, said
from tests.support.models import MODEL, SETTINGS, make, put, take

MODEL_FILES = [
    {"path": "settings.yaml", "size": len(SETTINGS.format(name="digits")), "parts": 1},
    {"path": "code/model.py", "size": len(MODEL), "parts": 1},
    {"path": "state/weights", "size": 8, "parts": 1},
]

NO_SIGNATURE = {
    "snapshot": "v1",
    "status": "none",
    "accepted": False,
    "signed": None,
    "signer": None,
    "key": None,
    "trust": None,
}


@pytest.fixture
def here(model: Model) -> Path:
    return model.directory


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    scenes.copy(_v1, tmp_path)
    return tmp_path / "digits"


def _v1(root: Path) -> None:
    take(make(root / "digits"), "v1", "First\n\nIt multiplies.")


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
            "signed": None,
            "checked": False,
            "added_bytes": found["added_bytes"],
            "added_objects": 5,
            "warnings": [],
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
                "signed": None,
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
            "snapshot model ref tag commit tagger date signed state based_on message files settings"
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
            "notices": [],
            "signatures": [NO_SIGNATURE],
        }

    def test_nothing_to_verify(self, run: Run, here: Path) -> None:
        assert run("verify", cwd=here) == said("Verified no snapshots: 0 objects are sound")

    def test_damaged(self, run: Run, v1: Path, git: Git) -> None:
        here, oid = v1, git("rev-parse", "v1:code/model.py", cwd=v1).strip()
        (v1 / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
        assert run("verify", cwd=here) == said(
            f"error: v1: object {oid} is missing from the repository (code/model.py)",
            "hint: a clone or a backup may still have the object; git fetch brings it back",
            code=12,
        )

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
            "notices": [],
            "signatures": [NO_SIGNATURE],
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
            "directory": f"{v1}/out",
            "size": sum(file["size"] for file in MODEL_FILES),  # type: ignore[misc]
        }

    def test_over_something(self, run: Run, v1: Path) -> None:
        assert run("export", "v1", "code", cwd=v1) == said(
            "error: code exists already", "hint: export into a new directory", code=1
        )
