"""The options of `gitstore evaluate` that record evaluations, and compare with records or other snapshots."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstore.cli.completion import candidates
from gitstore.errors import Cancelled, GitstoreError

if TYPE_CHECKING:
    from pathlib import Path

    from gitstore.models.model import Model
    from gitstore.models.snapshot import Snapshot
    from gitstore.run.conditions import Conditions
    from gitstore.run.recording.differences import Tolerance
    from gitstore.run.recording.evaluations import Comparison, Expectation
    from gitstore.run.values.inputs import Assignments

F = TypeVar("F", bound=Callable[..., Any])


class CannotCompare(GitstoreError):
    """An evaluation could not be compared with what is expected: `git bisect run` skips the commit."""

    exit_code = 125
    kind = "cannot_compare"


@dataclass(frozen=True)
class RecordOptions:
    """What the command line asks for, beside an evaluation."""

    record: str | None
    replacing: bool
    expect: str | None
    compare: tuple[str, str] | None
    rtol: tuple[str, ...]
    atol: tuple[str, ...]

    @property
    def compares(self) -> bool:
        """Whether outputs are compared, and not printed."""
        return self.expect is not None or self.compare is not None

    def check(self, ctx: click.Context, *, reference: str | None, with_files: bool, warm: bool) -> None:
        """Raise `UsageError` for options that exclude each other."""
        modes = {"--record": self.record, "--expect": self.expect, "--compare": self.compare}
        given = [name for name, value in modes.items() if value is not None]
        if len(given) > 1:
            raise click.UsageError(f"give either {' or '.join(given)}", ctx)
        if self.compare is not None and reference is not None:
            raise click.UsageError("give either REF or --compare", ctx)
        if self.record is not None and reference is None:
            raise click.UsageError("--record needs REF: a working copy has no records", ctx)
        for name, is_given in (("--out", with_files), ("--warm", warm)):
            if is_given and self.compares:
                raise click.UsageError(f"give either {name} or {given[0]}", ctx)
        if (self.rtol or self.atol) and not self.compares:
            raise click.UsageError("--rtol and --atol need --expect or --compare", ctx)
        if self.replacing and self.record is None:
            raise click.UsageError("--force needs --record", ctx)


def tolerance_options(function: F) -> F:
    """Add --rtol and --atol."""
    for name, meaning in (("--atol", "Tolerate this difference"), ("--rtol", "Tolerate this relative one")):
        function = click.option(
            name,
            multiple=True,
            metavar="[NAME=]NUMBER",
            help=f"{meaning}, in all outputs or in NAME; none by default.",
        )(function)
    return function


def record_options(function: F) -> F:
    """Add the options, and pass them on as one `records`."""

    @functools.wraps(function)
    def bundled(*args: Any, **values: Any) -> Any:
        own = {name: values.pop(name) for name in RecordOptions.__dataclass_fields__}
        return function(*args, records=RecordOptions(**own), **values)

    options = [
        click.option("--record", metavar="NAME", help="Keep inputs and outputs, with REF, as NAME."),
        click.option("--force", "replacing", is_flag=True, help="Replace the record called NAME."),
        click.option(
            "--expect",
            metavar="[SNAPSHOT:]NAME",
            shell_complete=candidates.evaluation_records,
            help="Compare the outputs with this record. Without -p, evaluate the record's inputs.",
        ),
        click.option(
            "--compare",
            nargs=2,
            metavar="A B",
            shell_complete=candidates.snapshots,
            help="Evaluate the snapshots A and B, and compare their outputs.",
        ),
        tolerance_options,
    ]
    for option in reversed(options):
        bundled = option(bundled)
    return bundled  # type: ignore[return-value]


def parse_tolerance(ctx: click.Context, *, rtol: tuple[str, ...], atol: tuple[str, ...]) -> Tolerance:
    """Return the tolerance of a command line."""
    from gitstore.run.recording.differences import Tolerance

    relative, relative_by_name = _parse_numbers(ctx, "--rtol", rtol)
    absolute, absolute_by_name = _parse_numbers(ctx, "--atol", atol)
    return Tolerance(relative, absolute, relative_by_name, absolute_by_name)


def _parse_numbers(ctx: click.Context, option: str, texts: tuple[str, ...]) -> tuple[float, dict[str, float]]:
    numbers: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            numbers[name] = float(number)
        except ValueError:
            numbers[name] = math.nan
        if not 0 <= numbers[name] < math.inf:
            raise click.BadParameter(f"{text} has no number of 0 and more", ctx, param_hint=option)
    return numbers.pop("", 0.0), numbers


def compare(
    ctx: click.Context,
    reference: str | None,
    values: Assignments,
    *,
    records: RecordOptions,
    conditions: Conditions,
    as_json: bool,
) -> None:
    """Evaluate, and show how the outputs differ from a record, or those of two snapshots from each other.

    Exits with 1 if they differ from a record. Raises `CannotCompare` if anything keeps that from being known.
    """
    tolerance = parse_tolerance(ctx, rtol=records.rtol, atol=records.atol)
    if records.compare is not None:
        comparison = _compare_snapshots(
            ctx.obj, values, records.compare, conditions=conditions, tolerance=tolerance
        )
    else:
        with _refusing_to_compare():
            comparison = _compare_with_record(
                ctx.obj,
                reference,
                values,
                expected=records.expect or "",
                conditions=conditions,
                tolerance=tolerance,
            )
    from gitstore.cli.render.records import evaluations as render

    render.show_differences(comparison.outputs, as_json=as_json)
    if records.expect is not None and not comparison.is_equal:
        ctx.exit(1)


def _compare_snapshots(
    directory: Path,
    values: Assignments,
    names: tuple[str, str],
    *,
    conditions: Conditions,
    tolerance: Tolerance,
) -> Comparison:
    from gitstore.models import reference as references
    from gitstore.run.recording import evaluations

    first, second = (references.resolve(name, directory) for name in names)
    return evaluations.compare_snapshots((first, second), values, conditions=conditions, tolerance=tolerance)


def _compare_with_record(
    directory: Path,
    reference: str | None,
    values: Assignments,
    *,
    expected: str,
    conditions: Conditions,
    tolerance: Tolerance,
) -> Comparison:
    from gitstore.run.recording import evaluations

    target, expectation = _find_both(directory, reference, expected)
    inputs = values if values.texts else None
    return evaluations.evaluate_and_compare(
        target, expectation, inputs, conditions=conditions, tolerance=tolerance
    )


@contextmanager
def _refusing_to_compare() -> Iterator[None]:
    """Raise `CannotCompare` for any failure but Ctrl-C."""
    try:
        yield
    except Cancelled:
        raise
    except GitstoreError as error:
        raise CannotCompare(error.message, error.hint) from error
    except OSError as error:
        raise CannotCompare(str(error)) from error


def _find_both(directory: Path, reference: str | None, expected: str) -> tuple[Snapshot | Model, Expectation]:
    """Find what is evaluated, and the record that it is compared with.

    The record is of the snapshot that is named, or of the one that is evaluated, or of any of the model's.
    """
    from gitstore.models import reference as references
    from gitstore.models.model import Model
    from gitstore.models.snapshot import read_own_snapshots
    from gitstore.run.recording.evaluations import find_expectation

    named, _, name = expected.rpartition(":")
    if reference is None:
        model = Model.open(directory)
        snapshots = [references.resolve(named, directory)] if named else read_own_snapshots(model)
        return model, find_expectation(snapshots, name)
    target = references.resolve(reference, directory)
    return target, find_expectation([references.resolve(named, directory) if named else target], name)
