"""How warm launchers are shown."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.units import format_duration

if TYPE_CHECKING:
    from gitstore.launchers.client import WarmStatus
    from gitstore.launchers.directory import About


def to_json(status: WarmStatus) -> dict[str, Any]:
    """The shape of a warm launcher in a list."""
    about = status.about
    return {
        "id": status.id,
        "snapshot": about.snapshot if about else None,
        "tag": about.tag if about else None,
        "repository": about.repository if about else None,
        "process": about.process if about else None,
        "started": _format_date(about.started) if about else None,
        "environment": about.environment if about else None,
        "unlocked": about.unlocked if about else None,
        "sandbox": about.sandbox if about else None,
        "answered": status.answered,
        "remaining": status.remaining,
    }


def show_list(statuses: Sequence[WarmStatus], *, as_json: bool) -> None:
    """All warm launchers of the user."""
    if as_json:
        output.print_json([to_json(status) for status in statuses])
        return
    if not statuses:
        output.print_message("There are no warm launchers; gitstore serve-model REF starts one")
        return
    rows = [
        [
            status.id,
            about.snapshot if (about := status.about) else "starting",
            str(about.process) if about else "",
            str(status.answered),
            format_duration(status.remaining),
            about.repository if about else "",
        ]
        for status in statuses
    ]
    output.print_table(["ID", "SNAPSHOT", "PROCESS", "ANSWERED", "ENDS IN", "REPOSITORY"], rows, right=[2, 3])


def show_started(about: About, *, as_json: bool) -> None:
    """A launcher that answers from now on."""
    from gitstore.launchers.directory import identify

    if as_json:
        names = {"id": identify(about.tag), "snapshot": about.snapshot, "process": about.process}
        place = {"environment": about.environment, "unlocked": about.unlocked, "sandbox": about.sandbox}
        output.print_json(names | place)
    else:
        output.print_message(f"Serving {about.snapshot}; gitstore evaluate REF --warm evaluates on it")


def show_stopped(ids: Sequence[str], *, as_json: bool) -> None:
    """The launchers that were stopped."""
    if as_json:
        output.print_json({"stopped": list(ids)})
        return
    for identity in ids:
        output.print_message(f"Stopped {identity}")
    if not ids:
        output.print_message("There are no warm launchers")


def _format_date(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
