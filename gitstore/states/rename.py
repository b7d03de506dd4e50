"""Renaming a state: its ref, its directory on disk, and the choice of the active state.

These cannot change at one instant, so they change in an order in which each step leaves all in order: the
new ref comes first and the old one goes last, and between the two the state has both names, for the
same commit. That is how a repeat knows a renaming that was killed, and finishes it. The choice changes
before the directory: of a state that is only on disk, that is what a repeat finds under the old name.
"""

from __future__ import annotations

from gitstore.disk import locks
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostState
from gitstore.git.refs import Change
from gitstore.models import active_state, state
from gitstore.models.model import Model, check_name
from gitstore.workingcopy import state as working_state


def rename(model: Model, old: str, new: str) -> None:
    """Call a state otherwise, saved, on disk or both. If it is the active one, it stays that.

    Raises `NoSuchState`, `StateExists` and `Locked`; nothing is changed then, unless git locks a file in
    the midst, where a repeat finishes it. The hook post-state runs when all is done.
    """
    _rename(model, old, new)
    tree = state.saved_tree(model, new)
    event = PostState(
        model=model.name,
        change="renamed",
        state=new,
        renamed_from=old,
        tree=str(tree) if tree is not None else None,
    )
    dispatch.tell(model.repository, event)


def _rename(model: Model, old: str, new: str) -> None:
    check_name(old, "state")
    state.check_vacant(model, new)
    if old == new:
        raise GitstoreError(f"the state is called {old} already", "choose another name")
    refs, repository = model.repository.refs, model.repository
    # Sharing the repository's lock: a gc that lists refs meanwhile might see neither of the two.
    with repository.writing(), locks.state_names(repository.private), working_state.alone(model):
        oid, is_active = refs.get(model.state_ref(old)), state.active(model) == old
        on_disk = state.has_files(model, old)
        _check(model, old, new)
        if oid is not None and refs.get(model.state_ref(new)) is None:
            refs.change([Change(model.state_ref(new), None, oid)], f"rename state {old} to {new}")
        if is_active:
            active_state.choose(repository, model.prefix, new)
        if on_disk:
            (model.states / old).rename(model.states / new)  # over an empty directory, if one is there
        if oid is not None:
            refs.change([Change(model.state_ref(old), oid, None)], f"rename state {old} to {new}")


def _check(model: Model, old: str, new: str) -> None:
    refs = model.repository.refs
    before, after = refs.get(model.state_ref(old)), refs.get(model.state_ref(new))
    was_there, is_there = state.has_files(model, old), state.has_files(model, new)
    if before is None and not was_there:
        raise state.missing(old)
    begun = before is not None and before == after
    if (not begun and (after is not None or is_there)) or (was_there and is_there):
        raise state.taken(new)
