"""Models based on a snapshot: linked to its code, with settings and a state of their own.

The worktree form: a branch called like the model, in a linked git worktree, tags and states under
the model's prefix. The branch's first commit has the snapshot's commit for parent, so that ordinary
git reachability keeps the base whatever becomes of its tag.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gitstore import settings
from gitstore.branch import set_writable
from gitstore.errors import GitstoreError
from gitstore.model import (
    CODE,
    FIRST_STATE,
    IGNORE,
    IGNORE_FILE,
    LOCK,
    SETTINGS,
    STATES,
    Model,
    check_name,
    committed_file,
)
from gitstore.objects import commit, lock, tree
from gitstore.objects.git import GitFailed
from gitstore.objects.object_writer import ObjectWriter
from gitstore.objects.oid import Kind, Oid
from gitstore.objects.pack_writer import Written
from gitstore.objects.refs import Change
from gitstore.objects.repository import Repository
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.settings import BasedOn
from gitstore.snapshot import Snapshot

_UNFINISHED = "gitstore derive is making it"
"""Why a new worktree is locked until all of it is there."""


@dataclass(frozen=True)
class Derived:
    """A new derived model, and the pack that it added."""

    model: Model
    base: Snapshot
    pack: Written | None


def beside(repository: Repository, name: str) -> Path:
    """Where a derived model's directory goes unless said otherwise: beside the root model's."""
    common = repository.common
    if repository.is_bare:
        return common.parent / name
    # A submodule's repository lies elsewhere: then beside this working copy.
    top = common.parent if common.name == ".git" else repository.directory
    return top.parent / name


def derive(base: Snapshot, name: str, directory: Path, *, copy_state: bool = True) -> Derived:
    """Make a model called `name`, based on a snapshot of the same repository, in a worktree at `directory`.

    Its initial state is the snapshot's (the same object, no bytes) or none. Costs a commit and the
    settings. The model is there, durably, when its branch is; if making the worktree is interrupted
    after that, the same call again finishes it. Raises `GitstoreError` if the name or the directory
    is taken.
    """
    repository = base.repository
    check_name(name, "model")
    target = directory.absolute()
    with lock.derivation(repository.private):
        pack = _derive(base, name, target, copy_state=copy_state)
    repository.maintain()
    return Derived(Model.open(target), base, pack)


def _derive(base: Snapshot, name: str, target: Path, *, copy_state: bool) -> Written | None:
    """Make the model, and its worktree; only the latter if an earlier call got no further."""
    repository = base.repository
    _clear_interrupted(repository, name, target)
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise GitstoreError(
            f"{target} exists already", "name another directory: gitstore derive SNAPSHOT NAME DIR"
        )
    pack = None
    if not _was_interrupted(base, name):
        _check_vacant(base, name)
        pack = _write(base, name, copy_state=copy_state)
    _add_worktree(repository, name, target)
    return pack


def _clear_interrupted(repository: Repository, name: str, target: Path) -> None:
    """Remove the half-made worktree of an earlier call that was killed: it is still locked."""
    listing = repository.git("worktree", "list", "--porcelain", "-z").decode("utf-8", "surrogateescape")
    for block in listing.split("\0\0"):
        lines = block.split("\0")
        if {f"worktree {target}", f"branch refs/heads/{name}", f"locked {_UNFINISHED}"} <= set(lines):
            repository.git("worktree", "remove", "--force", "--force", "--", str(target))


def _was_interrupted(base: Snapshot, name: str) -> bool:
    """Whether an earlier call made this very model, but not its worktree."""
    tip = base.repository.refs.get(f"refs/heads/{name}")
    if tip is None or base.repository.commit(tip).parents != (base.commit,):
        return False
    return all(branch != name for _, branch in base.repository.worktrees())


def _check_vacant(base: Snapshot, name: str) -> None:
    """Raise `GitstoreError` if a model, branch, snapshot or state has the name, or lies below it."""
    refs = base.repository.refs
    if refs.get(f"refs/heads/{name}") is not None or name in _line(base):
        raise GitstoreError(f"there is a model or branch called {name} already", "choose another name")
    for namespace, what in {"refs/tags/": "snapshot", "refs/states/": "state"}.items():
        if refs.get(namespace + name) is not None:
            raise GitstoreError(f"there is a {what} called {name}, so no model can be", "choose another name")
    spaces = tuple(f"refs/{space}/{name}/" for space in ("heads", "tags", "states"))
    for ref, oid in refs.all():
        if ref.startswith(spaces) and not _is_leftover(base, name, ref, oid):
            raise GitstoreError(
                f"{ref} is there already, so no model can be called {name}", "choose another name"
            )


def _line(base: Snapshot) -> set[str]:
    """The names of the base's model and of those that it is based on."""
    above = base.settings.based_on
    root = Model(base.repository, base.model, base.prefix, above).root_name()
    return {base.model, root}


def _is_leftover(base: Snapshot, name: str, ref: str, oid: Oid) -> bool:
    """Whether a ref is the state that an earlier call made just before it was killed."""
    return ref == f"refs/states/{name}/{FIRST_STATE}" and base.repository.commit(oid).tree == base.state


def _write(base: Snapshot, name: str, *, copy_state: bool) -> Written | None:
    """Write the branch's first commit and the state, then the refs, the branch last."""
    repository = base.repository
    identity = repository.identity()
    with repository.writer() as writer:
        check_there(base)
        parent, tip = base.commit, _first_tree(base, name, writer)
        message = f"Derive {name} from {base.model}@{base.name}"
        head = writer.add(Kind.COMMIT, commit.encode(tip, (parent,), identity, message))
        saved = None
        if copy_state:
            text = f"State {FIRST_STATE} of {name}"
            saved = writer.add(Kind.COMMIT, commit.encode(base.state, (), identity, text))
        pack = writer.finish()
        _point(repository, name, head, saved)
    return pack


def check_there(base: Snapshot) -> None:
    """Raise `GitstoreError` if the base was removed since it was found: its objects may be gone, too."""
    if base.repository.refs.get(base.ref) != base.oid:
        raise GitstoreError(
            f"the snapshot {base.full_name} is gone: somebody removed it meanwhile",
            "gitstore list shows the snapshots",
        )


def _first_tree(base: Snapshot, name: str, writer: ObjectWriter) -> Oid:
    """The tree of the first commit: the base's code, settings with `based_on`, and the ignore rules."""
    based_on = BasedOn(model=base.model, snapshot=base.name, tag=str(base.oid), commit=str(base.commit))
    content = settings.set_keys(base.settings_content, {"name": name, "code": None, "based_on": based_on})
    entries = [
        TreeEntry(Mode.TREE, CODE.encode(), base.code),
        TreeEntry(Mode.FILE, SETTINGS.encode(), writer.add(Kind.BLOB, content)),
        TreeEntry(Mode.FILE, IGNORE_FILE.encode(), writer.add(Kind.BLOB, _ignore_rules(base))),
    ]
    if base.lock is not None:
        entries.append(TreeEntry(Mode.FILE, LOCK.encode(), base.lock))
    return writer.add(Kind.TREE, tree.encode(entries))


def _ignore_rules(base: Snapshot) -> bytes:
    """Those of the branch that the base was taken from: what is no code there is none here either."""
    for branch_head in base.repository.commit(base.commit).parents:
        content = committed_file(base.repository, branch_head, IGNORE_FILE)
        if content is not None and IGNORE.strip().encode() in content.splitlines():
            return content
    return IGNORE.encode()


def _point(repository: Repository, name: str, head: Oid, saved: Oid | None) -> None:
    """Create the model's refs, all or none."""
    refs, ref = repository.refs, f"refs/states/{name}/{FIRST_STATE}"
    before = refs.get(ref)
    changes = [Change(f"refs/heads/{name}", None, head)]
    if before != saved:
        changes.insert(0, Change(ref, before, saved))
    refs.change(changes, f"derive {name}")
    if saved is not None:
        refs.point(f"refs/states/{name}/HEAD", ref, f"derive {name}")


def _add_worktree(repository: Repository, name: str, target: Path) -> None:
    """Check the branch out in a linked worktree, the code read-only."""
    locked = ("--lock", "--reason", _UNFINISHED)
    try:
        repository.git("worktree", "add", "--quiet", *locked, "--", str(target), name)
    except GitFailed as error:
        raise GitstoreError(
            f"the model {name} is made, but not its directory: {error.message}",
            f"mend that, then say the same again, or git worktree add DIR {name}",
        ) from error
    set_writable(target / CODE, writable=False)
    (target / STATES / FIRST_STATE).mkdir(parents=True)
    repository.git("worktree", "unlock", "--", str(target))
