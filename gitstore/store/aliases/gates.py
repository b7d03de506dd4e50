"""The gates of protected aliases: what must be recorded of a snapshot before an alias moves to it.

They are facts of a push, `Push.problems`: the records are read from the repository as it was before the push,
so that nobody's push brings its own proof together with the move. (Who may write records may write them
first; who made them stands in the history of the notes.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitstore.aliases.gate import RequirementNotMet, check_requirements
from gitstore.aliases.requirements import parse
from gitstore.errors import Corrupt, GitstoreError
from gitstore.models import alias as aliases
from gitstore.models import snapshot as snapshots
from gitstore.models.alias import Move
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects.paths import ObjectSource
from gitstore.packs.oid import Kind
from gitstore.policy.push import PathProblem, RefMove
from gitstore.policy.refs import Namespace
from gitstore.store.config.schema import AliasConfig
from gitstore.store.store import StoreModel
from gitstore.text import shown

RULE = "alias-gate"


def find_problems(
    model: StoreModel, moves: Iterable[RefMove], *, protected: Iterable[AliasConfig], objects: ObjectSource
) -> Iterator[PathProblem]:
    """Yield a problem for each alias that a push moves and whose gate the snapshot does not meet.

    `objects` reads the quarantine and the repository. An alias is protected by its name in its model. A
    rollback needs no proof: the snapshot has had the alias, as the alias's own history says.
    """
    gates = {alias.name: alias.gate for alias in protected if alias.gate}
    for move in moves if gates else ():
        prefix, _, name = move.ref.removeprefix(Namespace.ALIAS.value).rpartition("/")
        if Namespace.of(move.ref) is Namespace.ALIAS and move.new is not None and name in gates:
            problem = _check(model, move, gates[name], prefix=prefix, objects=objects)
            if problem is not None:
                yield PathProblem(RULE, shown(move.ref), problem)


def _check(
    model: StoreModel, move: RefMove, gate: Iterable[str], *, prefix: str, objects: ObjectSource
) -> str | None:
    """Return why an alias must not move; `None` if it may."""
    if move.new is None:
        return None
    try:
        moved = aliases.parse_move(move.new, objects.read_as(Kind.COMMIT, move.new))
        snapshot = _find_snapshot(model, moved, prefix)
        if snapshot is None:
            return f"moves to {shown(moved.new.snapshot)}, which the store does not have yet"
        own = Model(snapshot.repository, snapshot.model, snapshot.prefix)
        if _had_alias(own, moved, move.ref):
            return None
        rules = [parse(text) for text in gate]
        check_requirements(own, move.ref.rpartition("/")[2], snapshot, requirements=rules)
    except RequirementNotMet as error:
        return error.message.replace("\n", "; ")
    except (Corrupt, GitstoreError) as error:
        return error.message
    return None


def _find_snapshot(model: StoreModel, move: Move, prefix: str) -> Snapshot | None:
    """Return the snapshot that a move names, if the store has it with that tag."""
    slash = "/" if prefix else ""
    ref, repository = f"{Namespace.SNAPSHOT.value}{prefix}{slash}{move.new.snapshot}", model.repository
    return snapshots.read(repository, ref, move.new.tag) if repository.refs.get(ref) == move.new.tag else None


def _had_alias(model: Model, move: Move, ref: str) -> bool:
    """Whether a move is a rollback to a snapshot that had the alias, by the history that the store has."""
    tip = model.repository.refs.get(ref)
    if move.reverts is None or tip is None:
        return False
    history = aliases.list_moves(model.repository, aliases.read_alias(model.repository, ref, tip))
    return any(earlier.new.tag == move.new.tag for earlier in history)
