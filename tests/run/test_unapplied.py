"""Settings that operations do not follow yet, and the one warning that says so."""

from __future__ import annotations

import pytest

from gitstore.models.model import Model
from gitstore.run import unapplied
from gitstore.settings import parse
from tests.support.commands import Run


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        ("", None),
        ("packages: {requirements: [numpy==1.0]}", None),
        ("default_launchers: {evaluate: {memory: 1GiB}, train: {cpus: 2}}", None),
        (
            "default_launchers: {evaluate: {engine: ray, memory: 2GiB, gpus: {count: 1}}}",
            "default_launchers.evaluate (engine, gpus)",
        ),
    ],
)
def test_what_differs_from_what_runs(lines: str, warning: str | None) -> None:
    settings = parse(f"name: digits\n{lines}\n".encode())
    told = f"settings.yaml: not applied yet: {warning}" if warning else None
    assert unapplied.describe_unapplied(settings, "evaluate") == told


def test_one_warning_an_operation(run: Run, model: Model) -> None:
    settings = model.directory / "settings.yaml"
    settings.write_text(
        settings.read_text() + "default_launchers: {evaluate: {engine: ray}, train: {engine: ray}}\n"
    )
    done = run("evaluate", "-p", "values=[1]", cwd=model.directory)
    assert (done.code, done.stderr) == (
        0,
        "warning: settings.yaml: not applied yet: default_launchers.evaluate (engine)\n",
    )
