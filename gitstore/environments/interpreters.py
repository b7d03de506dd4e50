"""Choosing an interpreter: gitstore's own if it has the version, otherwise one of those that uv finds.

What uv found is remembered, with the size and time of the interpreter's file: as long as these stay, neither
uv nor the interpreter is started to choose it again.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from gitstore.disk.atomic import replace_file
from gitstore.environments import probe, uv
from gitstore.errors import EnvironmentFailed
from gitstore.layout import SETTINGS

_PROBE = Path(probe.__file__)
_OLDEST = [3, 9]
_REMEMBERED = "interpreters.json"
_PATIENCE = 60
"""Seconds that an interpreter may take to describe itself."""


class Interpreter(msgspec.Struct, frozen=True):
    """A Python on this machine, as `probe` describes it."""

    path: str
    version: str
    implementation: str
    abi: str
    platform: str


class FileStamp(msgspec.Struct, frozen=True):
    """The size and the time, in nanoseconds, by which another file at the same place is noticed."""

    size: int
    modified: int

    @classmethod
    def read(cls, path: str) -> FileStamp | None:
        """Return the stamp of a file, which may be a link to it; `None` if there is none."""
        try:
            status = os.stat(path)  # noqa: PTH116 - on the way of each evaluation
        except OSError:
            return None
        return cls(status.st_size, status.st_mtime_ns)


class _Choice(msgspec.Struct, frozen=True):
    interpreter: Interpreter
    stamp: FileStamp


class _Candidate(msgspec.Struct, frozen=True):
    """An interpreter in the list that uv prints."""

    version: str
    path: str
    variant: str = "default"
    implementation: str = "cpython"


@cache
def describe_own() -> Interpreter:
    """Return the interpreter that runs gitstore."""
    return Interpreter(**probe.describe())


def choose_interpreter(
    wanted: str | None, directory: Path, *, variables: Mapping[str, str] | None = None
) -> Interpreter:
    """Return an interpreter of the version `wanted`, like 3.11 or 3.11.7; gitstore's own for `None`.

    Choices are remembered in `directory`. Raises `EnvironmentFailed` if there is none, and `GitstoreError`
    if uv is not installed.
    """
    own = describe_own()
    if wanted is not None and _sort_key(wanted) < _OLDEST:
        raise EnvironmentFailed(
            f"Python {wanted}, which packages.python in {SETTINGS} names, is too old: gitstore runs models"
            " with Python 3.9 and newer",
            "name a newer version, and run gitstore lock",
            reason="unusable",
        )
    if wanted is None or _has_version(own.version, wanted):
        return own
    choices = _read_choices(directory)
    choice = choices.get(wanted)
    if choice is not None and FileStamp.read(choice.interpreter.path) == choice.stamp:
        return choice.interpreter
    interpreter = _search(wanted, variables)
    stamp = FileStamp.read(interpreter.path)
    if stamp is not None:
        _write_choices(directory, choices | {wanted: _Choice(interpreter, stamp)})
    return interpreter


def _has_version(version: str, wanted: str) -> bool:
    return f"{version}.".startswith(f"{wanted}.")


def _search(wanted: str, variables: Mapping[str, str] | None) -> Interpreter:
    """Return the first interpreter of the version that uv lists and that works."""
    candidates = list(_list_candidates(variables))
    for candidate in candidates:
        is_usual = (candidate.implementation, candidate.variant) == ("cpython", "default")
        if is_usual and _has_version(candidate.version, wanted):
            interpreter = _probe(Path(candidate.path), variables)
            if interpreter is not None and _has_version(interpreter.version, wanted):
                return interpreter
    versions = {candidate.version for candidate in candidates} | {describe_own().version}
    raise EnvironmentFailed(
        f"Python {wanted}, which packages.python in {SETTINGS} names, is not installed; installed are"
        f" {', '.join(sorted(versions, key=_sort_key))}",
        f"install it, for example with uv python install {wanted}, or name another version and run"
        " gitstore lock",
        reason="python_missing",
    )


def _sort_key(version: str) -> list[int]:
    return [int("".join(filter(str.isdecimal, part)) or 0) for part in version.split(".")]


def _list_candidates(variables: Mapping[str, str] | None) -> Iterator[_Candidate]:
    """Yield the interpreters that uv finds on PATH and among its own, newest version first."""
    completed = uv.run(
        "python", "list", "--only-installed", "--no-python-downloads", "--output-format=json",
        variables=variables,
    )  # fmt: skip
    if completed.returncode:
        reason = uv.extract_cause(completed.stderr.decode(errors="replace"))
        raise EnvironmentFailed(f"uv cannot list the interpreters: {reason}")
    yield from msgspec.json.decode(completed.stdout, type=list[_Candidate])


def _probe(path: Path, variables: Mapping[str, str] | None) -> Interpreter | None:
    """Let an interpreter describe itself; `None` if it does not work."""
    with suppress(OSError, subprocess.SubprocessError, msgspec.DecodeError):
        answer = subprocess.run(
            [path, "-I", "-S", "-B", _PROBE],
            cwd="/",
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=True,
        )
        return msgspec.json.decode(answer.stdout, type=Interpreter)
    return None


def _read_choices(directory: Path) -> dict[str, _Choice]:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((directory / _REMEMBERED).read_bytes(), type=dict[str, _Choice])
    return {}


def _write_choices(directory: Path, choices: Mapping[str, _Choice]) -> None:
    """Remember choices. If that fails, the next search finds them again."""
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(directory / _REMEMBERED, msgspec.json.encode(choices))
