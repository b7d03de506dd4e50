"""The event of an evaluation that should have been recorded, and failed: no ref tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gitstore.disk.afterwards import only_warn
from gitstore.errors import GitstoreError, OperationFailed
from gitstore.events import journal
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.names import spell_tag
from gitstore.outbox.append import append
from gitstore.outbox.events import EvaluationFailed
from gitstore.text import harmless

_LONGEST = 1000
"""Characters of a reason."""


@contextmanager
def telling_failures(snapshot: Snapshot, record: str) -> Iterator[None]:
    """Append the event if the block raises `OperationFailed`, and the snapshot's repository has an outbox.

    If the event cannot be appended, that is a warning.
    """
    try:
        yield
    except OperationFailed as error:
        _append_failure(snapshot, record, error)
        raise


def _append_failure(snapshot: Snapshot, record: str, error: OperationFailed) -> None:
    repository = snapshot.repository
    if not journal.is_kept(repository):
        return
    with only_warn("the event of this failure is not recorded"), journal.opened(repository) as connection:
        from gitstore.disk import sqlite

        model = Model.identify(repository.directory).find_root_name()
        facts = {"time": journal.read_clock(), "model": model}
        with sqlite.transaction(connection):
            append(connection, describe_failure(snapshot, record, error, facts=facts))


def describe_failure(
    snapshot: Snapshot, record: str, error: GitstoreError, *, facts: dict[str, Any]
) -> EvaluationFailed:
    """Return the event. `facts` are the keys that all events have."""
    return EvaluationFailed(
        **facts,
        snapshot=spell_tag(snapshot.ref),
        ref=snapshot.ref,
        tag=str(snapshot.tag_oid),
        record=record,
        kind=error.kind,
        reason="; ".join(harmless(error.message).splitlines())[:_LONGEST],
    )
