"""Choosing an interpreter: gitstore's own, another one that uv finds, or none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitstore.environments import interpreters, probe, uv
from gitstore.environments.interpreters import choose_interpreter, describe_own
from gitstore.errors import EnvironmentFailed
from tests.support.failing import refuses

NOWHERE = {"PATH": "/nowhere", "HOME": "/nowhere"}
MINOR = "{}.{}".format(*sys.version_info)
FULL = "{}.{}.{}".format(*sys.version_info)


@pytest.mark.parametrize("wanted", [None, MINOR, FULL])
def test_its_own_costs_no_process(wanted: str | None, tmp_path: Path) -> None:
    assert choose_interpreter(wanted, tmp_path, variables=NOWHERE) == describe_own()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wanted", ["3.8", "3.0", "3.8.19"])
def test_one_that_is_too_old_for_the_worker_is_refused(wanted: str, tmp_path: Path) -> None:
    with refuses(f"Python {wanted}", "3.9", kind=EnvironmentFailed):
        choose_interpreter(wanted, tmp_path, variables=NOWHERE)


def test_a_version_is_no_prefix_of_digits() -> None:
    assert interpreters._has_version("3.11.7", "3.11")
    assert not interpreters._has_version("3.11.7", "3.1")
    assert not interpreters._has_version("3.11.17", "3.11.1")


def test_its_own_is_what_a_probe_of_it_says() -> None:
    """In a virtual environment, both are the interpreter that it is made of."""
    command = [sys.executable, "-I", "-S", probe.__file__]
    answer = json.loads(subprocess.check_output(command))
    assert answer == probe.describe()
    assert answer["path"] == os.path.realpath(sys.executable)
    assert answer["version"].startswith(FULL)
    assert sys.implementation.name in answer["abi"]


def test_a_missing_one_is_one_error_that_says_which_there_are(tmp_path: Path) -> None:
    named = ("Python 3.99", "packages.python", describe_own().version)
    with refuses(*named, hint="uv python install 3.99", kind=EnvironmentFailed) as caught:
        choose_interpreter("3.99", tmp_path, variables=NOWHERE)
    error = caught.value
    assert error.details() == {"at": "environment", "reason": "python_missing"}
    assert error.exit_code == 14
    assert list(tmp_path.iterdir()) == []


def find_others() -> list[str]:
    """Versions of other interpreters on this machine."""
    candidates = interpreters._list_candidates(uv.select_variables(os.environ))
    return [
        candidate.version
        for candidate in candidates
        if not describe_own().version.startswith(candidate.version)
    ]


class TestAnotherOne:
    @pytest.fixture
    def other(self) -> str:
        others = find_others()
        if not others:
            pytest.skip("there is only one interpreter on this machine")
        return others[0]

    def test_is_remembered(self, other: str, tmp_path: Path) -> None:
        found = choose_interpreter(other, tmp_path, variables=uv.select_variables(os.environ))
        assert found.version == other
        assert os.path.realpath(found.path) == found.path != describe_own().path
        assert choose_interpreter(other, tmp_path, variables=NOWHERE) == found

    def test_that_changed_is_looked_for_again(self, other: str, tmp_path: Path) -> None:
        variables = uv.select_variables(os.environ)
        found = choose_interpreter(other, tmp_path, variables=variables)
        remembered = tmp_path / "interpreters.json"
        for damaged in (remembered.read_text().replace('"size":', '"size":1'), "{", "[]"):
            remembered.write_text(damaged)
            with pytest.raises(EnvironmentFailed):
                choose_interpreter(other, tmp_path, variables=NOWHERE)
            assert choose_interpreter(other, tmp_path, variables=variables) == found

    def test_is_found_where_nothing_can_be_remembered(self, other: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        found = choose_interpreter(other, tmp_path / "file", variables=uv.select_variables(os.environ))
        assert found.version == other
