"""How aliases and their moves are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output, terminal

if TYPE_CHECKING:
    from gitstore.git.repository import Repository
    from gitstore.models.alias import Alias, Move


def to_json(repository: Repository, alias: Alias) -> dict[str, Any]:
    """The shape of an alias."""
    return {
        "name": alias.name,
        "model": alias.prefix.rstrip("/"),
        "ref": alias.ref,
        "snapshot": alias.move.new.snapshot,
        "tag": str(alias.move.new.tag),
        "exists": _exists(repository, alias),
        "move": move_json(alias.move),
    }


def move_json(move: Move) -> dict[str, Any]:
    """The shape of a move."""
    return {
        "commit": str(move.commit),
        "author": move.author,
        "date": move.date.isoformat() if move.date is not None else None,
        "message": move.message,
        "from": move.old.snapshot if move.old is not None else None,
        "from_tag": str(move.old.tag) if move.old is not None else None,
        "to": move.new.snapshot,
        "to_tag": str(move.new.tag),
        "reverts": str(move.reverts) if move.reverts is not None else None,
        "renaming": move.is_renaming,
        "required": list(move.required),
        "evaluations": list(move.evaluations),
    }


def show_removed(repository: Repository, alias: Alias, *, restore_with: str | None, as_json: bool) -> None:
    """An alias that was removed, and how it comes back for whoever has the repository: with which git."""
    if as_json:
        output.print_json(to_json(repository, alias))
        return
    output.print_message(f"Removed the alias {alias.name}, which {alias.move.new.snapshot} had")
    if restore_with is not None:
        command = f"{restore_with} update-ref {alias.ref} {alias.move.commit}"
        output.print_message(f"Until the next gc, {command} restores it")


def show_list(repository: Repository, aliases: Sequence[Alias], *, all_models: bool) -> None:
    """A table of aliases."""
    output.print_table(
        ["ALIAS", "SNAPSHOT", "SINCE", "BY", "MESSAGE"],
        [
            [
                terminal.styled(alias.short_name if all_models else alias.name, "yellow"),
                _name_snapshot(repository, alias),
                output.format_minute(alias.move.date) if alias.move.date is not None else "",
                alias.move.author.partition(" <")[0],
                alias.move.message.partition("\n")[0],
            ]
            for alias in aliases
        ],
    )


def show_alias(repository: Repository, alias: Alias, *, as_json: bool) -> None:
    """One alias, with its last move."""
    if as_json:
        output.print_json(to_json(repository, alias))
        return
    output.print_data(f"alias:    {terminal.styled(alias.name, 'yellow')}")
    output.print_data(f"snapshot: {_name_snapshot(repository, alias)}")
    for line in _describe_move(alias.move):
        output.print_data(line)


def show_moves(moves: Sequence[Move]) -> None:
    """A history, the last move first."""
    for number, move in enumerate(moves):
        if number:
            output.print_data("")
        before = f"{move.old.snapshot} → " if move.old is not None else ""
        output.print_data(f"move:     {before}{terminal.styled(move.new.snapshot, 'yellow')}")
        for line in _describe_move(move):
            output.print_data(line)


def show_moved(repository: Repository, moved: Alias, before: Alias | None, *, as_json: bool) -> None:
    """An alias that was set or rolled back, and what it was before."""
    is_same = before is not None and before.move.commit == moved.move.commit
    if as_json:
        output.print_json(to_json(repository, moved) | {"moved": not is_same})
    elif is_same:
        output.print_message(f"{moved.name} is {moved.move.new.snapshot} already")
    else:
        was = f"; it was {before.move.new.snapshot}" if before is not None else ""
        output.print_message(f"{moved.name} is {moved.move.new.snapshot} now{was}")


def _describe_move(move: Move) -> Iterator[str]:
    """The lines about a move below the snapshots."""
    if move.date is not None:
        yield f"since:    {move.date.isoformat(' ')}"
    yield f"by:       {output.quote_unprintable(move.author)}"
    if move.reverts is not None:
        yield f"reverts:  {move.reverts}"
    for requirement in move.required:
        yield f"required: {output.quote_unprintable(requirement)}"
    for evaluation in move.evaluations:
        yield f"recorded: {output.quote_unprintable(evaluation)}"
    yield f"commit:   {move.commit}"
    yield ""
    yield from (f"    {line}".rstrip() for line in move.message.splitlines())


def _name_snapshot(repository: Repository, alias: Alias) -> str:
    removed = "" if _exists(repository, alias) else " (removed)"
    return f"{alias.move.new.snapshot}{removed}"


def _exists(repository: Repository, alias: Alias) -> bool:
    return repository.refs.get(alias.snapshot_ref) == alias.move.new.tag
