"""Checking how a store is set up. It reads configuration and permissions, and no object."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gitstore.disk.directories import find_abandoned
from gitstore.disk.processes import is_alive
from gitstore.errors import BadSettings, GitstoreError
from gitstore.store import hooks
from gitstore.store.create import find_wrong_settings
from gitstore.store.git_settings import repository_settings
from gitstore.store.quarantines import find_left_quarantines
from gitstore.store.store import Store, StoreModel

INIT, COLLECT = "gitstore store init", "gitstore store gc"


class StoreProblem(NamedTuple):
    """What is wrong, where, and what to do. `path` is relative to the store."""

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"


@dataclass(frozen=True)
class StoreReport:
    """How many models were checked, and the problems."""

    models: int
    problems: tuple[StoreProblem, ...]


def check_store(store: Store) -> StoreReport:
    """Check a store. An invalid store.yaml is a problem like others; repositories are not checked then."""
    models = store.models()
    problems = [*_check_permissions(store, models), *_check_hooks(store), *_check_ledger(store, models)]
    try:
        settings = repository_settings(store.hooks_directory, store.config.limits)
    except BadSettings as error:
        problems += [_from_line(store, line) for line in error.problems]
    else:
        for model in models:
            problems += _check_model(store, model, settings)
    return StoreReport(len(models), (*problems, *_check_leftovers(store, models)))


def _from_line(store: Store, line: str) -> StoreProblem:
    """Return a problem in store.yaml, which is one line of text already."""
    place, _, problem = line.removeprefix(f"{store.root}/").partition(": ")
    return StoreProblem(place, problem, "until then, all pushes are refused")


def _relative(store: Store, path: Path) -> str:
    return str(path.relative_to(store.root))


def _check_permissions(store: Store, models: Sequence[StoreModel]) -> Iterator[StoreProblem]:
    """Yield what others than the owner may change: whoever writes hooks or configuration owns the store."""
    owner = store.root.stat().st_uid
    paths = [store.root, store.config_path, store.hooks_directory, store.keys_directory, store.ledger_path]
    paths += [store.hooks_directory / name for name in hooks.NAMES]
    paths += [store.root / name for name in store.owners()]
    paths += [path for model in models for path in (model.directory, model.directory / "config")]
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        shown = _relative(store, path)
        if stat.S_IMODE(status.st_mode) & stat.S_IWOTH:
            yield StoreProblem(shown, "may be written by everybody", f"run chmod o-w {path}")
        if status.st_uid not in (owner, 0):
            yield StoreProblem(shown, "belongs to another user than the store", f"run chown {owner} {path}")


def _check_hooks(store: Store) -> Iterator[StoreProblem]:
    for name in hooks.list_changed(store.hooks_directory):
        path = store.hooks_directory / name
        if not path.exists():
            problem = "is missing"
        elif not os.access(path, os.X_OK):
            problem = "is not executable, so git does not run it"
        else:
            problem = "is not the hook that this gitstore writes"
        yield StoreProblem(_relative(store, path), problem, f"{INIT} writes it")


def _check_ledger(store: Store, models: Sequence[StoreModel]) -> Iterator[StoreProblem]:
    """Yield which models the ledger lacks or has too many, and the pushes that nobody has finished."""
    name = store.ledger_path.name
    if not store.ledger_path.exists():
        yield StoreProblem(name, "is missing", f"restore it from a backup; {INIT} makes an empty one")
        return
    try:
        with store.ledger() as ledger:
            recorded, pending = set(ledger.models()), ledger.pending()
    except GitstoreError as error:
        yield StoreProblem(name, error.message, error.hint or "restore it from a backup")
        return
    existing = {model.full_name for model in models}
    for model in sorted(existing - recorded):
        yield StoreProblem(f"{model}.git", "is not in the ledger", f"{COLLECT} records it")
    alive = {push.model for push in pending if is_alive(push.process)}
    for model in sorted(recorded - existing - alive):
        yield StoreProblem(f"{model}.git", "is gone, and still in the ledger", f"{COLLECT} records that")
    for model in sorted({push.model for push in pending if not is_alive(push.process)} & existing):
        yield StoreProblem(f"{model}.git", "has a reservation of a killed push", f"{COLLECT} ends it")


def _check_leftovers(store: Store, models: Sequence[StoreModel]) -> Iterator[StoreProblem]:
    """Yield what killed commands and pushes left on the disk."""
    for directory in (store.root, *(store.root / owner for owner in store.owners())):
        for path in find_abandoned(directory):
            yield StoreProblem(
                _relative(store, path), "was left by a killed command", f"{COLLECT} removes it"
            )
    for model in models:
        for path in find_left_quarantines(model.directory):
            yield StoreProblem(_relative(store, path), "was left by a killed push", f"{COLLECT} removes it")


def _check_model(store: Store, model: StoreModel, settings: dict[str, str]) -> Iterator[StoreProblem]:
    shown = _relative(store, model.directory)
    try:
        wrong = find_wrong_settings(model, settings)
    except GitstoreError as error:
        yield StoreProblem(shown, error.message, "restore it from a backup")
        return
    if not (model.directory / "HEAD").is_file():
        yield StoreProblem(
            f"{shown}/HEAD", "is missing, so this is no repository", "restore it from a backup"
        )
    for key in wrong:
        yield StoreProblem(f"{shown}/config", f"{key} is not {settings[key]!r}", f"{INIT} sets it")
    if (model.directory / "objects" / "info" / "alternates").exists():
        yield StoreProblem(
            f"{shown}/objects/info/alternates", "exists", "run git repack -a -d there, then remove it"
        )
    if os.path.lexists(model.directory / "hooks"):
        yield StoreProblem(f"{shown}/hooks", "exists, and git ignores it", "remove it")
    if model.directory.is_symlink() or model.directory.parent.is_symlink():
        yield StoreProblem(shown, "is a symbolic link", "move the repository itself here")
