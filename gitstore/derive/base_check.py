"""Which snapshots a derived model can be based on: of its base's line, and no descendants of its own."""

from __future__ import annotations

from gitstore.errors import GitstoreError
from gitstore.models import snapshot
from gitstore.models.model import Model, is_derived, on_branch
from gitstore.models.reference import Elsewhere
from gitstore.models.snapshot import Snapshot
from gitstore.settings import BasedOn
from gitstore.url import without_credentials


def base_of(model: Model) -> BasedOn:
    """What a model is based on. Raises `GitstoreError` if that is nothing, or if it is detached."""
    if model.base is None:
        raise GitstoreError(
            f"{model.name} is not based on a snapshot, so it cannot move to another",
            "gitstore derive makes a model that is",
        )
    if model.base.detached:
        raise GitstoreError(
            f"{model.name} is detached: its code is its own",
            "git merge brings another snapshot's code in; gitstore derive makes a new model of it",
        )
    return model.base


def in_same_repository(model: Model, source: Snapshot | Elsewhere) -> Snapshot:
    """The new base of a model with a worktree. Raises `GitstoreError` if it is in another repository."""
    if isinstance(source, Snapshot) and source.repository.common == model.repository.common:
        return source
    which = (
        source.full_name
        if isinstance(source, Snapshot)
        else f"{source.names[0]} in {without_credentials(source.url)}"
    )
    raise GitstoreError(
        f"{which} is in another repository, and a worktree cannot leave its own",
        "gitstore list --all shows the snapshots of this one; gitstore derive makes a new model of that",
    )


def check(model: Model, before: BasedOn, base: Snapshot, *, force: bool) -> None:
    """Raise `GitstoreError` for a base that depends on the model, or unless forced is of another line."""
    same = base.repository.common == model.repository.common
    if same and base.prefix == model.prefix:
        raise GitstoreError(
            f"{base.full_name} is a snapshot of {model.name} itself", f"name one of {before.model}"
        )
    if _depends_on(base, model) if same else _descends_from(base, model):
        raise GitstoreError(
            f"{base.full_name} is based on {model.name}, which cannot be based on it in turn",
            f"name a snapshot of {before.model}",
        )
    above = f"{before.model}/" if is_derived(model.repository, before.model) else ""
    is_of_another = base.prefix != above if same else base.model != before.model
    if is_of_another and not force:
        raise GitstoreError(
            f"{base.full_name} is no snapshot of {before.model}, which {model.name} is based on",
            "--force moves it there all the same",
        )


def _depends_on(base: Snapshot, model: Model) -> bool:
    """Whether a snapshot is based on a model, as it was taken or as its own model is now."""
    identity = on_branch(base.repository, base.model) if base.prefix else None
    above = (base.settings.based_on, identity.base if identity is not None else None)
    lines = (Model(base.repository, base.model, base.prefix, each).line() for each in above)
    return any(model.name in line for line in lines)


def _descends_from(base: Snapshot, model: Model) -> bool:
    """Whether a snapshot in another repository has a snapshot of the model in its history."""
    own = {each.commit for each in snapshot.below(model)}
    objects = base.repository.objects
    return any(each in objects and base.repository.is_ancestor(each, base.commit) for each in own)
