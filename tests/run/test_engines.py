"""Settings that an operation on this machine does not follow, and the one warning that says so."""

from __future__ import annotations

import pytest

from gitstore.models.model import Model
from gitstore.run.engines import describe_mismatch, find_engine
from gitstore.settings import parse
from tests.support.commands import Run


@pytest.mark.parametrize(
    ("launcher", "is_confined", "named"),
    [
        ("memory: 1GiB", True, None),
        ("engine: ray, gpus: {count: 1}", True, "default_launchers.evaluate.engine is ray"),
        ("engine: ray", False, "default_launchers.evaluate.engine is ray"),
        ("gpus: {count: 2}", True, "default_launchers.evaluate.gpus is 2"),
        ("gpus: {count: 2}", False, None),
    ],
)
def test_what_differs_from_what_runs(launcher: str, is_confined: bool, named: str | None) -> None:
    settings = parse(f"name: digits\ndefault_launchers: {{evaluate: {{{launcher}}}}}\n".encode())
    assert find_engine(settings, "load") == ("ray" if "ray" in launcher else "local")
    for operation in ("evaluate", "serve"):
        problem = describe_mismatch(settings, operation, is_confined=is_confined)
        assert (problem is None) is (named is None)
        assert (named or "") in (problem or "")
    assert describe_mismatch(settings, "train", is_confined=is_confined) is None


def test_one_warning_an_operation(run: Run, model: Model) -> None:
    settings = model.directory / "settings.yaml"
    settings.write_text(
        settings.read_text() + "default_launchers: {evaluate: {engine: ray}, train: {engine: ray}}\n"
    )
    done = run("evaluate", "-p", "values=[1]", cwd=model.directory)
    assert (done.code, done.stderr.count("warning: ")) == (0, 1)
    assert "default_launchers.evaluate.engine" in done.stderr
    done = run("evaluate", "-p", "values=[1]", "--launcher", "local", cwd=model.directory)
    assert (done.code, done.stderr) == (0, "")
