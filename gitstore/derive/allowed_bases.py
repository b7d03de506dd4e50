"""Which snapshots a derived model can move to: those of its base's model, unless they depend on it."""

from __future__ import annotations

from gitstore.errors import GitstoreError
from gitstore.models import snapshot
from gitstore.models.model import Model, has_derived_model, identify_branch
from gitstore.models.reference import RemoteSnapshot
from gitstore.models.snapshot import Snapshot
from gitstore.settings import BasedOn
from gitstore.url import without_credentials


def require_base(model: Model) -> BasedOn:
    """Return what a model is based on. Raises `GitstoreError` if it has no base, or is detached."""
    if model.base is None:
        raise GitstoreError(
            f"{model.name} is not a derived model, so it cannot be rebased",
            "gitstore derive creates a model that is based on a snapshot",
        )
    if model.base.detached:
        raise GitstoreError(
            f"{model.name} is detached from its base: it has its own code",
            "git merge adds another snapshot's code; gitstore derive creates a new model based on it",
        )
    return model.base


def require_same_repository(model: Model, source: Snapshot | RemoteSnapshot) -> Snapshot:
    """Return the new base of a model in a worktree. Raises `GitstoreError` if it is in another repository."""
    if isinstance(source, Snapshot) and source.repository.common == model.repository.common:
        return source
    name = (
        source.full_name
        if isinstance(source, Snapshot)
        else f"{source.names[0]} in {without_credentials(source.url)}"
    )
    raise GitstoreError(
        f"{name} is in another repository, but a model in a worktree needs a base in its own repository",
        "gitstore list --all lists the snapshots of this repository; gitstore derive creates a new model",
    )


def check_base(model: Model, base: Snapshot, *, old_base: BasedOn, force: bool) -> None:
    """Raise `GitstoreError` if a new base depends on the model.

    Raises `GitstoreError` also if it is a snapshot of another model than the old base, unless `force` is set.
    """
    is_same_repository = base.repository.common == model.repository.common
    if is_same_repository and base.prefix == model.prefix:
        raise GitstoreError(
            f"{base.full_name} is a snapshot of {model.name} itself", f"name a snapshot of {old_base.model}"
        )
    if _depends_on(base, model) if is_same_repository else _descends_from(base, model):
        raise GitstoreError(
            f"{base.full_name} is itself based on {model.name}",
            f"name a snapshot of {old_base.model}",
        )
    prefix = f"{old_base.model}/" if has_derived_model(model.repository, old_base.model) else ""
    is_of_another = base.prefix != prefix if is_same_repository else base.model != old_base.model
    if is_of_another and not force:
        raise GitstoreError(
            f"{base.full_name} is not a snapshot of {old_base.model}, which {model.name} is based on",
            "--force moves it anyway",
        )


def _depends_on(base: Snapshot, model: Model) -> bool:
    """Whether a snapshot is based on a model: when it was taken, or by what its own model is based on now."""
    identity = identify_branch(base.repository, base.model) if base.prefix else None
    bases = (base.settings.based_on, identity.base if identity is not None else None)
    lines = (
        Model(base.repository, base.model, base.prefix, based_on).list_base_names() for based_on in bases
    )
    return any(model.name in line for line in lines)


def _descends_from(base: Snapshot, model: Model) -> bool:
    """Whether a snapshot in another repository has a snapshot of the model in its history."""
    commits = {own.commit for own in snapshot.read_own_snapshots(model)}
    objects = base.repository.objects
    return any(commit in objects and base.repository.is_ancestor(commit, base.commit) for commit in commits)
