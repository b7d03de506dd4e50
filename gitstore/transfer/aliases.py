"""Aliases between repositories. Each is a line of commits, one for each move, which only gets longer.

An alias that moved on both sides is reported, and stays as it is here.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from gitstore.errors import Corrupt
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import alias
from gitstore.names import spell_alias
from gitstore.packs.oid import Oid
from gitstore.transfer import wire
from gitstore.transfer.pull_plan import RefPair
from gitstore.transfer.push_plan import RefKind, WantedRef
from gitstore.transfer.remotes import Remote

_log = logging.getLogger(__name__)


class AliasMoves(NamedTuple):
    """What becomes of fetched aliases: those that move here, and those that moved on both sides."""

    changes: list[RefChange]
    diverged: list[RefPair]


def list_aliases(repository: Repository, prefixes: Collection[str]) -> Iterator[WantedRef]:
    """Yield the aliases of some models for a push, each behind the snapshot that has it.

    Raises `Corrupt` for one that cannot be read.
    """
    for listed in alias.list_all_aliases(repository):
        if listed.prefix in prefixes:
            target = listed.move.new
            if repository.refs.get(listed.snapshot_ref) == target.tag:
                yield WantedRef(listed.snapshot_ref, target.tag, RefKind.SNAPSHOT, target.snapshot)
            yield WantedRef(listed.ref, listed.move.commit, RefKind.ALIAS, listed.short_name)


def choose_moves(repository: Repository, pairs: Iterable[RefPair], remote: Remote) -> AliasMoves:
    """Decide what becomes of fetched aliases. One that cannot be read is left out, with a warning."""
    moves = AliasMoves([], [])
    for pair in pairs:
        try:
            alias.read_alias(repository, pair.ref, pair.theirs)
            if pair.ours is not None and repository.is_ancestor(pair.theirs, pair.ours):
                continue
            is_forward = pair.ours is None or repository.is_ancestor(pair.ours, pair.theirs)
        except Corrupt as error:
            _log.warning("%s was not fetched from %s: %s", spell_alias(pair.ref), remote, error.message)
            continue
        if is_forward:
            moves.changes.append(RefChange(pair.ref, pair.ours, pair.theirs))
        else:
            moves.diverged.append(pair)
    return moves


def receive_aliases(repository: Repository, remote: Remote, theirs: Mapping[str, Oid]) -> None:
    """Fetch all aliases into a new clone."""
    pairs = [RefPair(ref, None, oid) for ref, oid in theirs.items() if ref.startswith(alias.PREFIX)]
    if not pairs:
        return
    with repository.writing():
        wire.receive(repository, remote, [pair.ref for pair in pairs])
        repository.objects.refresh()
        changes = choose_moves(repository, pairs, remote).changes
        if changes:
            repository.refs.change(changes, f"clone {remote}")
