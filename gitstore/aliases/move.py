"""Moving an alias to a snapshot, taking the last move back, and removing an alias.

Each change is one compare-and-swap of one ref, so of two people who move an alias at once, one is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from gitstore.aliases.write_move import NewMove, Reason
from gitstore.disk import locks
from gitstore.errors import GitstoreError, NoSuchSnapshot
from gitstore.events import journal
from gitstore.git.refs import RefChange
from gitstore.models import alias as alias_model
from gitstore.models.alias import Alias, AliasTarget, Move
from gitstore.models.model import Model, check_name, has_derived_model
from gitstore.models.snapshot import Snapshot
from gitstore.names import spell_snapshot
from gitstore.objects.writer import ObjectWriter

ChangeRef: TypeAlias = Callable[[RefChange, str], None]
"""Changes the ref of an alias, for a reason that the reflog has. Raises `RefChanged`."""


def set_alias(
    model: Model, name: str, snapshot: Snapshot, *, reason: Reason, change_ref: ChangeRef | None = None
) -> Alias:
    """Let a snapshot of the model have an alias, which need not exist yet. Atomic and durable.

    `change_ref` is for callers that record the change elsewhere, too; by default, git changes the ref.
    If the snapshot has it already, nothing is written. Raises `GitstoreError` for a name that cannot be an
    alias and for a snapshot of another model, `NoSuchSnapshot` if it was removed meanwhile, `RefChanged` if
    somebody else moved the alias meanwhile, and `Corrupt` if its last move cannot be read.
    """
    check_vacant(model, name)
    reason.check()
    if snapshot.prefix != model.prefix or snapshot.repository.common != model.repository.common:
        raise GitstoreError(
            f"{snapshot.full_name} is not a snapshot of {model.name}, so {name} cannot move to it",
            "each model has aliases of its own; -C DIR names the model",
        )
    current = alias_model.find_alias(model, name)
    if current is not None and current.move.new.tag == snapshot.tag_oid:
        return current
    last = current.move if current is not None else None
    return _write(model, NewMove(model.name, name, last, AliasTarget.of(snapshot), reason), change_ref)


def check_vacant(model: Model, name: str) -> None:
    """Raise `GitstoreError` unless `name` can be an alias of the model, whether or not it is one."""
    check_name(name, "alias")
    if model.repository.refs.get(model.tag_ref(name)) is not None:
        raise GitstoreError(
            f"{name} is the name of a snapshot, so it cannot be the name of an alias", "choose another name"
        )
    if not model.prefix and has_derived_model(model.repository, name):
        raise GitstoreError(
            f"{name} is the name of a derived model, so it cannot be the name of an alias",
            "choose another name",
        )


def roll_back(model: Model, name: str, reason: Reason, *, change_ref: ChangeRef | None = None) -> Alias:
    """Take the last move of an alias back that was not taken back yet: a new move, to where it was before.

    Atomic and durable. `change_ref` is as for `set_alias`. Raises `NoSuchAlias`, `NoSuchSnapshot` if the
    earlier snapshot was removed, `GitstoreError` if there is no earlier one, and `RefChanged`.
    """
    reason.check()
    current = alias_model.get_alias(model, name)
    moves = [*alias_model.list_moves(model.repository, current)]
    reverted = find_revertible(moves)
    if reverted is None or reverted.old is None:
        raise GitstoreError(
            f"{name} has no earlier snapshot to go back to", f"gitstore alias log {name} shows its history"
        )
    target = _find_new_name(reverted.old, moves)
    new = NewMove(model.name, name, current.move, target, reason, reverts=reverted.commit)
    return _write(model, new, change_ref)


def find_revertible(moves: Sequence[Move]) -> Move | None:
    """Return the move that a rollback takes back, from all moves of an alias, the last one first.

    It is the last one that is no rollback, was not taken back by one, and did not only follow a new name.
    """
    reverted = {move.reverts for move in moves if move.reverts is not None}
    return next(
        (
            move
            for move in moves
            if move.reverts is None and move.commit not in reverted and not move.is_renaming
        ),
        None,
    )


def _find_new_name(target: AliasTarget, moves: Sequence[Move]) -> AliasTarget:
    """Return what a snapshot is called now, as far as it was renamed while it had the alias."""
    for move in reversed(moves):
        if move.is_renaming and move.old == target:
            target = move.new
    return target


def remove_alias(model: Model, name: str, *, change_ref: ChangeRef | None = None) -> Alias:
    """Remove an alias with its history, and return what it was. The snapshot stays. Durable.

    `change_ref` is as for `set_alias`. A damaged alias is removed by stock git. Raises `NoSuchAlias`, and
    `RefChanged` if it moved meanwhile.
    """
    current = alias_model.get_alias(model, name)
    change = RefChange(current.ref, current.move.commit, None)
    journal.observe(model.repository)
    _change(model, change, f"remove the alias {current.short_name}", by=change_ref)
    journal.observe(model.repository)
    return current


def follow_renaming(
    writer: ObjectWriter, model: Model, aliases: Sequence[Alias], *, target: AliasTarget
) -> list[RefChange]:
    """Add a move of each alias of a snapshot that gets another name and tag, and return the changes of refs.

    They belong into the transaction that renames it.
    """
    identity = model.repository.identity() if aliases else ""
    changes = []
    for alias in aliases:
        new = NewMove(model.name, alias.name, alias.move, target, Reason(), is_renaming=True)
        changes.append(RefChange(alias.ref, alias.move.commit, new.write(writer, identity=identity)))
    return changes


def _write(model: Model, new: NewMove, change_ref: ChangeRef | None) -> Alias:
    """Write a move and let the alias's ref lead to it, if the snapshot still exists."""
    repository, old = model.repository, new.last.commit if new.last is not None else None
    identity = new.reason.identity or repository.identity()
    journal.observe(repository)
    with locks.derivation(repository.private), repository.writer() as writer:  # rm holds the lock, too
        _check_exists(model, new.target)
        oid = new.write(writer, identity=identity)
        writer.finish()
        moved = Alias(model.prefix, new.alias, alias_model.read_move(repository, oid))
        change = RefChange(moved.ref, old, oid)
        why = f"move the alias {moved.short_name} to {new.target.snapshot}"
        _change(model, change, why, by=change_ref)
    repository.maintain()
    journal.observe(repository)
    return moved


def _change(model: Model, change: RefChange, why: str, *, by: ChangeRef | None) -> None:
    if by is not None:
        by(change, why)
    else:
        model.repository.refs.change([change], why)


def _check_exists(model: Model, target: AliasTarget) -> None:
    if model.repository.refs.get(model.tag_ref(target.snapshot)) != target.tag:
        name = spell_snapshot(target.snapshot, model.prefix.rstrip("/"))
        raise NoSuchSnapshot(
            f"the snapshot {name} does not exist any more", "gitstore list shows those that do"
        )
