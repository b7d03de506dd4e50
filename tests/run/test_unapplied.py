"""Settings that operations do not follow yet, and the one warning that says so."""

from __future__ import annotations

import platform
from importlib.metadata import version

import pytest

from gitstore.models.model import Model
from gitstore.run import unapplied
from gitstore.settings import parse
from tests.support.commands import Run

NUMPY = version("numpy")


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        ("", None),
        (f'packages: {{python: "3.{platform.python_version_tuple()[1]}"}}', None),
        (f"packages: {{requirements: [numpy=={NUMPY}]}}", None),
        ("packages: {requirements: ['numpy==1.0; sys_platform == \"win32\"']}", None),
        ("packages: {requirements: [numpy==1.0]}", f"packages (numpy 1.0; {NUMPY} is used)"),
        ("packages: {requirements: ['no-such[x]==2.0']}", "packages (no-such 2.0; none is used)"),
        ('packages: {python: "3.1"}', f"packages (Python 3.1; {platform.python_version()} is used)"),
        ("default_launchers: {evaluate: {memory: 1GiB}, train: {cpus: 2}}", None),
        (
            "default_launchers: {evaluate: {engine: ray, memory: 2GiB, gpus: {count: 1}}}",
            "default_launchers.evaluate (engine, memory, gpus)",
        ),
        (
            "packages: {requirements: [numpy==1.0]}\ndefault_launchers: {evaluate: {disk: 1GiB}}",
            f"packages (numpy 1.0; {NUMPY} is used) and default_launchers.evaluate (disk)",
        ),
    ],
)
def test_what_differs_from_what_runs(lines: str, warning: str | None) -> None:
    settings = parse(f"name: digits\n{lines}\n".encode())
    told = f"settings.yaml: not applied yet: {warning}" if warning else None
    assert unapplied.describe_unapplied(settings, "evaluate") == told


def test_one_warning_an_operation(run: Run, model: Model) -> None:
    settings = model.directory / "settings.yaml"
    settings.write_text(settings.read_text() + "default_launchers: {evaluate: {cpus: 8}, train: {cpus: 4}}\n")
    done = run("evaluate", "-p", "values=[1]", cwd=model.directory)
    assert (done.code, done.stderr) == (
        0,
        "warning: settings.yaml: not applied yet: default_launchers.evaluate (cpus)\n",
    )
