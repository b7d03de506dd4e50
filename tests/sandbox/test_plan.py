"""Where no sandbox can be had, nothing runs; where one is not wanted, it is not used."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError, ModelException
from gitstore.models.model import Model
from gitstore.run.conditions import find_conditions
from gitstore.sandbox import plan
from gitstore.sandbox.choice import NONE, Confinement, Sandbox
from gitstore.sandbox.limits import Limits
from gitstore.sandbox.plan import NoSandbox
from gitstore.sandbox.syscalls import build_filter
from gitstore.sandbox.view import check_bind
from tests.sandbox.conftest import MIB, SETTINGS, Box
from tests.support.commands import Run


def test_without_the_program_nothing_runs(box: Box, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "sub" / "bwrap"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(plan, "find_bubblewrap", lambda: broken)
    box.write(create_state="(out / 'x').touch()")
    error = box.fails("create_state", NoSandbox)
    assert "No permissions to create new namespace" in error.message
    assert "\n" not in error.message
    assert "--no-sandbox" in error.hint
    assert list(box.out.iterdir()) == []


def test_a_machine_whose_calls_are_unknown() -> None:
    assert build_filter("sparc64") is None
    assert len(build_filter("aarch64") or b"") == len(build_filter("x86_64") or b"")


def test_the_users_configuration_alone_switches_it_off(model: Model, home: Path) -> None:
    def is_on(sandbox: Sandbox | None = None) -> bool:
        return find_conditions(model.directory, sandbox).confine(SETTINGS, "evaluate") is not None

    def configure(*arguments: str) -> None:
        subprocess.run(["git", "config", *arguments], cwd=model.directory, check=True)

    assert not is_on()  # that of the tests
    assert is_on(Sandbox(off=False))
    configure("--global", "--unset", "gitstore.sandbox")
    configure("gitstore.sandbox", "off")  # the repository's own
    assert is_on()
    configure("--global", "gitstore.sandbox", "off")
    assert not is_on()
    configure("--global", "gitstore.sandbox", "perhaps")
    with pytest.raises(GitstoreError, match="neither on nor off"):
        is_on()


def test_what_it_says_can_be_read_again() -> None:
    confinement = Confinement(Limits(512 * MIB, 32 * MIB, 1.5), (Path("/data"),), network=True)
    assert Confinement.parse(confinement.describe()) == confinement
    assert Confinement.parse(NONE) is None


@pytest.mark.parametrize("path", ["/", "/tmp", "/proc/self", "/usr/lib", "/etc", "/no-such-directory"])
def test_what_cannot_be_shown(path: str) -> None:
    with pytest.raises(GitstoreError, match="--bind"):
        check_bind(Path(path))


def test_a_directory_of_data_is_shown_read_only(box: Box, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "x").write_text("42")
    box.binds = (data,)
    box.write(evaluate=f"return {{'words': [open({str(data / 'x')!r}).read()]}}")
    assert box.evaluate() == ["42"]
    box.write(evaluate=f"open({str(data / 'y')!r}, 'w')")
    assert "Read-only" in box.fails("evaluate", ModelException).message


def test_code_that_is_a_whole_repository_hides_its_other_parts(box: Box) -> None:
    for name in (".git", "states"):
        (box.code / name).mkdir()
        (box.code / name / "secret").touch()
    box.write(evaluate="return {'words': [str(os.listdir('/model/code/' + n)) for n in ('.git', 'states')]}")
    assert box.evaluate() == ["[]", "[]"]


def test_options_that_contradict_each_other(run: Run, model: Model) -> None:
    outcome = run("evaluate", "--no-sandbox", "--memory", "1GiB", cwd=model.directory)
    assert outcome.code == 2
    outcome = run("evaluate", "--memory", "1MiB", cwd=model.directory)
    assert (outcome.code, "128" in outcome.stderr) == (2, True)
