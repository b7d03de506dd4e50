"""Making a model: a new repository from an example, or an existing repository adopted as it is."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gitstore import examples, settings
from gitstore.errors import GitstoreError, NotAModel
from gitstore.model import (
    CODE,
    FIRST_STATE,
    IGNORE,
    IGNORE_FILE,
    SETTINGS,
    STATES,
    Model,
    committed_file,
)
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
    existing = git.nearest(directory)
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
    git.identity(git.nearest(directory))  # fail before anything is made if git does not know who makes it
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
    _clear_interrupted(repository, name, example, code or CODE)
    _check_no_model(directory)
    if code is not None and not (directory / code).is_dir():
        raise GitstoreError(
            f"{directory / code} is not a directory", "--code names the directory that has the code"
        )
    repository.identity()
    added = _make(repository, name, example, code or CODE)
    return Created(Model.open(directory), adopted=True, files=tuple(added))


def _clear_interrupted(repository: Repository, name: str, example: str, code: str) -> None:
    """Take back what the same call has written that was killed before its commit.

    A file that a commit has, or that was changed since, stays; of one cut short the beginning goes.
    """
    top, head = repository.directory, repository.refs.get("HEAD")
    contents = _contents(name, example, code)
    listed = ("ls-tree", "--name-only", "-z", "HEAD", "--", *contents)
    known = os.fsdecode(repository.git(*listed)).split("\0") if head is not None else []
    for path in contents.keys() - set(known):
        found = (top / path).read_bytes() if (top / path).is_file() else b""
        if found and contents[path].startswith(found):
            _remove([path], top)
    rules = committed_file(repository, head, IGNORE_FILE) if head is not None else None
    ignore = top / IGNORE_FILE
    if ignore.is_file() and not _has_rule(rules) and ignore.read_bytes() == _with_rule(rules):
        _put_back(ignore, rules)


def _check_no_model(directory: Path) -> None:
    if os.path.lexists(directory / SETTINGS):
        raise GitstoreError(f"{directory} is a model already: it has a {SETTINGS}", "gitstore settings show")


def _make(repository: Repository, name: str, example: str, code: str) -> list[str]:
    """Add what a model needs and commit it; returns the files. After an error they are gone again."""
    top = repository.directory
    ignore = top / IGNORE_FILE
    rules = ignore.read_bytes() if ignore.exists() else None
    contents = _contents(name, example, code)
    missing = _missing(top, contents, code)
    try:
        for path in missing:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_bytes(contents[path])
        if not _has_rule(rules):
            ignore.write_bytes(_with_rule(rules))
        added = missing if _has_rule(rules) else [*missing, IGNORE_FILE]
        _commit(repository, added, name)
    except BaseException:
        _remove(missing, top)
        _put_back(ignore, rules)
        raise
    (top / STATES / FIRST_STATE).mkdir(parents=True, exist_ok=True)
    return added


def _contents(name: str, example: str, code: str) -> dict[str, bytes]:
    """The files of an example, as they are to be in a model of this name, by path."""
    source = examples.path(example)
    found = sorted(each.relative_to(source) for each in source.rglob("*") if each.is_file())
    contents = {
        each.as_posix(): (source / each).read_bytes() for each in found if "__pycache__" not in each.parts
    }
    changes = {"name": name, "code": code if code != CODE else None}
    return contents | {SETTINGS: settings.set_keys(contents[SETTINGS], changes)}


def _missing(top: Path, paths: Iterable[str], code: str) -> list[str]:
    """Those of the example's files that are not there; none of its code if there is some."""
    has_code = (top / code).exists()
    return [
        path
        for path in paths
        if not (has_code and path.startswith(f"{CODE}/")) and not os.path.lexists(top / path)
    ]


def _remove(names: list[str], top: Path) -> None:
    """Remove files, and the directories that are empty without them."""
    for name in names:
        (top / name).unlink(missing_ok=True)
        for folder in list((top / name).relative_to(top).parents)[:-1]:
            with contextlib.suppress(OSError):
                (top / folder).rmdir()


def _has_rule(rules: bytes | None) -> bool:
    """Whether a .gitignore, if there is one, keeps everyday git from the weights."""
    return IGNORE.strip().encode() in (rules or b"").splitlines()


def _with_rule(rules: bytes | None) -> bytes:
    rules = rules or b""
    return rules + (b"" if rules.endswith(b"\n") or not rules else b"\n") + IGNORE.encode()


def _put_back(ignore: Path, rules: bytes | None) -> None:
    if rules is None:
        ignore.unlink(missing_ok=True)
    else:
        ignore.write_bytes(rules)


def _commit(repository: Repository, added: list[str], name: str) -> None:
    """Commit the new files and nothing else that may be staged."""
    repository.git("add", "--force", "--", *added)
    try:
        message = f"Make {name} a gitstore model"
        repository.git("commit", "--quiet", "--no-verify", "--message", message, "--only", "--", *added)
    except GitstoreError:
        repository.git("reset", "--quiet", "--", *added)
        raise
