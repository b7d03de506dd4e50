"""Pushing a model: its branch, its snapshots and, if asked for, its states.

What moves is decided by the refs of both sides (`push_plan.py`). Stock git sends the objects, and with a
bitmap (`bitmap.py`) exactly those that the other side lacks. Large pushes go in batches over several
connections (`transit.py`). The refs move last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.git.transport import connections
from gitstore.models.model import Model
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.text import list_some
from gitstore.transfer import bitmap, grafts, seen, transit, wire
from gitstore.transfer.push_plan import PushConflict, PushPlan, RefKind, RefUpdate, plan_push
from gitstore.transfer.records import plan_records
from gitstore.transfer.remotes import Conflicting, Remote, list_refs
from gitstore.transfer.wanted import Selection, list_wanted
from gitstore.transfer.wire import PushRefused, RefSpec
from gitstore.units import GIB, MIB, parse_size

_log = logging.getLogger(__name__)

BATCH = GIB + 16 * MIB
"""Bytes of a batch, unless git's configuration has `gitstore.pushBatch`: 1 GiB, and what comes with weights.

GitHub refuses packs over 2 GiB.
"""

_LARGE = 128 * MIB
"""Bytes of a push that is faster over several connections, although each of them has to be opened."""


class TravelSize(NamedTuple):
    """What travels: the number of objects, and their bytes in packs."""

    objects: int
    size: int


@dataclass(frozen=True)
class PreparedPush:
    """A push that has been planned, and not yet made.

    `theirs` are the refs of the other side, and `size` is what it lacks. `batch_limit` is in bytes, and
    `connections` is how many a large push opens.
    """

    model: Model
    remote: Remote
    plan: PushPlan
    theirs: dict[str, Oid]
    size: TravelSize
    batch_limit: int
    connections: int

    @property
    def needs_batches(self) -> bool:
        """Whether the push is too large for one pack, or large enough for several connections."""
        is_faster = self.connections > 1 and self.size.size > _LARGE
        return self.size.size > self.batch_limit or is_faster

    def check_named(self) -> None:
        """Raise `Conflicting` if a ref that the user named must not move."""
        named = [conflict for conflict in self.plan.conflicts if conflict.wanted.is_named]
        if named:
            raise _conflict_error(named, self.remote)

    def check_all(self) -> None:
        """Raise `Conflicting` if any ref must not move, whether or not others have."""
        if self.plan.conflicts:
            raise _conflict_error(self.plan.conflicts, self.remote)


def prepare(model: Model, remote: Remote, selection: Selection, *, dry_run: bool = False) -> PreparedPush:
    """Ask the other side what it has, and decide what to send.

    Changes nothing but the bitmap and, unless it is a `dry_run`, records that were changed on both sides:
    they are merged here. Raises `GitstoreError` if the other side cannot be reached, `NoSuchState`, and
    `Corrupt` for refs that cannot be read.
    """
    repository = model.repository
    limit = _read_batch_limit(repository)
    count = connections.read_count(repository.git_config, remote.url)
    theirs = list_refs(repository, remote).refs
    plan = plan_push(
        list_wanted(model, selection, theirs=theirs),
        theirs,
        last_seen=seen.read(repository, remote),
        is_ancestor=_Ancestry(repository).is_ancestor,
    )
    sent = [update.wanted.oid for update in plan.updates]
    records = plan_records(repository, remote, theirs, sent=sent, dry_run=dry_run)
    plan = replace(plan, updates=(*plan.updates, *records))
    size = TravelSize(0, 0)
    if plan.updates:
        bitmap.prepare(repository)
        with _telling(repository, plan, theirs) as variables:
            size = _measure(repository, _list_revisions(repository, plan, theirs), variables)
    return PreparedPush(model, remote, plan, theirs, size, limit, count)


def push(prepared: PreparedPush, *, progress: Progress = lambda _: None) -> None:
    """Send what was planned. The refs move together, at the end, where the other side can do that.

    `progress` is called with bytes sent. Raises `Conflicting` before anything is sent if the user named a ref
    that must not move, `PushRefused` if the other side refuses, and `GitstoreError` if the connection breaks.
    A large push that broke continues with what has arrived when it is made again; nothing stays there of one
    that was refused.
    """
    prepared.check_named()
    tell = _Teller()
    try:
        _send_all(prepared, progress=progress, on_line=tell)
    except PushRefused:
        if prepared.needs_batches:
            transit.sweep(prepared.model.repository, prepared.remote)
        raise
    _note(prepared)


def _send_all(prepared: PreparedPush, *, progress: Progress, on_line: Callable[[str], None]) -> None:
    repository, plan, theirs = prepared.model.repository, prepared.plan, prepared.theirs
    if prepared.needs_batches:
        theirs = _send_in_batches(prepared, progress=progress, on_line=on_line)
    specs = [_make_spec(update) for update in plan.updates]
    specs += [RefSpec(ref, is_deleted=True) for ref in transit.list_refs(repository, theirs)]
    with repository.reading(), _telling(repository, plan, theirs) as variables:
        _send(prepared, specs, variables=variables, progress=progress, on_line=on_line)


def _note(prepared: PreparedPush) -> None:
    """Note what both sides have now."""
    repository, remote, plan = prepared.model.repository, prepared.remote, prepared.plan
    moved = {update.wanted.ref: update.wanted.oid for update in plan.updates if _is_state(update)}
    equal = {ref.ref: ref.oid for ref in plan.unchanged if ref.kind is RefKind.STATE}
    seen.note(repository, remote, moved | equal)
    _set_upstream(repository, remote, plan)


class _Teller:
    """Logs what the other side says, each line once: it may warn of the same with each batch."""

    def __init__(self) -> None:
        self._told = set[str]()

    def __call__(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            wire.log_line(line)


def _send(
    prepared: PreparedPush,
    specs: Sequence[RefSpec],
    *,
    variables: Mapping[str, str],
    progress: Progress,
    on_line: Callable[[str], None],
) -> None:
    """Send refs. Where a host refuses records, and nothing else, send the rest without them."""
    repository, remote = prepared.model.repository, prepared.remote
    try:
        wire.send(repository, remote, specs, variables=variables, progress=progress, on_line=on_line)
    except PushRefused as error:
        records = {
            update.wanted.ref for update in prepared.plan.updates if update.wanted.kind is RefKind.RECORD
        }
        if not {refused.ref for refused in error.refused} <= records:
            raise
        _log.warning("records were not sent: %s", error.message.splitlines()[0])
        rest = [spec for spec in specs if spec.ref not in records]
        wire.send(repository, remote, rest, variables=variables, progress=progress, on_line=on_line)


def _send_in_batches(
    prepared: PreparedPush, *, progress: Progress, on_line: Callable[[str], None]
) -> dict[str, Oid]:
    """Send the blobs in batches, behind those of an earlier push that broke. Return the refs there now."""
    repository, remote, plan = prepared.model.repository, prepared.remote, prepared.plan
    is_over = prepared.size.size > prepared.batch_limit
    # A branch in transit would be seen by everybody: not for speed alone.
    namespaces = transit.NAMESPACES if is_over else transit.NAMESPACES[:1]
    theirs, count = prepared.theirs, prepared.connections
    try:
        lines = transit.open_lines(
            repository, remote, theirs, count=count, namespaces=namespaces, on_line=on_line
        )
    except PushRefused:
        if is_over:
            raise
        return theirs
    theirs = theirs | {line.ref: line.last for line in lines}
    with _telling(repository, plan, theirs) as variables:
        blobs = list(transit.list_blobs(repository, _list_revisions(repository, plan, theirs), variables))
    batches = list(transit.divide(blobs, prepared.batch_limit, count=len(lines)))
    transit.send(repository, remote, batches, lines=lines, progress=progress, on_line=on_line)
    return theirs | {line.ref: line.last for line in lines}


def _conflict_error(conflicts: Sequence[PushConflict], remote: Remote) -> Conflicting:
    """Make the error for refs that must not move, one line each."""
    lines = [_describe(conflict, remote) for conflict in conflicts]
    has_snapshots = any(conflict.wanted.kind is RefKind.SNAPSHOT for conflict in conflicts)
    others = [conflict.wanted.name for conflict in conflicts if conflict.wanted.kind is not RefKind.SNAPSHOT]
    hint = "gitstore rename gives a snapshot another name" if has_snapshots else None
    if others:
        hint = f"run gitstore pull first, which fetches {list_some(others)}"
    return Conflicting("\n".join(lines), hint)


def _describe(conflict: PushConflict, remote: Remote) -> str:
    wanted, theirs = conflict.wanted, str(conflict.theirs)[:10]
    if wanted.kind is RefKind.SNAPSHOT:
        return f"{wanted.name} is another snapshot in {remote}: {theirs} there, {str(wanted.oid)[:10]} here"
    if wanted.kind is RefKind.STATE:
        return f"the state {wanted.name} has moved in {remote}, to {theirs}"
    if wanted.kind is RefKind.ALIAS:
        return f"the alias {wanted.name} moved here and in {remote}"
    return f"the branch {wanted.name} has diverged: {remote} has commits that are not here"


def _is_state(update: RefUpdate) -> bool:
    return update.wanted.kind is RefKind.STATE


def _make_spec(update: RefUpdate) -> RefSpec:
    """Move the ref only if it is what the plan saw. (A graft file would let git believe in other parents.)

    Snapshots need no lease, because git never moves a tag, and thousands of leases would take git minutes.
    Records get the commit of the plan, which may have a part of what the ref has here.
    """
    if update.wanted.kind is RefKind.SNAPSHOT:
        return RefSpec(update.wanted.ref)
    source = str(update.wanted.oid) if update.wanted.kind is RefKind.RECORD else None
    return RefSpec(update.wanted.ref, source=source, expected=str(update.old or ""))


class _Ancestry:
    """Tells ancestors, also of commits that are not here."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def is_ancestor(self, ancestor: Oid, descendant: Oid) -> bool:
        objects = self._repository.objects
        known = ancestor in objects and descendant in objects
        return known and self._repository.is_ancestor(ancestor, descendant)


def _read_batch_limit(repository: Repository) -> int:
    text = repository.git_config.text("gitstore.pushbatch")
    try:
        limit = parse_size(text) if text is not None else BATCH
    except ValueError as error:
        raise GitstoreError(f"git's configuration: gitstore.pushBatch: {error}") from error
    if limit < 1:
        raise GitstoreError("git's configuration: gitstore.pushBatch must be at least 1 byte")
    return limit


def _list_revisions(repository: Repository, plan: PushPlan, theirs: dict[str, Oid]) -> bytes:
    """Return what the other side needs, and what it has as far as that is here, for `git rev-list`."""
    haves = sorted(oid for oid in set(theirs.values()) if oid in repository.objects)
    wants = (update.wanted.oid for update in plan.updates)
    return "".join([*(f"{oid}\n" for oid in wants), *(f"^{oid}\n" for oid in haves)]).encode()


@contextmanager
def _telling(
    repository: Repository, plan: PushPlan, theirs: Mapping[str, Oid]
) -> Iterator[Mapping[str, str]]:
    """Tell git what the other side has, where a bitmap does not: in a partial clone, and in transit."""
    moving = set(transit.list_refs(repository, theirs))
    if not moving and not repository.objects.is_partial:
        yield {}
        return
    haves = [theirs[ref] for ref in sorted(theirs, key=lambda ref: ref not in moving)]
    with grafts.tell(repository, [update.wanted.oid for update in plan.updates], haves) as variables:
        yield variables


def _measure(repository: Repository, revisions: bytes, variables: Mapping[str, str]) -> TravelSize:
    """Return the objects that some revisions need and others lack."""
    arguments = (*wire.EXACT, "rev-list", "--objects", "--use-bitmap-index", "--stdin")
    count, size = (
        int(repository.git(*arguments, option, stdin=revisions, variables=variables))
        for option in ("--count", "--disk-usage")
    )
    return TravelSize(count, size)


def _set_upstream(repository: Repository, remote: Remote, plan: PushPlan) -> None:
    """Let a branch that is new in a remote follow it, unless it follows another, as `git push -u` does."""
    for update in plan.updates:
        wanted, key = update.wanted, f"branch.{update.wanted.name}"
        is_new = wanted.kind is RefKind.BRANCH and update.old is None
        if is_new and remote.name is not None and repository.config(f"{key}.remote") is None:
            repository.set_config(f"{key}.remote", remote.name)
            repository.set_config(f"{key}.merge", wanted.ref)
