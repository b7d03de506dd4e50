"""Batches: what is refused before anything runs, what stops one, and that results do not depend on chunks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gitstore.errors import (
    CodeTerminated,
    GitstoreError,
    InvalidInput,
    InvalidOutput,
    MaxDurationExceeded,
    ModelException,
    OperationFailed,
)
from tests.support.batches import evaluate_batch, snapshot_of

ROWS = np.arange(40, dtype=np.float64).reshape(20, 2)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    np.savez(tmp_path / "rows.npz", values=ROWS)
    return tmp_path / "rows.npz"


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_a_directory_that_is_not_empty_is_refused(tmp_path: Path, rows: Path) -> None:
    snapshot = snapshot_of(tmp_path / "digits")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(GitstoreError, match="already exists"):
        evaluate_batch(snapshot, rows, tmp_path / "out")
    assert files_below(tmp_path / "out") == ["mine"]


def test_outputs_without_rows_are_refused(tmp_path: Path, rows: Path) -> None:
    snapshot = snapshot_of(tmp_path / "digits", outputs=["{name: mean, types: [f64], shape: []}"])
    with pytest.raises(InvalidInput, match=r"mean: the shape \[\] of this output has no dimension"):
        evaluate_batch(snapshot, rows, tmp_path / "out")


def test_inputs_of_another_type_are_refused_before_anything_runs(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path / "digits", "os._exit(1)")
    np.save(tmp_path / "rows.npy", ROWS.astype(np.int64))
    with pytest.raises(InvalidInput, match="values: type is i64"):
        evaluate_batch(snapshot, tmp_path / "rows.npy", tmp_path / "out")


FAILURES: dict[str, tuple[type[OperationFailed], str]] = {
    "raise ValueError('seven')": (ModelException, "evaluate: ValueError: seven"),
    "sys.exit(3)": (CodeTerminated, "evaluate: the model's process exited with code 3"),
    "time.sleep(60)": (MaxDurationExceeded, "evaluate: took longer than the 300ms"),
    "return {'products': values.astype(str)}": (InvalidOutput, "products: type is string"),
    "return {'products': values[1:]}": (InvalidOutput, "products: the output has 2 rows for 3 examples"),
}


@pytest.mark.parametrize("statement", FAILURES)
def test_a_failure_names_the_examples_and_leaves_nothing(tmp_path: Path, rows: Path, statement: str) -> None:
    error, message = FAILURES[statement]
    snapshot = snapshot_of(
        tmp_path / "digits",
        f"if 14 in values: {statement}\nreturn {{'products': values}}",
        more="max_durations: {evaluate: 300ms}\n",
    )
    before = files_below(tmp_path)
    with pytest.raises(error) as caught:
        evaluate_batch(snapshot, rows, tmp_path / "below" / "out", chunk=3)
    assert caught.value.message.startswith(f"examples 6 to 8: {message}")
    assert caught.value.exit_code == 14
    assert caught.value.details()["examples"] == [6, 8]
    assert files_below(tmp_path) == before


def test_the_first_failure_is_the_one_that_is_reported(tmp_path: Path, rows: Path) -> None:
    """A later chunk fails at once, an earlier one after a while."""
    snapshot = snapshot_of(
        tmp_path / "digits",
        "if 2 in values: time.sleep(0.5)\nraise ValueError(str(values.tolist()))",
    )
    with pytest.raises(ModelException) as caught:
        evaluate_batch(snapshot, rows, tmp_path / "out", chunk=2)
    assert caught.value.message.startswith("examples 0 to 1: evaluate: ValueError: [[0.0, 1.0], [2.0, 3.0]]")


def test_a_model_that_cannot_be_instantiated(tmp_path: Path, rows: Path) -> None:
    snapshot = snapshot_of(tmp_path / "digits", init="raise ValueError('no')")
    with pytest.raises(ModelException) as caught:
        evaluate_batch(snapshot, rows, tmp_path / "out")
    assert caught.value.phase == "instantiate_model"
    assert not (tmp_path / "out").exists()


def test_results_do_not_depend_on_chunks_and_workers(tmp_path: Path, rows: Path) -> None:
    snapshot = snapshot_of(tmp_path / "digits")
    np.save(tmp_path / "expected.npy", ROWS * 2)
    expected = (tmp_path / "expected.npy").read_bytes()
    for number, (workers, chunk) in enumerate([(1, None), (1, 20), (2, 7), (3, 1), (9, 11)]):
        out = tmp_path / str(number)
        result = evaluate_batch(snapshot, rows, out, workers=workers, chunk=chunk)
        assert files_below(out) == ["products.npy"]
        assert result.files == (out / "products.npy",)
        assert (out / "products.npy").read_bytes() == expected
        assert result.examples == 20
        assert result.chunk == (chunk or 1024)
        assert result.chunks == -(-20 // result.chunk)
        assert result.workers == min(workers, result.chunks)
        assert result.retries == 0
        assert result.durations.keys() == {"evaluate", "total"}


KILLED_ONCE = """
    mark = Path({marks!r}) / str(int(values[0, 0]))
    if not mark.exists():
        mark.write_text(str(os.getpid()))
        {statement}
    return {{'products': values * 2}}
"""


def test_chunks_of_workers_that_were_killed_are_evaluated_again(tmp_path: Path, rows: Path) -> None:
    """Each chunk's first evaluation ends by a signal, in the middle."""
    (tmp_path / "marks").mkdir()
    statement = "os.kill(os.getpid(), signal.SIGKILL)"
    snapshot = snapshot_of(
        tmp_path / "digits", KILLED_ONCE.format(marks=str(tmp_path / "marks"), statement=statement)
    )
    result = evaluate_batch(snapshot, rows, tmp_path / "out", chunk=5)
    assert np.array_equal(np.load(tmp_path / "out" / "products.npy"), ROWS * 2)
    assert (result.chunks, result.retries) == (4, 4)


def test_a_chunk_is_evaluated_three_times_at_most(tmp_path: Path, rows: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    snapshot = snapshot_of(
        tmp_path / "digits",
        f"""
        if 14 in values:
            (Path({str(marks)!r}) / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {{'products': values * 2}}
        """,
    )
    with pytest.raises(CodeTerminated) as caught:
        evaluate_batch(snapshot, rows, tmp_path / "out", chunk=4)
    assert caught.value.message.startswith("examples 4 to 7: evaluate: the model's process was killed")
    assert not (tmp_path / "out").exists()


def test_the_hook_is_called_once(tmp_path: Path, rows: Path) -> None:
    snapshot = snapshot_of(tmp_path / "digits")
    hook = tmp_path / "digits" / ".git" / "hooks" / "post-evaluate"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ncat >> {tmp_path}/events\n")
    hook.chmod(0o755)
    evaluate_batch(snapshot, rows, tmp_path / "out", chunk=5)
    (event,) = map(json.loads, (tmp_path / "events").read_text().splitlines())
    assert event["outputs"] == {"products": {"dtype": "float64", "shape": [20, 2]}}
    assert event["snapshot"] == "v1"


def test_inputs_that_are_the_same_for_all(tmp_path: Path, rows: Path) -> None:
    snapshot = snapshot_of(
        tmp_path / "digits",
        "return {'products': values * factor}",
        inputs=[
            "{name: values, types: [f64], shape: [-1, 2]}",
            "{name: factor, types: [f64], shape: []}",
        ],
    )
    with pytest.raises(InvalidInput, match="factor: is missing"):
        evaluate_batch(snapshot, rows, tmp_path / "out")
    evaluate_batch(snapshot, rows, tmp_path / "out", given=["factor=3"], chunk=7)
    assert np.array_equal(np.load(tmp_path / "out" / "products.npy"), ROWS * 3)
