"""Making a model: a new repository from an example, or an existing repository adopted as it is.

All is checked before anything is written. What is there stays, and only what this call made is taken
back if it fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gitstore import settings
from gitstore.disk.afterwards import only_warn
from gitstore.disk.construction import construction
from gitstore.disk.hidden_names import is_hidden_name
from gitstore.errors import GitstoreError, InvalidName
from gitstore.git import config, discovery
from gitstore.git import process as git
from gitstore.git.repository import Repository
from gitstore.layout import CODE, SETTINGS, STATES, TOP
from gitstore.models import examples, new_files
from gitstore.models.model import FIRST_STATE, IGNORE, IGNORE_FILE, Model, read_committed_file
from gitstore.names import name_problem
from gitstore.objects.paths import find_entry
from gitstore.packs.oid import Oid
from gitstore.settings import rules

SKELETON = "skeleton"
"""The example that a model is made from unless another is asked for."""


@dataclass(frozen=True)
class CreatedModel:
    """A new model, whether its repository was there before, and the files that were added to it."""

    model: Model
    adopted: bool
    files: tuple[str, ...]


@dataclass(frozen=True)
class _Plan:
    """What makes a directory a model: files to write, and all those to commit, of earlier attempts too."""

    name: str
    written: Mapping[str, bytes]
    replaced: Mapping[str, bytes]
    committed: tuple[str, ...]


def create_model(
    directory: Path, *, name: str | None = None, example: str = SKELETON, code: str | None = None
) -> CreatedModel:
    """Make `directory` a model and commit what that adds.

    A repository's top is adopted: files that are there stay as they are, and code may be in another
    directory, `code`, or at the top, `.`. Anything else becomes a new repository. `name` is the
    directory's unless given. Raises `GitstoreError`, before anything is written, for a directory within
    somebody else's repository, one that is a model, one whose `.git` is damaged, and for a name or
    a code directory that cannot be.
    """
    directory = directory.absolute()
    name = name or directory.name
    problem = name_problem(name)
    if problem is not None:
        raise InvalidName(
            f"{name!r} cannot be the name of a model: it {problem}", "choose another name with --name NAME"
        )
    place = _parse_code_directory(code)
    repository = _find_repository(directory)
    if code is not None and not directory.exists():
        raise GitstoreError(f"{directory} is new, so there is no {place}/ in it", "leave out --code")
    if repository is None:
        return _create_repository(directory, name, example=example, code=place, is_named=code is not None)
    plan = _make_plan(directory, repository, name, example=example, code=place, is_named=code is not None)
    repository.identity()
    with _write_files(directory, plan):
        _commit(repository, plan)
    return _finish_model(directory, plan, adopted=True)


def _parse_code_directory(code: str | None) -> PurePosixPath:
    """Return the code directory as the settings name it. Raises `GitstoreError` if they cannot."""
    if code is None:
        return PurePosixPath(CODE)
    path = PurePosixPath(code)  # `src/`, `./src` and `src/.` are `src`
    problem = rules.code_problem(str(path)) if code else "is empty"
    if problem is not None:
        raise GitstoreError(
            f"--code {code!r} {problem}", "name a directory in the repository, like src, or . for its top"
        )
    return path


def _find_repository(directory: Path) -> Repository | None:
    """Return the repository whose top is `directory`; `None` if there is none."""
    if not directory.is_dir():
        return None  # a new directory becomes a new repository, wherever it lies: as git init does it
    location = discovery.find_repository(directory)
    if location is None:
        return None
    repository = Repository(location.git_directory, location.top)
    if repository.is_bare:
        raise GitstoreError(
            f"{directory} is in a bare repository", "create the model in a clone, and push it"
        )
    if repository.directory.resolve() != directory.resolve():
        raise GitstoreError(
            f"{directory} is inside the git repository {repository.directory}",
            f"gitstore init {repository.directory} turns that repository into a model;"
            f" git init {directory} makes a repository of its own there",
        )
    return repository


def _create_repository(
    directory: Path, name: str, *, example: str, code: PurePosixPath, is_named: bool
) -> CreatedModel:
    """Create a model in a new repository. A directory that did not exist appears whole or not at all."""
    # Fail before anything is made if git does not know who makes it.
    config.read_identity(git.nearest_directory(directory))
    if not directory.is_dir():
        with construction(directory, durable=False) as hidden:
            plan = _make_plan(hidden, None, name, example=example, code=code)
            repository = Repository.create(hidden)
            with _write_files(hidden, plan):
                _commit(repository, plan)
        return _finish_model(directory, plan, adopted=False)
    # It stays the directory it is, for a shell may stand in it; .git comes last, whole.
    own = directory / ".git"
    if os.path.lexists(own) and not (own.is_dir() and not any(own.iterdir())):
        raise GitstoreError(f"{own} exists, but is not a git repository", "move it away")
    plan = _make_plan(directory, None, name, example=example, code=code, is_named=is_named)
    with _write_files(directory, plan), construction(own) as hidden:
        _commit(Repository.create(directory, git_directory=hidden), plan)
    return _finish_model(directory, plan, adopted=False)


def _write_files(top: Path, plan: _Plan) -> AbstractContextManager[None]:
    new_files.sweep_leftovers(top, {*plan.committed, IGNORE_FILE})
    return new_files.add_files(top, plan.written, replaced=plan.replaced)


def _finish_model(directory: Path, plan: _Plan, *, adopted: bool) -> CreatedModel:
    (directory / STATES / FIRST_STATE).mkdir(parents=True, exist_ok=True)
    return CreatedModel(Model.open(directory), adopted=adopted, files=plan.committed)


def _make_plan(
    top: Path,
    repository: Repository | None,
    name: str,
    *,
    example: str,
    code: PurePosixPath,
    is_named: bool = False,
) -> _Plan:
    """Find out what has to be added. Writes nothing. Raises `GitstoreError` if it cannot be added."""
    contents = _read_example(name, example, code)
    settings.parse(contents[SETTINGS])
    head = repository.refs.get("HEAD") if repository is not None else None
    committed = (
        _list_committed(repository, head, contents) if repository is not None and head is not None else set()
    )
    # Those of an earlier attempt that was killed before its commit.
    own = {path for path in contents.keys() - committed if _is_file_with(top / path, contents[path])}
    if SETTINGS in committed or (os.path.lexists(top / SETTINGS) and SETTINGS not in own):
        raise GitstoreError(
            f"{top} is already a model: it has a {SETTINGS}", "gitstore settings show prints its settings"
        )
    has_code = _has_code(top, code, own)
    if is_named and not (top / code).is_dir():
        raise GitstoreError(
            f"{top / code} is not a directory", "--code names the directory that has the code"
        )
    needed = [path for path in contents if not (has_code and PurePosixPath(path).parts[0] == CODE)]
    missing = [path for path in needed if path not in own and not os.path.lexists(top / path)]
    _check_directories(top, [*missing, f"{code}/any", f"{STATES}/{FIRST_STATE}/any"])
    written = {path: contents[path] for path in missing}
    added = [path for path in needed if path in own or path in written]
    return _add_ignore_rule(top, repository, _Plan(name, written, {}, tuple(added)))


def _add_ignore_rule(top: Path, repository: Repository | None, plan: _Plan) -> _Plan:
    """Add what keeps everyday git from the weights: a line in .gitignore, if it is not there."""
    ignore = top / IGNORE_FILE
    if os.path.lexists(ignore) and (ignore.is_symlink() or not ignore.is_file()):
        raise GitstoreError(f"{ignore} is not a regular file, so git does not read it", "move it away")
    old = ignore.read_bytes() if ignore.exists() else None
    head = repository.refs.get("HEAD") if repository is not None else None
    committed = (
        read_committed_file(repository, head, IGNORE_FILE) if repository and head is not None else None
    )
    if _has_ignore_rule(old):
        before = new_files.read_replaced(ignore) or committed
        is_ours = not _has_ignore_rule(committed) and old == _append_ignore_rule(
            before
        )  # of an earlier attempt
        return _Plan(
            plan.name, plan.written, {}, (*plan.committed, IGNORE_FILE) if is_ours else plan.committed
        )
    content = {IGNORE_FILE: _append_ignore_rule(old)}
    written = plan.written if old is not None else {**plan.written, **content}
    return _Plan(plan.name, written, content if old is not None else {}, (*plan.committed, IGNORE_FILE))


def _read_example(name: str, example: str, code: PurePosixPath) -> dict[str, bytes]:
    """Return the files of an example by path, as a model of this name has them."""
    source = examples.find_path(example)
    paths = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    contents = {
        path.as_posix(): (source / path).read_bytes() for path in paths if "__pycache__" not in path.parts
    }
    changes = {"name": name, "code": str(code) if str(code) != CODE else None}
    return contents | {SETTINGS: settings.set_keys(contents[SETTINGS], changes)}


def _list_committed(repository: Repository, head: Oid, paths: Iterable[str]) -> set[str]:
    """Return the paths, of those given, that a commit has."""
    top = repository.commit(head).tree
    return {path for path in paths if find_entry(repository.objects, top, PurePosixPath(path)) is not None}


def _is_file_with(path: Path, content: bytes) -> bool:
    return not path.is_symlink() and path.is_file() and path.read_bytes() == content


def _has_code(top: Path, code: PurePosixPath, own: set[str]) -> bool:
    """Whether there is code already, apart from what an earlier attempt left."""
    if code == TOP or str(code) != CODE:
        return True
    files = (Path(folder, name) for folder, _, names in os.walk(top / code) for name in names)
    return any(
        path.relative_to(top).as_posix() not in own and not is_hidden_name(path.name) for path in files
    )


def _check_directories(top: Path, paths: list[str]) -> None:
    """Raise `GitstoreError` for a file or a link where one of some paths needs a directory."""
    for parent in (parent for path in paths for parent in reversed([*PurePosixPath(path).parents][:-1])):
        place = top / parent
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
            kind = "a link" if place.is_symlink() else "a file"
            raise GitstoreError(f"{place} is {kind}, but a model needs a directory there", "move it away")


def _has_ignore_rule(content: bytes | None) -> bool:
    """Whether a .gitignore, if there is one, keeps everyday git from the weights."""
    return IGNORE.strip().encode() in (content or b"").splitlines()


def _append_ignore_rule(content: bytes | None) -> bytes:
    content = content or b""
    return content + (b"" if content.endswith(b"\n") or not content else b"\n") + IGNORE.encode()


def _commit(repository: Repository, plan: _Plan) -> None:
    """Commit the new files and nothing else that may be staged."""
    files = plan.committed
    repository.git("add", "--force", "--sparse", "--", *files)
    try:
        message = f"Make {plan.name} a gitstore model"
        repository.git("commit", "--quiet", "--no-verify", "--message", message, "--only", "--", *files)
    except GitstoreError:
        head = repository.refs.get("HEAD")
        is_made = head is not None and read_committed_file(repository, head, SETTINGS) is not None
        with (
            only_warn("the model was created, but git's index was not updated")
            if is_made
            else suppress(GitstoreError)
        ):
            repository.git("reset", "--quiet", "--", *files)
        if not is_made:
            raise
