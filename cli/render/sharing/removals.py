"""How removing snapshots of a remote is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitstore.cli import output
from gitstore.names import spell_tag
from gitstore.text import counted
from gitstore.units import format_size

if TYPE_CHECKING:
    from gitstore.transfer.elsewhere.removal import RemoteRemoval


def explain(removal: RemoteRemoval) -> None:
    """What removing them frees there."""
    if removal.frees is not None:
        text = f"Removing {removal.names} frees about {format_size(removal.frees)} in {removal.remote}"
    else:
        refs = counted(removal.unknown, "ref there is", "refs there are")
        reason = f"{refs if removal.unknown else 'objects are'} not here"
        text = f"What removing {removal.names} frees in {removal.remote} is not known: {reason}"
    output.print_message(text)
    if removal.aliases:
        output.print_message(f"Aliases there that lead to them: {', '.join(removal.aliases)}")


def show(removal: RemoteRemoval, *, removed: bool, as_json: bool) -> None:
    """What was removed there."""
    if as_json:
        output.print_json(
            {
                "remote": str(removal.remote),
                "url": removal.remote.url,
                "snapshots": [spell_tag(ref) for ref in removal.tags],
                "refs": list(removal.refs),
                "frees": removal.frees,
                "aliases": list(removal.aliases),
                "removed": removed,
            }
        )
    elif removed:
        output.print_message(f"Removed {removal.names} in {removal.remote}; its own gc frees the disk space")
