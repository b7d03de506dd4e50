"""Making a model: a new repository from an example, or an existing repository adopted as it is."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from gitstore import examples, settings
from gitstore.errors import GitstoreError, NotAModel
from gitstore.model import CODE, FIRST_STATE, IGNORE, IGNORE_FILE, SETTINGS, STATES, Model
from gitstore.names import name_problem
from gitstore.objects import extract, git
from gitstore.objects.repository import Repository

SKELETON = "skeleton"
"""The example that a model is made from unless another is asked for."""


@dataclass(frozen=True)
class Created:
    """A new model, whether its repository was there before, and the files that were added to it."""

    model: Model
    adopted: bool
    files: tuple[str, ...]


def create(
    directory: Path, *, name: str | None = None, example: str = SKELETON, code: str | None = None
) -> Created:
    """Make `directory` a model and commit what that adds.

    A repository's top is adopted: files that are there stay as they are, and code may be in another
    directory, `code`. Anything else becomes a new repository. `name` is the directory's unless given.
    Raises `GitstoreError` for a directory within somebody else's repository, or one that is a model.
    """
    directory = directory.absolute()
    name = name or directory.name
    problem = name_problem(name)
    if problem is not None:
        raise GitstoreError(f"{name!r} cannot be the name of a model: it {problem}", "name it with --name")
    repository = _surrounding(directory)
    if repository is None:
        if code is not None:
            raise GitstoreError(
                f"{directory} has no repository to adopt, so there is no {code}/", "leave out --code"
            )
        return _new(directory, name, example)
    return _adopt(repository, name, example, code)


def _surrounding(directory: Path) -> Repository | None:
    """The repository that `directory` is the top of, if it is one's."""
    existing = next(parent for parent in (directory, *directory.parents) if parent.is_dir())
    try:
        repository = Repository.discover(existing)
    except NotAModel:
        return None
    if existing != directory:
        return None  # a new directory becomes a new repository, wherever it lies: as git init does it
    if repository.is_bare:
        raise GitstoreError(
            f"{directory} is in a bare repository", "make the model in a clone, and push it there"
        )
    if repository.directory.resolve() != directory.resolve():
        raise GitstoreError(
            f"{directory} lies in the git repository {repository.directory}",
            f"gitstore init {repository.directory} makes that a model;"
            " git init makes this a repository of its own",
        )
    return repository


def _new(directory: Path, name: str, example: str) -> Created:
    """A model in a new repository. A directory that did not exist appears whole or not at all."""
    _check_identity(directory)
    if directory.exists():
        # It stays the directory it is, for a shell may stand in it.
        _check_no_model(directory)
        try:
            added = _make(Repository.create(directory), name, example, CODE)
        except BaseException:
            shutil.rmtree(directory / ".git", ignore_errors=True)
            raise
    else:
        with extract.staging(directory) as staging:
            added = _make(Repository.create(staging), name, example, CODE)
    return Created(Model.open(directory), adopted=False, files=tuple(added))


def _adopt(repository: Repository, name: str, example: str, code: str | None) -> Created:
    directory = repository.directory
    _check_no_model(directory)
    if code is not None and not (directory / code).is_dir():
        raise GitstoreError(
            f"{directory / code} is not a directory", "--code names the directory that has the code"
        )
    repository.identity()
    added = _make(repository, name, example, code or CODE)
    return Created(Model.open(directory), adopted=True, files=tuple(added))


def _check_identity(directory: Path) -> None:
    """Fail before anything is made if git would not know who makes it."""
    existing = next(parent for parent in (directory, *directory.parents) if parent.is_dir())
    git.identity(existing)


def _check_no_model(directory: Path) -> None:
    if os.path.lexists(directory / SETTINGS):
        raise GitstoreError(f"{directory} is a model already: it has a {SETTINGS}", "gitstore settings show")


def _make(repository: Repository, name: str, example: str, code: str) -> list[str]:
    """Add what a model needs and commit it; returns the files. After an error they are gone again."""
    top = repository.directory
    ignore = top / IGNORE_FILE
    rules = ignore.read_bytes() if ignore.exists() else None
    missing = _missing(top, example, code)
    try:
        _copy(example, missing, top)
        changes = {"name": name, "code": code if code != CODE else None}
        (top / SETTINGS).write_bytes(settings.set_keys((top / SETTINGS).read_bytes(), changes))
        added = [*missing, IGNORE_FILE] if _ignore_states(ignore, rules or b"") else missing
        _commit(repository, added, name)
    except BaseException:
        _remove(missing, top)
        if rules is None:
            ignore.unlink(missing_ok=True)
        else:
            ignore.write_bytes(rules)
        raise
    (top / STATES / FIRST_STATE).mkdir(parents=True, exist_ok=True)
    return added


def _missing(top: Path, example: str, code: str) -> list[str]:
    """The example's files that are not there; none of its code if there is some."""
    source, has_code = examples.path(example), (top / code).exists()
    found = sorted(each.relative_to(source) for each in source.rglob("*") if each.is_file())
    return [
        relative.as_posix()
        for relative in found
        if "__pycache__" not in relative.parts
        and not (has_code and relative.parts[0] == CODE)
        and not os.path.lexists(top / relative)
    ]


def _copy(example: str, names: list[str], top: Path) -> None:
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(examples.path(example) / name, top / name)


def _remove(names: list[str], top: Path) -> None:
    """Remove files, and the directories that are empty without them."""
    for name in names:
        (top / name).unlink(missing_ok=True)
        for folder in list((top / name).relative_to(top).parents)[:-1]:
            with contextlib.suppress(OSError):
                (top / folder).rmdir()


def _ignore_states(path: Path, rules: bytes) -> bool:
    """Add the rule to .gitignore, which has these; whether it was missing."""
    if IGNORE.strip().encode() in rules.splitlines():
        return False
    path.write_bytes(rules + (b"" if rules.endswith(b"\n") or not rules else b"\n") + IGNORE.encode())
    return True


def _commit(repository: Repository, added: list[str], name: str) -> None:
    """Commit the new files and nothing else that may be staged."""
    repository.git("add", "--force", "--", *added)
    try:
        message = f"Make {name} a gitstore model"
        repository.git("commit", "--quiet", "--no-verify", "--message", message, "--only", "--", *added)
    except GitstoreError:
        repository.git("reset", "--quiet", "--", *added)
        raise
