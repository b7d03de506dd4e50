"""What stock git may not do to refs: move or remove a snapshot, or remove a saved state.

The hook reference-transaction that `install` writes calls this. The git that gitstore runs has no hooks.
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
    """A change of refs that only gitstore may make."""

    kind = "protected"


def check(repository: Repository, lines: Iterable[str]) -> None:
    """Raise `Protected` for the first change that is not allowed. `lines` are those of githooks(5).

    New refs may be created, and tags that are no snapshots may change. A state may be moved, but not removed
    while its model exists.
    """
    for line in lines:
        _, new, ref = line.rstrip("\n").split(" ", 2)
        _check_ref(repository, ref, None if not new.strip("0") else new)


def _check_ref(repository: Repository, ref: str, new: str | None) -> None:
    current = repository.refs.get(ref)
    # The old id in the line does not count: it is zeros for a forced change, too.
    if current is None or str(current) == new:
        return
    name = ref.removeprefix(_TAGS)
    if ref.startswith(_TAGS) and _is_snapshot(repository, ref, current):
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
    """Raise `Protected` for a state to be removed, unless its derived model has no branch any more."""
    model, _, name = state.rpartition("/")
    if model and repository.refs.get(f"refs/heads/{model}") is None:
        return  # there is no working copy in which to run gitstore state rm
    place = f", in the working copy of {model}" if model else ""
    raise Protected(f"the state {state} can only be removed by gitstore", f"gitstore state rm {name}{place}")


def _is_snapshot(repository: Repository, ref: str, oid: Oid) -> bool:
    """Whether a tag is a snapshot, or was one before it was damaged."""
    try:
        return snapshot.read(repository, ref, oid) is not None
    except Corrupt:
        return True
