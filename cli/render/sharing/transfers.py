"""How a transfer between repositories is shown: what moved, what did not, and how much travelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.names import spell_alias, spell_tag
from gitstore.text import counted
from gitstore.units import format_size

if TYPE_CHECKING:
    from gitstore.models.snapshot import Snapshot
    from gitstore.packs.oid import Oid
    from gitstore.transfer.pull import PreparedPull, Pulled
    from gitstore.transfer.push import PreparedPush
    from gitstore.transfer.push_plan import RefUpdate, WantedRef

_NAMED = 10
"""Refs that are shown one by one."""

_RECORDS = "records of evaluations and trainings"


def _push_json(prepared: PreparedPush, *, dry_run: bool) -> dict[str, Any]:
    """The shape of a push."""
    plan = prepared.plan
    return {
        "remote": str(prepared.remote),
        "url": prepared.remote.url,
        "refs": [_ref_json(update.wanted, update.old, update.wanted.oid) for update in plan.updates],
        "conflicts": [
            _ref_json(conflict.wanted, conflict.theirs, conflict.wanted.oid) for conflict in plan.conflicts
        ],
        "unchanged": len(plan.unchanged) + len(plan.behind),
        "objects": prepared.size.objects,
        "size": prepared.size.size,
        "dry_run": dry_run,
    }


def _ref_json(ref: WantedRef, old: Oid | None, new: Oid) -> dict[str, Any]:
    return {
        "kind": ref.kind.value,
        "name": ref.name,
        "ref": ref.ref,
        "old": str(old) if old is not None else None,
        "new": str(new),
    }


def show_push(prepared: PreparedPush, *, dry_run: bool, as_json: bool) -> None:
    """What a push sent, or would send."""
    plan, remote = prepared.plan, prepared.remote
    if as_json:
        output.print_json(_push_json(prepared, dry_run=dry_run))
        return
    _print_list([_describe(update) for update in plan.updates])
    for ref in plan.behind:
        output.print_message(f"{remote} has newer commits on {ref.name}; gitstore pull fetches them")
    if not plan.updates:
        output.print_message(f"{remote} has everything already" if not plan.conflicts else "Nothing was sent")
        return
    verb = "Would push" if dry_run else "Pushed"
    amount = f"{counted(prepared.size.objects, 'object')}, {format_size(prepared.size.size)}"
    output.print_message(f"{verb} to {remote}: {amount}")


def _print_list(lines: Sequence[str]) -> None:
    """Print each different line, but only the first ones of many."""
    different = list(dict.fromkeys(lines))
    for line in different[:_NAMED]:
        output.print_message(f"  {line}")
    if len(different) > _NAMED:
        output.print_message(f"  and {len(different) - _NAMED:,} more")


def _describe(update: RefUpdate) -> str:
    if update.wanted.kind.value == "record":
        return _RECORDS
    kind, name = update.wanted.kind.value, update.wanted.name
    return f"{'new ' if update.old is None else ''}{kind} {name}"


def show_pull(prepared: PreparedPull, pulled: Pulled, *, dry_run: bool, as_json: bool) -> None:
    """What a pull brought, or would bring."""
    plan, remote = prepared.plan, prepared.remote
    if as_json:
        output.print_json(_pull_json(prepared, pulled, dry_run=dry_run))
        return
    lines = [f"new snapshot {spell_tag(pair.ref)}" for pair in plan.tags]
    lines += [f"state {name}" for name in pulled.states]
    lines += [f"alias {name}" for name in pulled.aliases]
    if plan.branch is not None and (dry_run or pulled.branch is not None):
        lines.append(f"branch {plan.branch.ref.removeprefix('refs/heads/')}")
    if pulled.has_records:
        lines.append(_RECORDS)
    _print_list(lines)
    for name in pulled.kept:
        output.print_message(
            f"The state {name} has changed on disk, so it stays; gitstore state save {name} saves it"
        )
    diverged = pulled.diverged is not None or pulled.diverged_aliases
    if not lines and not pulled.kept and not plan.conflicts and not diverged:
        output.print_message(f"{remote} has nothing new")
    elif lines:
        output.print_message(f"{'Would pull' if dry_run else 'Pulled'} from {remote}")


def show_newer(snapshots: Sequence[Snapshot]) -> None:
    """Newer snapshots of a model's base."""
    if snapshots:
        show_newer_names(snapshots[-1].model, [snapshot.name for snapshot in snapshots])


def show_newer_names(model: str, names: Sequence[str]) -> None:
    """Names of newer snapshots of a base's model, the newest last."""
    output.print_message(f"{model} has {names[-1]}; gitstore rebase {names[-1]} moves to it")


def _pull_json(prepared: PreparedPull, pulled: Pulled, *, dry_run: bool) -> dict[str, Any]:
    plan = prepared.plan
    branch = pulled.branch if not dry_run else plan.branch
    return {
        "remote": str(prepared.remote),
        "url": prepared.remote.url,
        "snapshots": [spell_tag(pair.ref) for pair in plan.tags],
        "states": pulled.states if not dry_run else [pair.ref for pair in plan.states],
        "kept": pulled.kept,
        "aliases": pulled.aliases if not dry_run else [spell_alias(pair.ref) for pair in plan.aliases],
        "records": pulled.has_records,
        "branch": branch.ref if branch is not None else None,
        "diverged": pulled.diverged.ref if pulled.diverged is not None else None,
        "conflicts": [pair.ref for pair in plan.conflicts],
        "dry_run": dry_run,
    }
