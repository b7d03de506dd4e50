"""Renaming a state: its ref, its directory on disk, and the choice of the active state.

These cannot change at one instant. The new ref comes first and the old one goes last. Between the two,
both refs have the same commit. From that, the same command recognises a renaming that was killed, and
finishes it. The choice changes before the directory: a state that is only on disk has no ref, and its
directory is then still found under the old name.
"""

from __future__ import annotations

from gitstore.disk import locks
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostState
from gitstore.git.refs import RefChange
from gitstore.models import active_state, state
from gitstore.models.model import Model, check_name
from gitstore.workingcopy import state as working_state


def rename(model: Model, old: str, new: str) -> None:
    """Give a state another name, whether it is saved, on disk or both. An active state stays active.

    Raises `NoSuchState`, `StateExists` and `Locked`. Nothing has changed then, unless git locks a file
    between two steps; the same call again finishes that. The hook post-state runs at the end.
    """
    _rename(model, old, new)
    tree = state.find_saved_tree(model, new)
    event = PostState(
        model=model.name,
        change="renamed",
        state=new,
        renamed_from=old,
        tree=str(tree) if tree is not None else None,
    )
    dispatch.notify_post_hook(model.repository, event)


def _rename(model: Model, old: str, new: str) -> None:
    check_name(old, "state")
    state.check_new_name(model, new)
    if old == new:
        raise GitstoreError(f"the state is already called {old}", "choose another name")
    refs, repository = model.repository.refs, model.repository
    # `writing` shares the repository's lock: a gc that lists refs meanwhile might see neither of the two.
    with repository.writing(), locks.state_names(repository.private), working_state.locked_alone(model):
        oid, is_active = refs.get(model.state_ref(old)), model.active_state == old
        on_disk = state.has_files(model, old)
        _check(model, old, new)
        if oid is not None and refs.get(model.state_ref(new)) is None:
            refs.change([RefChange(model.state_ref(new), None, oid)], f"rename state {old} to {new}")
        if is_active:
            active_state.choose(repository, model.prefix, new)
        if on_disk:
            (model.claim_states() / old).rename(model.claim_states() / new)  # replaces an empty directory
        if oid is not None:
            refs.change([RefChange(model.state_ref(old), oid, None)], f"rename state {old} to {new}")


def _check(model: Model, old: str, new: str) -> None:
    refs = model.repository.refs
    old_oid, new_oid = refs.get(model.state_ref(old)), refs.get(model.state_ref(new))
    old_on_disk, new_on_disk = state.has_files(model, old), state.has_files(model, new)
    if old_oid is None and not old_on_disk:
        raise state.missing_error(old)
    begun = old_oid is not None and old_oid == new_oid
    if (not begun and (new_oid is not None or new_on_disk)) or (old_on_disk and new_on_disk):
        raise state.exists_error(new)
