"""Checking the requirements of an alias against what a repository has recorded of two snapshots."""

from __future__ import annotations

from collections.abc import Sequence

from gitstore.aliases.requirements import Requirement, check, list_records
from gitstore.errors import GitstoreError
from gitstore.models import alias as alias_model
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.records.of_snapshot import SnapshotRecords, read_records


class RequirementNotMet(GitstoreError):
    """A snapshot does not meet what an alias requires. The alias has not moved."""

    kind = "requirement_not_met"

    def __init__(self, name: str, snapshot: Snapshot, *, problems: Sequence[str]) -> None:
        lines = [f"{snapshot.short_name} cannot get the alias {name}: {problem}" for problem in problems]
        super().__init__(
            "\n".join(lines), f"gitstore show {snapshot.short_name} lists what was recorded of it"
        )


def check_requirements(
    model: Model, name: str, snapshot: Snapshot, *, requirements: Sequence[Requirement]
) -> tuple[list[str], list[str]]:
    """Check what a snapshot must meet to get an alias of the model.

    Returns the requirements with what was found, and `NAME TREE` of each evaluation record that was read.
    Raises `RequirementNotMet` with all that are not met, and `Corrupt` for damaged records.
    """
    if not requirements:
        return [], []
    records, current = read_records(snapshot), None
    if any(requirement.compares for requirement in requirements):
        current = _read_current(model, name)
    verdicts = [check(requirement, records, current) for requirement in requirements]
    problems = [
        f"it does not meet {verdict.requirement.text}: {verdict.found}"
        for verdict in verdicts
        if not verdict.holds
    ]
    if problems:
        raise RequirementNotMet(name, snapshot, problems=problems)
    evaluations = [f"{record.name} {record.tree}" for record in list_records(requirements, records)]
    return [str(verdict) for verdict in verdicts], evaluations


def _read_current(model: Model, name: str) -> SnapshotRecords | None:
    """Return the records of the snapshot that has the alias now; `None` if none has."""
    alias = alias_model.find_alias(model, name)
    snapshot = alias_model.find_snapshot(model.repository, alias) if alias is not None else None
    return read_records(snapshot) if snapshot is not None else None
