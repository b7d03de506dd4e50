"""How a store as a whole is shown: one that was initialized, and how it is set up."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gitstore.cli import output
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
        output.print_message(f"The store is set up correctly: {report.models:,} models")


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
    found = f"{problems:,} problems" if problems else "all intact"
    output.print_message(f"Verified {len(verified):,} models with {snapshots:,} snapshots: {found}")


def show_audit(report: Audit, *, as_json: bool) -> None:
    """Whether the ledger is what the repositories say."""
    if as_json:
        fields = dataclasses.asdict(report)
        output.print_json({"ok": not report.problems, "size": fields.pop("bytes"), **fields})
        return
    for problem in report.problems:
        output.print_data(problem)
    if report.repacked:
        output.print_message(f"{report.repacked:,} objects were packed anew; their bytes on the bill stay")
    if report.pending:
        output.print_message(f"{report.pending:,} pushes are under way")
    found = f"{len(report.problems):,} problems" if report.problems else "all equal"
    output.print_message(
        f"Audited {report.models:,} models with {report.refs:,} refs, {report.objects:,} objects and"
        f" {format_size(report.bytes)}: {found}"
    )
    output.print_message(f"The ledger has {report.rows:,} rows, head {report.head}")
