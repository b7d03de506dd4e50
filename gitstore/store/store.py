"""A store and its models: where they are on disk. Nothing here writes.

Hooks and listings open no repository, and do not import what that takes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.errors import NoSuchSnapshot, NotAStore
from gitstore.names import name_problem
from gitstore.store.access import OPERATOR, User, no_such_model
from gitstore.store.config import load
from gitstore.store.config.schema import StoreConfig
from gitstore.store.names import SUFFIX, ModelName, SnapshotName, owner_problem, parse_model_name

if TYPE_CHECKING:
    from gitstore.git.repository import Repository
    from gitstore.ledger.ledger import Ledger
    from gitstore.models.model import Model
    from gitstore.models.snapshot import Snapshot

LEDGER, HOOKS, KEYS = "ledger.sqlite", "hooks", "keys"


@dataclass(frozen=True)
class StoreModel:
    """A model in a store: a bare repository. Its `directory` is ROOT/OWNER/MODEL.git."""

    owner: str
    name: str
    directory: Path

    @property
    def full_name(self) -> str:
        """OWNER/MODEL."""
        return f"{self.owner}/{self.name}"

    @property
    def model_name(self) -> ModelName:
        """The full name in its parts."""
        return ModelName(self.owner, self.name)

    def alone(self) -> StoreModel:
        """Return the same model, which is closed when the caller drops it.

        Whoever goes through all models of a store must not keep them open: a process has few descriptors.
        """
        return StoreModel(self.owner, self.name, self.directory)

    @cached_property
    def repository(self) -> Repository:
        """The repository. Raises `GitstoreError` if it cannot be opened."""
        from gitstore.git.repository import Repository

        return Repository(self.directory)

    def identify(self) -> Model:
        """Return the model, with the same open repository. Raises as `Model.identify`."""
        from gitstore.models.model import Model

        return Model.identify_in(self.repository)

    def measure_packs(self) -> int:
        """Return the bytes of the packs on the disk. The repository is not opened."""
        size = 0
        for path in (self.directory / "objects" / "pack").glob("*.pack"):
            with suppress(FileNotFoundError):  # gc removes it at this moment
                size += path.stat().st_size
        return size

    def read_snapshot(self, name: SnapshotName) -> Snapshot:
        """Return a snapshot of the model. Raises `NoSuchSnapshot`, and `Corrupt` if it cannot be read."""
        from gitstore.models import snapshot as snapshots

        oid = self.repository.refs.get(name.ref)
        snapshot = snapshots.read(self.repository, name.ref, oid) if oid is not None else None
        if snapshot is None:
            raise NoSuchSnapshot(
                f"{name.model} has no snapshot {name.snapshot}", "gitstore store show lists them"
            )
        return snapshot


class Store:
    """A directory with a store.yaml, and bare repositories in directories of their owners."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open the store at `root`. Raises `NotAStore`. store.yaml is read when it is first needed."""
        store = cls(root)
        if not store.config_path.is_file():
            raise NotAStore(
                f"{store.root} is not a store: it has no {load.FILE_NAME}",
                "gitstore store init creates one; --store ROOT names another",
            )
        return store

    @classmethod
    def discover(cls, directory: Path) -> Store:
        """Open the store that a directory is in. Raises `NotAStore`."""
        start = directory.absolute()
        for parent in (start, *start.parents):
            if (parent / load.FILE_NAME).is_file():
                return cls(parent)
        raise NotAStore(
            f"{start} is not in a store", "name one with --store ROOT, or in the variable GITSTORE_STORE"
        )

    @property
    def config_path(self) -> Path:
        """store.yaml."""
        return self.root / load.FILE_NAME

    @property
    def ledger_path(self) -> Path:
        """The file of the ledger."""
        return self.root / LEDGER

    @property
    def hooks_directory(self) -> Path:
        """The hooks that git runs in all repositories of the store."""
        return self.root / HOOKS

    @property
    def keys_directory(self) -> Path:
        """The public keys of people: USER.pub for each."""
        return self.root / KEYS

    @cached_property
    def config(self) -> StoreConfig:
        """The settings of the store. Raises `BadSettings`."""
        return load.load(self.config_path)

    def ledger(self) -> Ledger:
        """Open the ledger, which the caller closes. Raises `Corrupt` and `Locked`."""
        from gitstore.ledger.ledger import Ledger

        return Ledger.open(self.ledger_path)

    def path(self, name: ModelName) -> Path:
        """Return where a model's repository is, or would be. The name must have been checked."""
        return self.root / name.owner / f"{name.model}{SUFFIX}"

    def models(self) -> list[StoreModel]:
        """List the models by name. Repositories are not opened."""
        return [model for owner in self.owners() for model in self.models_of(owner)]

    def owners(self) -> list[str]:
        """List the owners that have a directory, by name."""
        return sorted(name for name in _list_directories(self.root) if owner_problem(name) is None)

    def models_of(self, owner: str) -> list[StoreModel]:
        """List the models of an owner by name."""
        found = []
        for entry in _list_directories(self.root / owner):
            name = entry.removesuffix(SUFFIX)
            if name != entry and name_problem(name) is None:
                found.append(StoreModel(owner, name, self.root / owner / entry))
        return sorted(found, key=lambda model: model.name)

    def find_model(self, name: str | ModelName, user: User = OPERATOR) -> StoreModel:
        """Return a model by OWNER/MODEL. Raises `AccessDenied` if there is none, and `InvalidName`.

        It does not look at roles: `user` only says to whom the message of the error is addressed.
        """
        parsed = parse_model_name(name) if isinstance(name, str) else name
        model = StoreModel(parsed.owner, parsed.model, self.path(parsed))
        if not (model.directory / "HEAD").is_file():
            raise no_such_model(user, parsed)
        return model

    def model_at(self, directory: Path) -> StoreModel:
        """Return the model whose repository is `directory`. Raises `NotAStore` if it is none of ours."""
        path = directory.resolve()
        name = path.name.removesuffix(SUFFIX)
        model = StoreModel(path.parent.name, name, path)
        if path.parent.parent != self.root.resolve() or path.name == name:
            raise NotAStore(f"{path} is not a repository of the store {self.root}")
        return model


def _list_directories(directory: Path) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
