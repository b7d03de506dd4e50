"""Models based on a snapshot: linked to its code, with settings and a state of their own.

This module makes the worktree form: a branch with the model's name, in a linked git worktree of the base's
repository, with tags and states under the model's prefix.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from gitstore.derive import first_commit, first_state
from gitstore.derive.first_state import COPIED, Content, FirstState
from gitstore.disk import locks
from gitstore.disk.afterwards import only_warn
from gitstore.disk.atomic import durable_file, sync_directory
from gitstore.disk.construction import check_free
from gitstore.disk.permissions import set_writable
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostDerive
from gitstore.git import new_worktree, worktrees
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import active_state
from gitstore.models.model import CODE, FIRST_STATE, STATES, Model, check_name
from gitstore.models.snapshot import Snapshot
from gitstore.names import name_problem
from gitstore.packs.oid import Oid
from gitstore.packs.writer import Written
from gitstore.progress import Progress
from gitstore.settings import BasedOn
from gitstore.storage.share_packs import NOTHING_IMPORTED, ImportedBytes

OTHER_DIRECTORY = "name another directory: gitstore derive SNAPSHOT NAME DIR"
"""The hint if the directory of a new model already exists."""

_UNFINISHED = "gitstore derive is making it"
"""Why a new worktree is locked until it is complete."""

_BEGUN = "derive.begun"
"""The file with the ref and the commit of a new model's first state, until the model has a branch."""

_BEGUN_LINE = re.compile(
    rf"(?P<ref>refs/states/(?P<name>[^/\s]+)/{re.escape(FIRST_STATE)}) (?P<oid>[0-9a-f]{{40}})\n"
)


@dataclass(frozen=True)
class Derived:
    """A new derived model, and the pack with its own objects.

    With `url`, the base is in another repository, and `imported` are the bytes of packs that came from there.
    """

    model: Model
    base: Snapshot
    pack: Written | None
    url: str | None = None
    imported: ImportedBytes = NOTHING_IMPORTED

    @property
    def based_on(self) -> BasedOn:
        """The base, as the model's settings have it."""
        return first_commit.make_based_on(self.base, self.url)

    @property
    def added(self) -> int:
        """Bytes of packs that were written."""
        return self.imported.copied + (self.pack.size if self.pack is not None else 0)


def default_directory(repository: Repository, name: str) -> Path:
    """Return the default directory of a derived model: beside the root model's."""
    common = repository.common
    if repository.is_bare:
        return common.parent / name
    # The repository of a submodule is elsewhere: use this working copy's parent then.
    top = common.parent if common.name == ".git" else repository.directory
    return top.parent / name


def derive(
    base: Snapshot,
    name: str,
    directory: Path,
    *,
    state: FirstState = COPIED,
    expect: Progress = lambda _: None,
    progress: Progress = lambda _: None,
) -> Derived:
    """Make a model called `name`, based on a snapshot of the same repository, in a worktree at `directory`.

    Adds a commit, the settings and the bytes of `state`: `expect` is called with all of them, `progress` with
    those that are stored. Atomic: the model exists, durably, when its branch does. If making the worktree is
    interrupted after that, the same call finishes it. Raises `GitstoreError` if the name or the directory is
    taken.
    """
    repository = base.repository
    check_name(name, "model")
    target = directory.parent.resolve() / directory.name
    with locks.derivation(repository.private):
        begun = _prepare(base, name, target)
    pack = None
    if begun is not _Begun.WHOLE:
        # Making a state can take long, so the lock is free meanwhile, and the checks are made again.
        with (
            nullcontext() if begun is _Begun.BRANCH else state.prepare(base, expect) as content,
            locks.derivation(repository.private),
        ):
            begun = _prepare(base, name, target)
            pack = _make(base, name, target, content=content, begun=begun, progress=progress)
    with only_warn(f"the packs of {repository.common} are not merged"):
        repository.maintain()
    derived = Derived(Model.open(target), base, pack)
    notify_derived(derived)
    return derived


def notify_derived(derived: Derived) -> None:
    """Call the hook post-derive in the repository of the new model."""
    event = PostDerive(
        model=derived.model.name,
        base=derived.based_on.to_json(),
        added_bytes=derived.added,
    )
    dispatch.notify_post_hook(derived.model.repository, event)


class _Begun(Enum):
    """How far an earlier call came that was killed: no model, a model without its directory, or both."""

    NOTHING = 0
    BRANCH = 1
    WHOLE = 2


def _prepare(base: Snapshot, name: str, target: Path) -> _Begun:
    """Check that model and worktree can be made, and clean up what killed calls have left."""
    repository = base.repository
    _remove_begun(repository)
    if target in _settle_interrupted(repository):
        return _Begun.WHOLE
    check_free(target, OTHER_DIRECTORY)
    if _was_interrupted(base, name):
        return _Begun.BRANCH
    _check_vacant(base, name)
    return _Begun.NOTHING


def _settle_interrupted(repository: Repository) -> list[Path]:
    """Finish or remove the worktrees of earlier calls that were killed, which are still locked.

    A worktree that has its directory is complete. It is finished, and its directory is returned, unless
    git cannot use it: it stays as it is then, because it may hold somebody's work. Any other has only an
    administration, which is removed.
    """
    finished = []
    for worktree in worktrees.list_locked(repository.common, _UNFINISHED):
        if worktree.directory is not None and new_worktree.is_whole(worktree.path, worktree.directory):
            if worktree.damage is None:
                new_worktree.finish(worktree.path)
                finished.append(worktree.directory)
        else:
            new_worktree.remove_administration(repository, worktree.path)
    return finished


def _was_interrupted(base: Snapshot, name: str) -> bool:
    """Whether an earlier call made the same model, but not its worktree."""
    tip = base.repository.refs.get(f"refs/heads/{name}")
    if tip is None or base.repository.commit(tip).parents != (base.commit,):
        return False
    return all(worktree.branch != name for worktree in base.repository.worktrees())


def _check_vacant(base: Snapshot, name: str) -> None:
    """Raise `GitstoreError` if a model, branch, snapshot or state has the name, or a name below it."""
    refs = base.repository.refs
    if refs.get(f"refs/heads/{name}") is not None or name in _list_ancestors(base):
        raise GitstoreError(f"a model or branch called {name} already exists", "choose another name")
    kinds = {"refs/tags/": "a snapshot", "refs/states/": "a state", "refs/aliases/": "an alias"}
    for namespace, kind in kinds.items():
        if refs.get(namespace + name) is not None:
            raise GitstoreError(f"{kind} called {name} already exists", "choose another name")
    spaces = tuple(f"refs/{space}/{name}/" for space in ("heads", "tags", "states", "aliases"))
    for ref, _ in refs.all() if refs.has_any_below(*spaces) else ():
        if ref.startswith(spaces):
            unneeded = f", or git update-ref -d {shlex.quote(ref)} if nobody needs it"
            raise GitstoreError(
                f"{ref} already exists, so no model can be called {name}",
                "choose another name" + (unneeded if ref.startswith("refs/states/") else ""),
            )


def _list_ancestors(base: Snapshot) -> set[str]:
    """Return the names of the base's model and of the root model."""
    above = base.settings.based_on
    root = Model(base.repository, base.model, base.prefix, above).find_root_name()
    return {base.model, root}


def _make(
    base: Snapshot, name: str, target: Path, *, content: Content, begun: _Begun, progress: Progress
) -> Written | None:
    """Write the first commit and the state, then the refs, with the directory prepared out of sight."""
    repository, refs = base.repository, base.repository.refs
    with repository.writer() as writer:
        first_commit.check_exists(base)
        tip, saved = refs.get(f"refs/heads/{name}") if begun is _Begun.BRANCH else None, None
        head = tip or first_commit.add_first_commit(base, name, writer, identity=repository.identity())
        if tip is None:
            saved = first_state.add_first_state(
                content, writer, repository=repository, model_name=name, progress=progress
            )
        pack = writer.finish()
        with _worktree(repository, name, target, head=head):
            if tip is None:
                _create_refs(repository, name, head, saved=saved)
            (repository.private / _BEGUN).unlink(missing_ok=True)
    return pack


def _create_refs(repository: Repository, name: str, head: Oid, *, saved: Oid | None) -> None:
    """Create the model's refs, the branch last. If this is interrupted, the next call removes the state."""
    active_state.forget(repository, f"{name}/")  # an earlier model of that name may have left one
    refs, ref = repository.refs, f"refs/states/{name}/{FIRST_STATE}"
    changes = [RefChange(f"refs/heads/{name}", None, head)]
    if saved is not None:
        changes.insert(0, RefChange(ref, None, saved))
        _record_begun(repository, ref, saved)
    refs.change(changes, f"derive {name}")


def _record_begun(repository: Repository, ref: str, saved: Oid) -> None:
    with durable_file(repository.private, f"{ref} {saved}\n".encode(), suffix="begun") as file:
        file.rename(repository.private / _BEGUN)
    sync_directory(repository.private)


def _remove_begun(repository: Repository) -> None:
    """Remove the state of a model whose earlier derive was killed before it created the branch."""
    begun = repository.private / _BEGUN
    try:
        content = begun.read_bytes()
    except FileNotFoundError:
        return
    record = _BEGUN_LINE.fullmatch(content.decode("utf-8", "replace"))
    if record is not None and name_problem(record["name"]) is None:
        ref, saved = record["ref"], Oid.parse(record["oid"])
        if repository.refs.get(f"refs/heads/{record['name']}") is None and repository.refs.get(ref) == saved:
            repository.refs.change([RefChange(ref, saved, None)], f"derive {record['name']} was interrupted")
    begun.unlink()


@contextmanager
def _worktree(repository: Repository, name: str, target: Path, *, head: Oid) -> Iterator[None]:
    """Build the model's directory out of sight, with read-only code. It appears after the block."""

    def complete(directory: Path) -> None:
        set_writable(directory / CODE, writable=False)
        (directory / STATES / FIRST_STATE).mkdir(parents=True)

    try:
        with new_worktree.new_worktree(
            repository, target, branch=name, commit=head, lock_reason=_UNFINISHED, complete=complete
        ):
            yield
    except (GitstoreError, OSError) as error:
        if repository.refs.get(f"refs/heads/{name}") != head:
            raise
        reason = error.message if isinstance(error, GitstoreError) else error.strerror
        raise GitstoreError(
            f"the model {name} was made, but not its directory: {reason}",
            f"fix that, then run the same command again, or git worktree add DIR {name}",
        ) from error
