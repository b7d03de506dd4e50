"""docs/format.md, "Records": records that stock git writes, and ours as stock git reads them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import scenes
from tests.support.commands import Fsck, Run
from tests.support.stock import Stock


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """digits with a snapshot v1."""
    scenes.snapshot(tmp_path)
    return Stock(tmp_path / "digits")


def npy(values: list[float]) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array(values))
    return content.getvalue()


def value(name: str, content: bytes, inner: str, length: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "f64",
        "shape": [length],
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "file": f"{inner}/{name}.npy",
    }


def write_evaluation(stock: Stock, name: str, inputs: list[float], outputs: list[float]) -> None:
    """Record an evaluation of v1 with stock git alone."""
    given, gave = npy(inputs), npy(outputs)
    tree = stock.tree({"inputs": {"values.npy": given}, "outputs": {"products.npy": gave}})
    tag = stock.git("rev-parse", "v1")
    stock.git("update-ref", f"refs/records/{tag}/{name}", stock.commit(tree))
    record = {
        "record": "EvaluationRecord",
        "name": name,
        "inputs": [value("values", given, "inputs", len(inputs))],
        "outputs": [value("products", gave, "outputs", len(outputs))],
        "tree": tree,
        "circumstances": {
            "date": "2026-01-01T00:00:00Z",
            "user": "Somebody Else <else@example.org>",
            "gitstore": "none",
            "durations": {"total": 1.5},
            "unknown": True,
        },
        "unknown": [],
    }
    stock.git("notes", "--ref=evaluations", "append", "-F", "-", "v1", stdin=json.dumps(record).encode())


def test_a_record_written_by_hand(stock: Stock, run: Run, fsck: Fsck) -> None:
    write_evaluation(stock, "right", [1.0, 2.25], [2.0, 4.5])
    write_evaluation(stock, "wrong", [1.0], [3.0])
    (right, wrong) = json.loads(run("show", "v1", "--json", cwd=stock.directory).stdout)["evaluations"]
    assert (right["name"], wrong["name"]) == ("right", "wrong")
    assert right["circumstances"]["environment"] is None
    assert run("verify", "v1", "--evaluation", "right", cwd=stock.directory).code == 0
    outcome = run("verify", "v1", "--evaluations", cwd=stock.directory)
    assert (outcome.code, "v1: evaluation wrong: products: 1 of 1 differ" in outcome.stderr) == (12, True)
    fsck(stock.directory)


def test_we_add_to_what_is_there(stock: Stock, run: Run) -> None:
    write_evaluation(stock, "theirs", [1.0], [2.0])
    stock.git("notes", "--ref=evaluations", "append", "-m", "a remark", "v1")
    assert run("evaluate", "v1", "-p", "values=[1]", "--record", "ours", cwd=stock.directory).code == 0
    lines = stock.git("notes", "--ref=evaluations", "show", "v1").splitlines()
    assert "a remark" in lines
    assert [json.loads(line)["name"] for line in lines if line.startswith("{")] == ["theirs", "ours"]


def test_our_files_as_git_has_them(stock: Stock, run: Run) -> None:
    assert run("evaluate", "v1", "-p", "values=[1]", "--record", "ours", cwd=stock.directory).code == 0
    record = json.loads(stock.git("notes", "--ref=evaluations", "show", "v1"))
    ref = f"refs/records/{stock.git('rev-parse', 'v1')}/ours"
    assert stock.git("rev-parse", f"{ref}^{{tree}}") == record["tree"]
    assert stock.git("log", "--format=%P", ref) == ""
    for entry in (*record["inputs"], *record["outputs"]):
        assert stock.git("cat-file", "-s", f"{ref}:{entry['file']}") == str(entry["size"])


def test_what_the_model_printed(stock: Stock, run: Run) -> None:
    path = stock.directory / "code" / "model.py"
    path.write_text(f"print('x' * (1 << 20))\nprint('\\033[31m the end')\n{path.read_text()}")
    assert run("snapshot", "chatty", cwd=stock.directory).code == 0
    assert run("evaluate", "chatty", "-p", "values=[1]", "--record", "ours", cwd=stock.directory).code == 0
    assert run("train", "-p", "values=[1]", "--save-as", "first", cwd=stock.directory).code == 0
    tree = stock.git("rev-parse", "refs/states/first^{tree}")
    for ref in (f"refs/records/{stock.git('rev-parse', 'chatty')}/ours", f"refs/records/{tree}/first"):
        assert stock.git("cat-file", "-s", f"{ref}:output.txt") == str(1 << 20)
        assert stock.git("show", f"{ref}:output.txt").endswith("x\n\033[31m the end")
    assert run("verify", "chatty", "--evaluation", "ours", cwd=stock.directory).code == 0


def test_a_training_s_record(stock: Stock, run: Run) -> None:
    assert run("train", "-p", "values=[1]", "--save-as", "first", cwd=stock.directory).code == 0
    tree = stock.git("rev-parse", "refs/states/first^{tree}")
    record = json.loads(stock.git("notes", "--ref=trainings", "show", tree))
    assert record["record"] == "TrainingRecord"
    lines = stock.git("show", f"refs/records/{tree}/first:metrics.csv").splitlines()
    rows = list(csv.reader(lines))
    assert (rows[0], rows[1][1:]) == (["seconds", "name", "value"], ["factor", "2.0"])


def test_merging_with_git(stock: Stock, run: Run, tmp_path: Path, fsck: Fsck) -> None:
    stock.git("clone", "--quiet", "--mirror", ".", str(tmp_path / "mirror"))
    for directory, name in ((stock.directory, "ours"), (tmp_path / "mirror", "theirs")):
        assert run("evaluate", "v1", "-p", "values=[1]", "--record", name, cwd=directory).code == 0
    stock.git("fetch", "--quiet", str(tmp_path / "mirror"), "refs/records/*:refs/records/*",
              "refs/notes/evaluations:refs/notes/theirs")  # fmt: skip
    stock.git("notes", "--ref=evaluations", "merge", "-s", "cat_sort_uniq", "refs/notes/theirs")
    assert (
        run("verify", "v1", "--evaluation", "ours", "--evaluation", "theirs", cwd=stock.directory).code == 0
    )
    fsck(stock.directory)


def test_a_note_that_is_too_large(stock: Stock, run: Run) -> None:
    stock.git("notes", "--ref=evaluations", "add", "-F", "-", "v1", stdin=b"x" * ((4 << 20) + 1))
    outcome = run("show", "v1", cwd=stock.directory)
    assert (outcome.code, "cannot be read" in outcome.stderr) == (12, True)
