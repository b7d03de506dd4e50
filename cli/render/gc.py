"""How a garbage collection is shown: what was freed, what stays, and what a person may have to do."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.text import and_more

if TYPE_CHECKING:
    from datetime import datetime

    from gitstore.disk.entries import Cleared
    from gitstore.git.ref_record import Vanished
    from gitstore.objects.prune import Dead
    from gitstore.storage.gc import GcReport

_NAMED = 5
"""Refs and packs that are named one by one."""


def to_json(report: GcReport, cleared: Cleared, environments: Cleared, *, dry_run: bool) -> dict[str, Any]:
    """Everything that was or would be freed, and everything that stays; sizes are in bytes."""
    return asdict(report) | {
        "leftovers": [vars(item) for item in report.leftovers]
        + [item._asdict() for item in [*cleared.leftovers, *environments.leftovers]],
        "freed": report.freed + cleared.freed + environments.freed,
        "cache": [entry._asdict() for entry in cleared.removed],
        "environments": [entry._asdict() for entry in environments.removed],
        "locks": [str(path) for path in report.locks],
        "vanished": [
            {"ref": ref.ref, "oid": str(ref.oid), "since": _local_time(ref.since).isoformat()}
            for ref in report.vanished
        ],
        "damaged": [str(path) for path in report.damaged],
        "elsewhere": [
            {
                "pack": dead.pack.name if dead.pack is not None else None,
                "size": dead.size,
                "kept": dead.is_kept,
            }
            for dead in report.elsewhere
        ],
        "dry_run": dry_run,
    }


def show(report: GcReport, cleared: Cleared, environments: Cleared, *, dry_run: bool) -> None:
    """The same for a person."""
    from gitstore.units import format_size

    verb = "Would free" if dry_run else "Freed"
    output.print_message(f"{verb} {format_size(report.freed + cleared.freed + environments.freed)}")
    counts = {
        "packs removed": len(report.removed),
        "packs rewritten without their dead objects": len(report.rewritten),
        "leftovers of crashes removed": len([*report.leftovers, *cleared.leftovers, *environments.leftovers]),
        "entries of the cache removed": len(cleared.removed),
        "entries of the cache in use, which stay": cleared.in_use,
        "environments removed": len(environments.removed),
        "environments in use, which stay": environments.in_use,
    }
    for label, count in counts.items():
        if count:
            output.print_message(f"  {label}: {count}")
    for snapshot in report.snapshots:
        output.print_message(f"  snapshot {snapshot.name}: {format_size(snapshot.size)}")
    if report.left:
        output.print_message(
            f"{format_size(report.left)} more are dead, in large or linked packs that are mostly needed;"
            " gc rewrites a pack when more than a fifth of it is dead"
        )
    _show_elsewhere(report)
    _show_vanished(report)
    for lock in report.locks:
        output.print_message(
            f"{lock} is a lock file of git; if no git process is running, a crash left it: remove it"
        )
    for path in report.damaged:
        output.print_message(
            f"{path} is an incomplete worktree of git;"
            " if no git process is running, a crash left it: remove it"
        )


def _show_elsewhere(report: GcReport) -> None:
    """What git stored, where it is, and which command frees it."""
    from gitstore.units import format_size

    if report.foreign:
        output.print_message(
            f"{format_size(report.foreign)} more are dead, in what git stored; git gc frees them when they"
            " are two weeks old, git gc --prune=now at once, while nothing else runs"
        )
    largest = sorted(report.elsewhere, key=lambda dead: dead.size, reverse=True)
    for dead in largest[:_NAMED]:
        output.print_message(f"  {_describe_dead(dead)}")
    rest = largest[_NAMED:]
    if rest:
        size = format_size(sum(dead.size for dead in rest))
        output.print_message(f"  {and_more(len(rest))}: {size}; --json lists them all")


def _describe_dead(dead: Dead) -> str:
    """Where dead objects are, their bytes, and what keeps git from freeing them."""
    from gitstore.units import format_size

    if dead.pack is None:
        return f"loose objects: {format_size(dead.size)}"
    keep = f"; not while {dead.pack.with_suffix('.keep')} is there" if dead.is_kept else ""
    return f"{dead.pack.name}: {format_size(dead.size)}{keep}"


def _show_vanished(report: GcReport) -> None:
    """The refs that vanished, with the commands that restore them."""
    for ref in report.vanished[:_NAMED]:
        output.print_message(_describe_vanished(ref))
    if len(report.vanished) > _NAMED:
        output.print_message(f"{and_more(len(report.vanished) - _NAMED)}; --json lists them all")
    if report.vanished:
        output.print_message("gitstore gc --prune-vanished deletes these objects")


def _describe_vanished(ref: Vanished) -> str:
    since = _local_time(ref.since).isoformat(sep=" ", timespec="minutes")
    restore = f"git update-ref {shlex.quote(ref.ref)} {ref.oid} restores it"
    return (
        f"{ref.ref} was deleted or moved without gitstore, noticed {since}; its objects are kept; {restore}"
    )


def _local_time(seconds: float) -> datetime:
    """A time since the epoch, in whole seconds, with the offset of the machine."""
    from datetime import datetime

    return datetime.fromtimestamp(int(seconds)).astimezone()
