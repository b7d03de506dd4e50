"""When, by whom and how an operation ran, as records have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import UNSET

from gitstore import __version__
from gitstore.git.repository import Repository
from gitstore.records.record import Circumstances
from gitstore.run.workplace import Workplace

_SECONDS = re.compile(r" (\d+) [+-]\d{4}$")


def describe_run(
    repository: Repository,
    durations: Mapping[str, float],
    *,
    workplace: Workplace | None = None,
    peak_memory: int | None = None,
) -> Circumstances:
    """Describe a run that has just ended: who ran it is who git says they are, and when, too.

    Raises `GitstoreError` if git knows no identity.
    """
    identity = repository.identity()
    seconds = _SECONDS.search(identity)
    date = datetime.fromtimestamp(int(seconds[1]), UTC) if seconds is not None else datetime.now(UTC)
    environment = workplace.environment if workplace is not None else None
    sandbox = workplace.sandbox if workplace is not None else None
    return Circumstances(
        date=date.strftime("%Y-%m-%dT%H:%M:%SZ"),
        user=_SECONDS.sub("", identity),
        gitstore=__version__,
        durations=dict(durations),
        environment=environment if environment is not None else UNSET,
        sandbox=sandbox if sandbox is not None else UNSET,
        peak_memory=peak_memory if peak_memory is not None else UNSET,
    )
