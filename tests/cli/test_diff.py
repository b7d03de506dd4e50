"""`gitstore diff`, as a person meets it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support import scenes
from tests.support.commands import Outcome, Run
from tests.support.models import again, edit, make, put, take, write
from tests.support.tensors import safetensors


@pytest.fixture
def v1(tmp_path: Path) -> Snapshot:
    return scenes.snapshot(tmp_path)


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    """The model of v1, if a test asks for that, or one without snapshots."""
    if "v1" in request.fixturenames:
        request.getfixturevalue("v1")
        return Model.open(tmp_path / "digits")
    return make(tmp_path / "digits")


EVERYTHING = """\
settings
  ~ filesystem_size: 1MiB → 2MiB
  + packages.python: "3.11"

 code/model.py | 35 +----------------------------------
 1 file changed, 1 insertion(+), 34 deletions(-)

state initial → other: 275 B of 283 B changed
  ~ bad.safetensors  3 B → 4 B, 4 B changed
      not compared by tensor: the old file is malformed: it is shorter than a header's length
  ~ m.safetensors  232 B → 270 B, 270 B changed
      ~ '\\x1b[2J'  U8 [1] → I8 [1]
      ~ b  U8 [1]  values
      + c  F32 [1, 1]
      - metadata of: 'v1'
      1 tensor is the same
  + new  1 B
"""


class TestCommand:
    def test_nothing(self, run: Run, model: Model, v1: Snapshot) -> None:
        assert run("diff", "v1", cwd=model.directory) == Outcome(0, "", "")
        assert run("diff", "v1", "v1", "--exit-code", cwd=model.directory / "code") == Outcome(0, "", "")

    def test_everything(self, run: Run, model: Model) -> None:
        tensors = {"b": ("U8", [1], b"b"), "\x1b[2J": ("U8", [1], b"e"), "same": ("U8", [1], b"s")}
        put(
            model, "initial", {"m.safetensors": safetensors(tensors, {"of": "v1"}), "bad.safetensors": b"bad"}
        )
        take(model, "v1")
        edit(model, "filesystem_size: 1MiB", 'packages: {python: "3.11"}\nfilesystem_size: 2MiB')
        write(model, "code/model.py", "x\n")
        tensors |= {"b": ("U8", [1], b"B"), "c": ("F32", [1, 1], b"1234"), "\x1b[2J": ("I8", [1], b"e")}
        put(
            model,
            "other",
            {"m.safetensors": safetensors(tensors), "bad.safetensors": b"good", "weights": bytes(range(8))},
        )
        put(model, "other", {"new": b"n"})
        save_state(again(model), "other")
        use_state(again(model), "other")
        outcome = run("diff", "v1", "--exit-code", cwd=model.directory)
        assert outcome == Outcome(1, EVERYTHING, "")
        assert run("diff", "v1", cwd=model.directory).code == 0

    def test_patch(self, run: Run, model: Model, v1: Snapshot) -> None:
        write(model, "code/new.py", "x\n")
        assert run("diff", "v1", "-p", cwd=model.directory).stdout == (
            "diff --git a/code/new.py b/code/new.py\nnew file mode 100644\nindex 0000000..587be6b\n"
            "--- /dev/null\n+++ b/code/new.py\n@@ -0,0 +1 @@\n+x\n"
        )

    def test_layout_only(self, run: Run, model: Model, v1: Snapshot) -> None:
        edit(model, "# no more", "")
        assert run("diff", "v1", "--exit-code", cwd=model.directory).code == 1

    def test_only_the_order_of_tensors(self, run: Run, model: Model) -> None:
        a, b = ("U8", [1], b"a"), ("U8", [1], b"b")
        put(model, "initial", {"m.safetensors": safetensors({"a": a, "b": b})})
        take(model, "v1")
        put(model, "initial", {"m.safetensors": safetensors({"b": b, "a": a})})
        assert run("diff", "v1", cwd=model.directory).stdout.endswith("      every tensor is the same\n")

    def test_json(self, run: Run, model: Model, v1: Snapshot) -> None:
        edit(model, "filesystem_size: 1MiB", "filesystem_size: 2MiB")
        write(model, "code/new.py", "x\n")
        put(model, "initial", {"weights": b"12"})
        outcome = run("diff", "v1", "--json", "-p", cwd=model.directory)
        assert (outcome.code, outcome.stderr) == (0, "")
        found = json.loads(outcome.stdout)
        assert found["code"].pop("patch").startswith("diff --git a/code/new.py")
        assert found == {
            "before": {
                "snapshot": "v1",
                "model": "digits",
                "ref": "refs/tags/v1",
                "tag": str(v1.tag_oid),
                "commit": str(v1.commit),
                "directory": None,
            },
            "after": {
                "snapshot": None,
                "model": "digits",
                "ref": None,
                "tag": None,
                "commit": None,
                "directory": str(model.directory),
            },
            "differs": True,
            "settings": {
                "changes": [{"key": "filesystem_size", "kind": "changed", "before": "1MiB", "after": "2MiB"}],
                "is_other_text": True,
            },
            "code": {
                "files": [{"path": "code/new.py", "kind": "added", "lines_added": 1, "lines_removed": 0}]
            },
            "state": {
                "before": "initial",
                "after": "initial",
                "size_before": 8,
                "size_after": 2,
                "changed": 2,
                "unchanged_files": 0,
                "files": [
                    {
                        "path": "weights",
                        "kind": "changed",
                        "size_before": 8,
                        "size_after": 2,
                        "shared": 0,
                        "changed": 2,
                        "note": None,
                        "tensors": None,
                    }
                ],
            },
        }

    def test_json_of_tensors(self, run: Run, model: Model) -> None:
        put(model, "initial", {"m.safetensors": safetensors({"a": ("U8", [1], b"a")})})
        take(model, "v1")
        put(model, "initial", {"m.safetensors": safetensors({"b": ("U8", [1], b"a")}, {"k": "v"})})
        (file,) = json.loads(run("diff", "v1", "--json", cwd=model.directory).stdout)["state"]["files"]
        form, sizes = {"dtype": "U8", "shape": [1]}, {"shared": 0, "changed": 1}
        assert file["tensors"] == {
            "changes": [
                {"name": "a", "kind": "removed", "before": form, "after": None} | sizes,
                {"name": "b", "kind": "added", "before": None, "after": form} | sizes,
            ],
            "unchanged": 0,
            "metadata": [{"key": "k", "kind": "added", "before": None, "after": "v"}],
        }

    def test_names_that_are_not_text(self, run: Run, model: Model, v1: Snapshot) -> None:
        put(model, "initial", {os.fsdecode(b"\xff\n"): b"x"})
        shown = run("diff", "v1", cwd=model.directory).stdout.splitlines()
        assert shown[1] == r"  + '\udcff\n'  1 B"
        (file,) = json.loads(run("diff", "v1", "--json", cwd=model.directory).stdout)["state"]["files"]
        assert file["path"] == "\udcff\n"

    def test_what_cannot_be_compared(self, run: Run, model: Model, v1: Snapshot) -> None:
        for arguments, code in (
            ([], 2),
            (["v2"], 1),
            (["v1", "v11"], 1),
            (["v1", "https://example.org/m@v1"], 1),
        ):
            outcome = run("diff", *arguments, cwd=model.directory)
            assert (outcome.code, outcome.stdout) == (code, "")

    def test_outside_of_a_model(self, run: Run, v1: Snapshot, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        outcome = run("diff", "../digits@v1", cwd=tmp_path / "empty")
        assert (outcome.code, outcome.stdout) == (10, "")
        outcome = run("diff", "../digits@v1", "../digits@v1", cwd=tmp_path / "empty")
        assert outcome == Outcome(0, "", "")
