"""Snapshots to evaluate batches with, and evaluating one as the command does."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from gitstore.batch.batch import BatchInput, BatchResult, open_batch
from gitstore.batch.evaluator import BatchLauncher
from gitstore.models.snapshot import Snapshot
from gitstore.run.values.inputs import Assignments
from tests.support.models import again, make, take, user_launcher

SETTINGS = """\
name: digits
types:
  evaluate:
    inputs:
{inputs}
    outputs:
{outputs}
"""
DOUBLES = "return {'products': values * 2}"


def snapshot_of(
    directory: Path,
    evaluate: str = DOUBLES,
    *,
    init: str = "pass",
    more: str = "",
    inputs: Sequence[str] = ("{name: values, types: [f64], shape: [-1, 2]}",),
    outputs: Sequence[str] = ("{name: products, types: [f64], shape: [-1, 2]}",),
) -> Snapshot:
    """A snapshot of a model with these parameters, whose evaluate() has these statements.

    `init` is a statement of __init__(), `more` are other settings.
    """
    model = make(directory)
    lines = {"inputs": inputs, "outputs": outputs}
    texts = {name: "\n".join(f"      - {line}" for line in items) for name, items in lines.items()}
    (directory / "settings.yaml").write_text(SETTINGS.format(**texts) + more)
    body = textwrap.indent(textwrap.dedent(evaluate).strip(), " " * 8)
    (directory / "code" / "model.py").write_text(
        "import json, os, signal, sys, time\nfrom pathlib import Path\nimport numpy as np\n\n\nclass Model:\n"
        f"    def __init__(self, state):\n        {init}\n\n"
        f"    def evaluate(self, **inputs):\n        globals().update(inputs)\n{body}\n"
    )
    return take(again(model), "v1")


def evaluate_batch(
    snapshot: Snapshot,
    path: Path,
    out: Path,
    *,
    given: Sequence[str] = (),
    workers: int = 2,
    chunk: int | None = None,
    launcher: BatchLauncher | None = None,
) -> BatchResult:
    """Evaluate a batch."""
    batch_input = BatchInput(path.name, path.parent, Assignments(given, path.parent), chunk)
    with (
        open_batch(snapshot, batch_input, out=out) as batch,
        batch.open_workers(launcher or user_launcher(), workers) as threads,
    ):
        return batch.evaluate(threads, out)
