"""Creating a store, and models in it. Each appears whole and durable, at one instant."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gitstore.disk.atomic import replace_file, sync_directory
from gitstore.disk.construction import construction
from gitstore.errors import GitstoreError
from gitstore.git import config as git_config
from gitstore.git import process as git
from gitstore.outbox.events import ModelCreated
from gitstore.policy.role import Role
from gitstore.store import hooks
from gitstore.store.access import User, check_owner
from gitstore.store.config import load
from gitstore.store.git_settings import repository_settings
from gitstore.store.names import ModelName
from gitstore.store.receive.reconcile import check_unrecorded
from gitstore.store.store import Store, StoreModel

BRANCH = "main"

FIRST_CONFIG = b"""\
# The settings of this store; docs/store.md explains all keys.
# After a change, run: gitstore store init ROOT
owners: {}
#  ada:
#    members: {ada: admin, bob: write}
#    quota: {hard: 100GiB, soft: 80GiB}
"""


@dataclass(frozen=True)
class InitializedStore:
    """A store that was created, or whose hooks and repositories were brought up to date.

    `changed` says what was different: paths below the store.
    """

    store: Store
    created: bool
    changed: tuple[str, ...]


def init_store(root: Path) -> InitializedStore:
    """Create a store, or bring the hooks and the git configuration of an existing one up to date. Idempotent.

    store.yaml is never changed. Raises `BadSettings` if it is invalid, and `GitstoreError` if `root` is a
    directory that has other things in it.
    """
    root = root.absolute()
    created = not (root / load.FILE_NAME).exists()
    if created and root.is_dir() and any(not entry.name.startswith(".") for entry in root.iterdir()):
        raise GitstoreError(f"{root} exists and is not empty", "choose a new directory for the store")
    root.mkdir(parents=True, exist_ok=True)
    store = Store(root)
    if created:
        replace_file(store.config_path, FIRST_CONFIG)
        sync_directory(root.parent)
    config = store.config
    store.keys_directory.mkdir(exist_ok=True)
    changed = [f"{store.hooks_directory.name}/{name}" for name in hooks.write_hooks(store.hooks_directory)]
    settings = repository_settings(store.hooks_directory, config.limits)
    changed += [
        str(model.directory.relative_to(root)) for model in store.models() if _configure(model, settings)
    ]
    with store.ledger():
        pass  # it is created
    sync_directory(root)
    return InitializedStore(store, created, tuple(changed))


def find_wrong_settings(model: StoreModel, settings: dict[str, str]) -> dict[str, str]:
    """Return the settings that a repository lacks, or has otherwise."""
    values = git_config.read_file(model.directory / "config")
    return {
        key: value
        for key, value in settings.items()
        if values.get(git_config.fold_key(key), [])[-1:] != [value]
    }


def _configure(model: StoreModel, settings: dict[str, str]) -> bool:
    """Set what is wrong in a repository's configuration. Returns whether anything was."""
    wrong = find_wrong_settings(model, settings)
    for key, value in wrong.items():
        model.repository.local_config.set(key, value)
    return bool(wrong)


def create_model(store: Store, name: ModelName, *, user: User, now: int) -> StoreModel:
    """Create an empty model. `now` is in microseconds since 1970, UTC.

    Raises `AccessDenied` unless the user may write for the owner, and `GitstoreError` if it exists.
    """
    check_owner(store.config, user, name.owner, needed=Role.WRITE)
    place = store.path(name)
    check_new(store, name)
    with store.ledger() as ledger:
        check_unrecorded(ledger, store, name, now=now)
    with construction(place) as directory:
        build_repository(store, directory)
    record_model(store, name, user=user, now=now)
    return StoreModel(name.owner, name.model, place)


def check_new(store: Store, name: ModelName) -> None:
    """Raise `GitstoreError` if there is such a model, or one that differs in capital letters only."""
    folded = str(name).casefold()
    for owner in store.owners():
        if owner != name.owner and owner.casefold() == name.owner.casefold():
            raise GitstoreError(f"there is an owner {owner} already", "use that spelling, or another name")
    for model in store.models_of(name.owner):
        if model.full_name.casefold() == folded:
            raise GitstoreError(f"there is a model {model.full_name} already", "choose another name")
    if os.path.lexists(store.path(name)):
        raise GitstoreError(f"{store.path(name)} exists, and is not a model", "its operator must remove it")


def build_repository(store: Store, directory: Path) -> None:
    """Fill an empty directory with a bare repository that has the configuration of the store."""
    git.run(
        "init", "--quiet", "--bare", *git.FORMAT, f"--initial-branch={BRANCH}", "--template=", str(directory),
        cwd=directory,
    )  # fmt: skip
    settings = repository_settings(store.hooks_directory, store.config.limits)
    git_config.append(directory / "config", settings.items())


def record_model(store: Store, name: ModelName, *, user: User, now: int) -> None:
    """Record a model in the ledger, with its event, unless it is recorded already."""
    event = ModelCreated(time=now, owner=name.owner, model=name.model, user=user.name or None)
    with store.ledger() as ledger:
        ledger.create(str(name), now=now, event=event)
