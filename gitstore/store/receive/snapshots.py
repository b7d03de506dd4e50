"""Reading new snapshots: the tag, the commit, the trees, the settings, and what their base is here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gitstore import settings
from gitstore.errors import BadSettings, Corrupt
from gitstore.layout import CODE, LOCK, SETTINGS
from gitstore.models.shape import STATE, find_shape_problem
from gitstore.objects import commit as commits
from gitstore.objects import tag as tags
from gitstore.objects import tree
from gitstore.objects.commit import Commit
from gitstore.objects.tag import Tag
from gitstore.objects.tree import TreeEntry
from gitstore.packs import limits as read_limits
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.push import BaseFacts, BrokenTag, PathProblem, PushedSnapshot
from gitstore.policy.snapshots import find_format_problem
from gitstore.store.receive.quarantine import Quarantine
from gitstore.store.receive.walk import RefWalk
from gitstore.text import shown

_MOST_BASES = 200
"""Bases of the snapshots of one push. Each one takes a process of git."""


class SnapshotReader:
    """Reads the snapshots of one push."""

    def __init__(self, quarantine: Quarantine, walk: RefWalk) -> None:
        self._quarantine = quarantine
        self._walk = walk

    def read(self, ref: str, oid: Oid) -> PushedSnapshot | BrokenTag:
        """Read the snapshot that a tag is, and walk over its objects."""
        self._walk.note(oid)
        try:
            tag = tags.parse(self._quarantine.read_as(Kind.TAG, oid, at_most=read_limits.TAG))
        except (Corrupt, ValueError) as error:
            return BrokenTag(ref, "snapshot-tag", f"is not a tag that can be read: {shown(str(error))}")
        problem = find_format_problem(tag)
        if problem is not None:
            return BrokenTag(ref, "snapshot-tag", problem)
        self._walk.skip(tag.target)
        found = self._walk.read_commit(shown(ref), tag.target)
        if found is None:
            return BrokenTag(ref, "snapshot-tag", "is a tag of what is no commit")
        entries = self._read_top(found)
        if isinstance(entries, BrokenTag):
            return entries._replace(ref=ref)
        snapshot = self._make_snapshot(ref, tag, found=found, entries=entries)
        self._walk.walk_parents(ref, found.parents)
        return snapshot

    def _read_top(self, found: Commit) -> list[TreeEntry] | BrokenTag:
        """Return the entries at the top, if these are a snapshot's."""
        self._walk.note(found.tree)
        entries = self._walk.plain.read_entries(found.tree)
        if isinstance(entries, PathProblem):
            return BrokenTag("", entries.rule, entries.problem)
        problem = find_shape_problem(entries)
        lock = next((entry for entry in entries if entry.name == LOCK.encode()), None)
        if problem is None and lock is not None and self._measure(lock.oid) > read_limits.PACKAGES_LOCK:
            problem = f"its {LOCK} is larger than 16 MiB"
        if problem is not None:
            return BrokenTag("", "snapshot-tree", f"is not a snapshot: {problem}")
        for entry in entries:
            self._walk.note(entry.oid)
        return entries

    def _make_snapshot(
        self, ref: str, tag: Tag, *, found: Commit, entries: list[TreeEntry]
    ) -> PushedSnapshot:
        by_name = {entry.name.decode(): entry.oid for entry in entries}
        self._walk.add_tree(shown(ref), self._walk.plain.survey(by_name[CODE]), below=f"{CODE}/")
        self._walk.add_tree(shown(ref), self._walk.states.survey(by_name[STATE]), below=f"{STATE}/")
        return PushedSnapshot(
            ref=ref,
            tag=tag,
            parents=found.parents,
            code_tree=by_name[CODE],
            state_tree=by_name[STATE],
            settings_blob=by_name[SETTINGS],
            settings=self._read_settings(by_name[SETTINGS]),
        )

    def _read_settings(self, oid: Oid) -> bytes | None:
        """Return the settings; `None` if they are too large."""
        if self._measure(oid) > read_limits.SETTINGS:
            return None
        return self._quarantine.read_as(Kind.BLOB, oid, at_most=read_limits.SETTINGS)

    def _measure(self, oid: Oid) -> int:
        return self._quarantine.header(oid)[1]

    def add_bases(self, snapshots: Sequence[PushedSnapshot]) -> Iterator[PushedSnapshot]:
        """Yield the snapshots with what the repository knows of their bases.

        For a base that more than `_MOST_BASES` others stand before, it is as if it was not there.
        """
        parents: dict[Oid, set[Oid]] = defaultdict(set)
        bases = [self._read_base(snapshot) for snapshot in snapshots]
        for snapshot, base in zip(snapshots, bases, strict=True):
            if base is not None and (base in parents or len(parents) < _MOST_BASES):
                parents[base].update(snapshot.parents)
        descendants = {
            base: self._quarantine.select_descendants(base, commits) for base, commits in parents.items()
        }
        codes = {base: self._find_code(base) for base, commits in descendants.items() if commits}
        for snapshot, base in zip(snapshots, bases, strict=True):
            if base is None:
                yield snapshot
            else:
                is_ancestor = not descendants.get(base, set()).isdisjoint(snapshot.parents)
                yield replace(snapshot, base=BaseFacts(codes.get(base), is_ancestor))

    def _read_base(self, snapshot: PushedSnapshot) -> Oid | None:
        """Return the commit of a snapshot's base, if it has one whose code it must have."""
        if snapshot.settings is None:
            return None
        try:
            base = settings.parse(snapshot.settings).based_on
        except BadSettings:
            return None
        return Oid.parse(base.commit) if base is not None and not base.detached else None

    def _find_code(self, base: Oid) -> Oid | None:
        """Return the code of a base; `None` if it has none, or cannot be read."""
        try:
            content = self._quarantine.read_as(Kind.COMMIT, base)
            top = self._quarantine.read_as(Kind.TREE, commits.parse(content).tree)
            entries = tree.parse(top)
        except (Corrupt, ValueError):
            return None
        is_code = (entry.oid for entry in entries if entry.is_tree and entry.name == CODE.encode())
        return next(is_code, None)
