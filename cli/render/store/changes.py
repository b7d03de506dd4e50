"""How changes of a store are shown: a derived model, a removal, garbage collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitstore.billing.money import format_money
from gitstore.cli import output
from gitstore.text import counted
from gitstore.units import format_size

if TYPE_CHECKING:
    from gitstore.store.derive import DerivedInStore
    from gitstore.store.gc import StoreGc
    from gitstore.store.remove import StoreRemoval


def show_derived(derived: DerivedInStore, *, as_json: bool) -> None:
    """A model that was derived in the store."""
    if as_json:
        output.print_json(
            {
                "model": derived.model.full_name,
                "base": str(derived.base),
                "directory": str(derived.model.directory),
                "linked": derived.imported.linked,
                "copied": derived.imported.copied,
                "charged": derived.charged,
            }
        )
        return
    linked, copied = derived.imported
    output.print_message(
        f"Derived {derived.model.full_name} from {derived.base}: linked {format_size(linked)},"
        f" copied {format_size(copied)}, charged {format_size(derived.charged)}"
    )


def show_removal(removal: StoreRemoval, *, dry_run: bool, as_json: bool, only_messages: bool = False) -> None:
    """What was removed, or would be, and who needs it."""
    if as_json:
        output.print_json(
            {
                "names": list(removal.names),
                "refs": list(removal.refs),
                "freed": removal.freed,
                "saved": removal.saved,
                "currency": removal.currency,
                "inherited": [{"model": name, "size": size} for name, size in removal.inherited.items()],
                "based": list(removal.based),
                "aliases": list(removal.aliases),
                "dry_run": dry_run,
            }
        )
        return
    them = "it" if len(removal.names) == 1 else "one of them"
    for name, size in removal.inherited.items():
        output.print_message(f"  {name} still needs {format_size(size)}, and is charged for it then")
    for name in removal.based:
        output.print_message(f"  {name} is based on {them}")
    for name in removal.aliases:
        output.print_message(f"  the alias {name} leads to {them}")
    verb = "Would remove" if dry_run else "Removed"
    saved = ""
    if removal.saved is not None:
        saved = f", which saves {format_money(removal.saved, removal.currency)} a month"
    names = ", ".join(removal.names)
    output.print_message(f"{verb} {names}: {format_size(removal.freed)} are charged no longer{saved}")
    if not dry_run and not only_messages:
        output.print_message("gitstore store gc gives the space back")


def show_gc(collected: StoreGc, *, dry_run: bool, as_json: bool) -> None:
    """What a garbage collection freed, or would free."""
    if as_json:
        output.print_json(
            {
                "freed": collected.freed,
                "leftovers": collected.leftovers,
                "models": [
                    {
                        "model": model.model,
                        "freed": model.freed,
                        "skipped": model.skipped,
                        "failed": model.failed,
                    }
                    for model in collected.models
                ],
                "dry_run": dry_run,
            }
        )
        return
    for model in collected.models:
        if model.skipped is not None:
            output.print_message(f"  skipped {model.model}: {model.skipped}")
        elif model.freed:
            output.print_message(f"  {model.model}: {format_size(model.freed)}")
    verb = "Would free" if dry_run else "Freed"
    models = counted(len(collected.models), "model")
    output.print_message(f"{verb} {format_size(collected.freed)} in {models}")
