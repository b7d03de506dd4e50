"""What stock git may not do to refs: move or remove a snapshot, or remove a saved state.

The reference-transaction hook that `installation` puts there asks this. gitstore's own git runs without
hooks.
"""

from __future__ import annotations

from collections.abc import Iterable

from gitstore.errors import Corrupt, GitstoreError
from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.names import name_problem
from gitstore.packs.oid import Oid

_TAGS = "refs/tags/"
_STATES = "refs/states/"


class Protected(GitstoreError):
    """A change of refs that only gitstore makes."""

    kind = "protected"


def check(repository: Repository, lines: Iterable[str]) -> None:
    """Raise `Protected` for the first ref that may not change so; `lines` are those of githooks(5).

    New refs are free, and so are tags that are no snapshots. A state can be moved, but not removed
    while its model is there.
    """
    for line in lines:
        _, new, ref = line.rstrip("\n").split(" ", 2)
        _check(repository, ref, None if not new.strip("0") else new)


def _check(repository: Repository, ref: str, new: str | None) -> None:
    now = repository.refs.get(ref)
    # What git says of the old id does not count: it is zero for a ref that is to be forced.
    if now is None or str(now) == new:
        return
    name = ref.removeprefix(_TAGS)
    if ref.startswith(_TAGS) and _is_snapshot(repository, ref, now):
        if new is None:
            raise Protected(f"the snapshot {name} can only be removed by gitstore", f"gitstore rm {name}")
        raise Protected(
            f"the snapshot {name} never changes",
            f"gitstore rename {name} gives it another name, rm removes it",
        )
    is_state = ref.startswith(_STATES) and name_problem(ref.rpartition("/")[2]) is None
    if is_state and new is None:
        _check_state(repository, ref.removeprefix(_STATES))


def _check_state(repository: Repository, state: str) -> None:
    """Raise `Protected` for a state that is to go, unless it is left of a derived model without a branch."""
    model, _, name = state.rpartition("/")
    if model and repository.refs.get(f"refs/heads/{model}") is None:
        return  # no working copy is left to say gitstore state rm in
    where = f", in the working copy of {model}" if model else ""
    raise Protected(f"the state {state} can only be removed by gitstore", f"gitstore state rm {name}{where}")


def _is_snapshot(repository: Repository, ref: str, oid: Oid) -> bool:
    """Whether a tag is a snapshot, or was one before it was damaged."""
    try:
        return snapshot.read(repository, ref, oid) is not None
    except Corrupt:
        return True
