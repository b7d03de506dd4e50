"""The code of a snapshot that is taken: as it is on disk, or as it is committed in a bare repository."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import PurePosixPath

from gitstore.bigfiles import stored
from gitstore.errors import GitstoreError
from gitstore.models.model import CODE, SETTINGS, Model
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind
from gitstore.settings import BasedOn, Settings
from gitstore.staging import rules
from gitstore.staging.stage import Staged, stage_code
from gitstore.staging.working_files import is_beside
from gitstore.text import list_some
from gitstore.units import format_size


def add_code(model: Model, settings: Settings, writer: ObjectWriter) -> Staged:
    """Add a model's code to a write; returns what it is.

    `settings` are the settings of the snapshot that it is for. Raises `GitstoreError` for code that is not
    there, or that a snapshot cannot hold: too large, not the base's, nested repositories, links out of
    it, what cannot be read or git would change.
    """
    size_limit = partial(check_size, settings)
    if model.repository.is_bare:
        staged = _stage_committed(model, settings, writer)
        size_limit(staged.size)
    else:
        staged = stage_code(model.repository, writer, PurePosixPath(settings.code), check_size=size_limit)
    if model.pinned_base is not None:
        _check_base_code(model, model.pinned_base, staged)
    return staged


def check_unchanged(staged: Staged) -> None:
    """Raise `FileChanged` unless the code on disk still is what was added to a write."""
    if staged.scanned is not None:
        staged.scanned.check_unchanged()


def check_size(settings: Settings, size: int) -> None:
    """Raise `GitstoreError` for code that is larger than the settings allow."""
    if size > settings.filesystem_size:
        raise GitstoreError(
            f"{settings.code}/ has {format_size(size)}, more than filesystem_size in {SETTINGS} allows"
            f" ({format_size(settings.filesystem_size)})",
            "raise filesystem_size, or make git ignore what is not code; weights belong in states/",
        )


def _stage_committed(model: Model, settings: Settings, writer: ObjectWriter) -> Staged:
    """Stage the code of the branch head, in a bare repository."""
    at = PurePosixPath(settings.code)
    code_tree = model.find_committed_code(at, partial(writer.add, Kind.TREE))
    whole_tree = model.find_committed_code(at)
    if code_tree is None or whole_tree is None:
        raise GitstoreError(f"the branch head has no {settings.code}/, so there is no code to take")
    objects = model.repository.objects
    files = {
        path: entry
        for path, entry in stored.list_entries(objects, whole_tree).items()
        if not is_beside(at, path)
    }
    rules.check_trees(objects, at, whole_tree)
    rules.check_stored(objects, at, files)
    return Staged(code_tree, sum(objects.size(oid) for _, oid in files.values()), files)


def _check_base_code(model: Model, base: BasedOn, staged: Staged) -> None:
    """Raise `GitstoreError` unless a derived model's code is its base's, by object id."""
    tree_oid = model.find_base_code(base)
    if staged.tree == tree_oid:
        return
    base_files = stored.list_entries(model.repository.objects, tree_oid)
    paths = base_files.keys() | staged.files.keys()
    different = {path for path in paths if base_files.get(path) != staged.files.get(path)}
    first = min(different)
    if first not in base_files:
        how, mend = "is not in", f"rm {shlex.quote(f'{CODE}/{first}')} removes it"
    else:
        how = "differs from" if first in staged.files else "is missing, but is in"
        mend = f"git checkout {base.commit[:12]} -- {shlex.quote(f'{CODE}/{first}')} restores it"
    if len(different) > 1:
        how = "differ from"
    names = list_some(f"{CODE}/{path}" for path in sorted(different))
    raise GitstoreError(
        f"{names} {how} the base {base.full_name}; {model.name} has no code of its own",
        f"{mend}; to change the code, change it in {base.model}, take a snapshot there and rebase on that,"
        " or make it the model's own with gitstore detach",
    )
