"""How a store as a whole is shown: one that was initialized, and how it is set up."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gitstore.cli import output
from gitstore.text import counted
from gitstore.units import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitstore.store.audit import Audit
    from gitstore.store.check import StoreReport
    from gitstore.store.create import InitializedStore
    from gitstore.store.verify import VerifiedModel


def show_initialized(initialized: InitializedStore, *, as_json: bool) -> None:
    """A store that was created or brought up to date."""
    root = initialized.store.root
    if as_json:
        output.print_json(
            {"store": str(root), "created": initialized.created, "changed": list(initialized.changed)}
        )
    elif initialized.created:
        output.print_message(f"Created the store {root}; its settings are in {initialized.store.config_path}")
    elif initialized.changed:
        for path in initialized.changed:
            output.print_message(f"  {path}")
        output.print_message(f"Updated the store {root}")
    else:
        output.print_message(f"The store {root} is up to date")


def show_check(report: StoreReport, *, as_json: bool) -> None:
    """What is wrong with the setup of a store."""
    if as_json:
        problems = [problem._asdict() for problem in report.problems]
        output.print_json({"ok": not problems, "models": report.models, "problems": problems})
        return
    for problem in report.problems:
        output.print_data(str(problem))
    if not report.problems:
        output.print_message(f"The store is set up correctly: {counted(report.models, 'model')}")


def show_verified(verified: Sequence[VerifiedModel], *, as_json: bool) -> None:
    """What a verification of models found."""
    problems = sum(len(model.problems) for model in verified)
    if as_json:
        models = [
            {
                "model": model.model,
                "snapshots": model.snapshots,
                "problems": list(model.problems),
                "notices": list(model.notices),
            }
            for model in verified
        ]
        output.print_json({"ok": not problems, "models": models})
        return
    for model in verified:
        for notice in model.notices:
            output.print_message(f"warning: {model.model}: {notice}")
        for problem in model.problems:
            output.print_data(f"{model.model}: {problem}")
    snapshots = sum(model.snapshots for model in verified)
    found = counted(problems, "problem") if problems else "all intact"
    held = f"{counted(len(verified), 'model')} with {counted(snapshots, 'snapshot')}"
    output.print_message(f"Verified {held}: {found}")


def show_audit(report: Audit, *, as_json: bool) -> None:
    """Whether the ledger is what the repositories say."""
    if as_json:
        fields = dataclasses.asdict(report)
        output.print_json({"ok": not report.problems, "size": fields.pop("bytes"), **fields})
        return
    for problem in report.problems:
        output.print_data(problem)
    if report.repacked:
        anew = counted(report.repacked, "object was", "objects were")
        output.print_message(f"{anew} packed anew; what is charged stays the same")
    if report.pending:
        output.print_message(f"{counted(report.pending, 'push is', 'pushes are')} under way")
    found = counted(len(report.problems), "problem") if report.problems else "all equal"
    refs, objects = counted(report.refs, "ref"), counted(report.objects, "object")
    output.print_message(
        f"Audited {counted(report.models, 'model')} with {refs}, {objects} and"
        f" {format_size(report.bytes)}: {found}"
    )
    output.print_message(f"The ledger has {counted(report.rows, 'row')}, head {report.head}")
