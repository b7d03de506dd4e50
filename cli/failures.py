"""How failures are shown: lines for a person, or with --json one line of JSON. Both go to stderr.

stdout stays data. With --json, the last line of stderr is an object, whatever was printed before:

    {"error": {"kind": "bad_settings", "message": "…", "hint": null, "exit_code": 13, "details": {…}}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import click

from gitstore import __version__
from gitstore.cli import output, streams
from gitstore.errors import CodeTerminated, GitstoreError, ModelException

INTERRUPTED = 130
BUG = 255
BROKEN_PIPE = 141


class Failure(NamedTuple):
    """What went wrong. `before` is for a person alone: a usage line, a traceback."""

    kind: str
    message: str
    exit_code: int
    hint: str | None = None
    details: Mapping[str, Any] = MappingProxyType({})
    before: str = ""


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; it may be too wrong to be parsed."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def report(failure: Failure, *, as_json: bool) -> int:
    """Print a failure, and return its exit code."""
    if as_json:
        error = {
            "kind": failure.kind,
            "message": failure.message,
            "hint": output.add_directory(failure.hint) if failure.hint else None,
            "exit_code": failure.exit_code,
            "details": dict(failure.details),
        }
        output.print_error_json({"error": error})
        return failure.exit_code
    if failure.before:
        output.print_message(failure.before)
    label = "bug: " if failure.exit_code == BUG else "error: "
    for line in failure.message.splitlines():
        output.print_message(label + line)
    if failure.hint:
        output.print_message(f"hint: {output.add_directory(failure.hint)}")
    return failure.exit_code


def of_expected(error: GitstoreError | click.ClickException) -> Failure:
    return of_library(error) if isinstance(error, GitstoreError) else of_command_line(error)


def of_command_line(error: click.ClickException) -> Failure:
    """A wrong command line, with the usage of the command. A group without a command shows its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return Failure("usage", "", error.exit_code, before=error.format_message())
    usage = error.ctx.get_usage() if isinstance(error, click.UsageError) and error.ctx is not None else ""
    # click lists the choices of an argument on lines of their own.
    message = re.sub(r"\s*\n\s*", " ", error.format_message())
    return Failure("usage", message, error.exit_code, before=usage)


def of_library(error: GitstoreError) -> Failure:
    before = error.traceback.rstrip() if isinstance(error, ModelException | CodeTerminated) else ""
    return Failure(error.kind, error.message, error.exit_code, error.hint, error.details(), before)


def of_system(error: OSError) -> Failure:
    """An error of the system: a full disk, a missing permission, a removed current directory."""
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        return Failure(
            "system", "the current directory no longer exists", 1, "change into a directory that exists"
        )
    where = f"{error.filename}: " if error.filename else ""
    details = {"errno": error.errno, "path": str(error.filename) if error.filename else None}
    return Failure("system", f"{where}{error.strerror or error}", 1, details=details)


def of_interrupt() -> Failure:
    return Failure("interrupted", "interrupted", INTERRUPTED)


def of_lost_output(lost: streams.OutputLost) -> Failure:
    return Failure("output_lost", f"standard output: {lost.error.strerror}", 1)


def of_bug() -> Failure:
    """An unexpected exception, which is being handled."""
    import traceback

    text = traceback.format_exc()
    message = (
        f"gitstore {__version__} failed in a way it should not. Please report the lines above,"
        " with the command, on the project's issue tracker."
    )
    return Failure("bug", message, BUG, details={"traceback": text}, before=text.rstrip())


def _is_nowhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
