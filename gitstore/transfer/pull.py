"""Pulling: new snapshots, states that moved, and the branch's new commits come from another repository.

Stock git fetches all objects at once. Then the refs change together. The branch moves last, and forward
only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from gitstore.errors import Corrupt, GitstoreError
from gitstore.events import journal
from gitstore.git.process import GitFailed
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import snapshot as snapshots
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.names import spell_alias, spell_tag
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.states.drop import drop
from gitstore.states.materialize import materialize
from gitstore.transfer import seen, wire
from gitstore.transfer.aliases import choose_moves
from gitstore.transfer.pull_plan import PullPlan, RefPair, Wanted, plan_pull
from gitstore.transfer.records import receive_records
from gitstore.transfer.remotes import Conflicting, Remote, list_refs

_log = logging.getLogger(__name__)

_HEADS, _STATES, _TAGS = "refs/heads/", "refs/states/", "refs/tags/"


@dataclass(frozen=True)
class PullSelection:
    """What to fetch. Without `snapshots`, the branch and all snapshots of the model; with them, these alone.

    `states` are names. States that are here are fetched anyway. `all_models` adds the other models.
    """

    snapshots: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    all_states: bool = False
    all_models: bool = False


@dataclass
class Pulled:
    """What a pull brought. `branch` is the branch's ref pair if it moved, `diverged` if it could not.

    `kept` are states that have unsaved changes on disk, and so did not move. `has_records` says that records
    of evaluations or trainings came. `diverged_aliases` moved on both sides.
    """

    plan: PullPlan
    snapshots: list[Snapshot] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    branch: RefPair | None = None
    diverged: RefPair | None = None
    has_records: bool = False
    aliases: list[str] = field(default_factory=list)
    diverged_aliases: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PreparedPull:
    """A pull that has been planned, and not yet made. `theirs` are the refs of the other side."""

    model: Model
    remote: Remote
    plan: PullPlan
    theirs: dict[str, Oid]


def prepare(model: Model, remote: Remote, selection: PullSelection) -> PreparedPull:
    """Ask the other side what it has, and decide what to fetch. Changes nothing.

    Raises `GitstoreError` if the other side cannot be reached, or lacks what is named.
    """
    repository = model.repository
    theirs = list_refs(repository, remote).refs
    wanted = _find_wanted(model, remote, selection=selection, theirs=theirs)
    plan = plan_pull(
        wanted,
        dict(repository.refs.all()),
        theirs,
        tip=model.head,
        last_seen=seen.read(repository, remote),
    )
    return PreparedPull(model, remote, plan, theirs)


def pull(prepared: PreparedPull, *, progress: Progress = lambda _: None) -> Pulled:
    """Fetch what was planned, and move the refs. Nothing that is here is lost.

    Snapshots and states move together, then the branch, by `git merge --ff-only`. `progress` is called with
    bytes received. Raises `GitstoreError` if the connection breaks; then nothing has moved.
    """
    model, remote, plan = prepared.model, prepared.remote, prepared.plan
    pulled = Pulled(plan)
    with model.repository.writing():
        if plan.fetched:
            wire.receive(model.repository, remote, [pair.ref for pair in plan.fetched], progress=progress)
            model.repository.objects.refresh()
        changed = [*_check_tags(model.repository, pulled, remote), *_move_aliases(prepared, pulled)]
        with _without_files(model, plan.states, pulled) as moving:
            changes = [*changed, *(RefChange(pair.ref, pair.ours, pair.theirs) for pair in moving)]
            if changes:
                model.repository.refs.change(changes, f"pull from {remote}")
    _note_states(model.repository, remote, plan, moved=pulled.states)
    pulled.has_records = receive_records(model.repository, remote, prepared.theirs, progress=progress)
    if plan.branch is not None:
        _forward(model, plan.branch, pulled)
    model.repository.maintain()
    journal.observe(model.repository)
    return pulled


def check(prepared: PreparedPull, pulled: Pulled) -> None:
    """Raise `Conflicting` for what moved on both sides, one line each."""
    remote, plan = prepared.remote, prepared.plan
    tags = [pair for pair in plan.conflicts if pair.ref.startswith(_TAGS)]
    states = [pair for pair in plan.conflicts if pair not in tags]
    lines = [f"{spell_tag(pair.ref)} is another snapshot in {remote}" for pair in tags]
    lines += [f"the state {pair.ref.removeprefix(_STATES)} moved here and in {remote}" for pair in states]
    hint = "gitstore rename gives the snapshot here another name; then pull again" if tags else None
    if states:
        hint = "gitstore state rename gives the state here another name; then pull again"
    for name in pulled.diverged_aliases:
        lines.append(f"the alias {name} moved here and in {remote}")
        hint = f"gitstore alias rm {name} forgets the moves here; then pull again"
    if pulled.diverged is not None:
        branch = pulled.diverged.ref.removeprefix(_HEADS)
        lines.append(f"the branch {branch} has diverged: {remote} has commits that are not here")
        hint = f"git merge {str(pulled.diverged.theirs)[:10]} joins both"
    if lines:
        raise Conflicting("\n".join(lines), hint)


def _find_wanted(model: Model, remote: Remote, *, selection: PullSelection, theirs: dict[str, Oid]) -> Wanted:
    states = [model.state_ref(name) for name in selection.states]
    tags = [_find_tag(model, name, theirs) for name in selection.snapshots]
    for ref in [*states, *tags]:
        if ref not in theirs:
            kind = "state" if ref.startswith(_STATES) else "snapshot"
            name = ref.removeprefix(_STATES if kind == "state" else _TAGS)
            raise GitstoreError(
                f"there is no {kind} {name} in {remote}", f"git ls-remote {remote} lists its refs"
            )
    if selection.snapshots:
        return Wanted(None, (), tags, states)
    prefixes = {model.prefix}
    if selection.all_models:
        names = (ref.removeprefix(_TAGS) for ref in theirs if ref.startswith(_TAGS))
        prefixes |= {name[: name.rfind("/") + 1] for name in names}
    return Wanted(_find_upstream(model, remote), prefixes, (), states, all_states=selection.all_states)


def _find_tag(model: Model, name: str, theirs: dict[str, Oid]) -> str:
    """Return the ref of a snapshot that is named as here, or as MODEL/SNAPSHOT or MODEL@SNAPSHOT."""
    refs = (model.tag_ref(name), f"{_TAGS}{name.replace('@', '/')}")
    return next((ref for ref in refs if ref in theirs), refs[0])


def _find_upstream(model: Model, remote: Remote) -> str | None:
    """Return the ref that the checked-out branch follows in a remote; by default, the branch of its name."""
    branch = model.repository.head()
    if branch is None:
        return None
    followed = model.repository.config(f"branch.{branch}.remote")
    merge = model.repository.config(f"branch.{branch}.merge")
    return merge if followed == remote.name and merge else f"{_HEADS}{branch}"


def _check_tags(repository: Repository, pulled: Pulled, remote: Remote) -> Iterator[RefChange]:
    """Yield the change for each fetched tag. One that says it is a snapshot, and is none, is left out."""
    for pair in pulled.plan.tags:
        try:
            snapshot = snapshots.read(repository, pair.ref, pair.theirs)
        except Corrupt as error:
            _log.warning("%s was not fetched from %s: %s", spell_tag(pair.ref), remote, error.message)
            continue
        if snapshot is not None:
            pulled.snapshots.append(snapshot)
        yield RefChange(pair.ref, None, pair.theirs)


def _move_aliases(prepared: PreparedPull, pulled: Pulled) -> list[RefChange]:
    """Return the changes of aliases that moved forward there."""
    moves = choose_moves(prepared.model.repository, prepared.plan.aliases, prepared.remote)
    pulled.aliases += [spell_alias(change.ref) for change in moves.changes]
    pulled.diverged_aliases += [spell_alias(pair.ref) for pair in moves.diverged]
    return moves.changes


@contextmanager
def _without_files(model: Model, pairs: Sequence[RefPair], pulled: Pulled) -> Iterator[list[RefPair]]:
    """Take the files of states from disk while their refs move, and write them again afterwards.

    Those with unsaved changes are left out.
    """
    moving, on_disk = [], []
    space = model.state_ref("")
    for pair in pairs:
        name = pair.ref.removeprefix(space)
        is_own = "/" not in name
        if is_own and pair.ours is not None and state.find_directory(model, name) is not None:
            try:
                drop(model, name)
            except GitstoreError:
                pulled.kept.append(name)
                continue
            on_disk.append(name)
        moving.append(pair)
        pulled.states.append(pair.ref.removeprefix(_STATES))
    with ExitStack() as stack:
        for name in on_disk:
            stack.callback(materialize, model, name)
        yield moving


def _note_states(repository: Repository, remote: Remote, plan: PullPlan, *, moved: list[str]) -> None:
    refs = {f"{_STATES}{name}" for name in moved}
    seen.note(repository, remote, {pair.ref: pair.theirs for pair in plan.states if pair.ref in refs})


def _forward(model: Model, pair: RefPair, pulled: Pulled) -> None:
    """Move the branch to the fetched commit, if that is ahead of it, and update the working copy."""
    repository = model.repository
    if pair.ours is not None and repository.is_ancestor(pair.theirs, pair.ours):
        return
    if pair.ours is not None and not repository.is_ancestor(pair.ours, pair.theirs):
        pulled.diverged = pair
        return
    try:
        if repository.is_bare:
            ref = f"{_HEADS}{repository.head()}"
            repository.refs.change([RefChange(ref, pair.ours, pair.theirs)], "pull: fast-forward")
        else:
            repository.git("merge", "--ff-only", "--quiet", str(pair.theirs))
    except GitFailed as error:
        raise GitstoreError(
            f"the branch cannot be moved forward: {error.message.removeprefix('git merge: ')}",
            "snapshots and states have arrived; commit or undo your changes, then pull again",
        ) from error
    pulled.branch = pair
