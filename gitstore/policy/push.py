"""The facts of a push, as values: who pushes, which refs change, which objects came, what snapshots say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gitstore.objects.tag import Tag
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.role import Role


class NewObject(NamedTuple):
    """An object in the quarantine: the bytes of its content, and those of its entry in the pack."""

    kind: Kind
    size: int
    disk: int


@dataclass(frozen=True)
class RefMove:
    """A ref that a push wants to change, from `old` to `new`; `None` for a ref that does not exist.

    `kind` is that of the new object. `is_forward` says whether the new commit has the old one among its
    ancestors; it is only known of refs that must move forward, else `False`.
    """

    ref: str
    old: Oid | None
    new: Oid | None
    kind: Kind | None = None
    is_forward: bool = False


class PathProblem(NamedTuple):
    """What is wrong at a path below a ref; `rule` is the name of the rule, `path` is harmless to show."""

    rule: str
    path: str
    problem: str


class TreeExtent(NamedTuple):
    """How large a tree is: paths and parts, counted as often as they would be on disk, and its depth.

    `longest` is the length of its longest path in bytes.
    """

    paths: int = 0
    parts: int = 0
    depth: int = 0
    longest: int = 0


@dataclass(frozen=True)
class PushedTree:
    """What was found in the tree of a ref or of a new commit. `path` says which one: `refs/heads/main`."""

    path: str
    extent: TreeExtent
    problems: tuple[PathProblem, ...] = ()


@dataclass(frozen=True)
class BaseFacts:
    """What the repository knows of the base that a snapshot's settings name.

    `code_tree` is `None` if the commit is not there, or has no code. `is_ancestor` says whether it is an
    ancestor of the snapshot's commit.
    """

    code_tree: Oid | None
    is_ancestor: bool


@dataclass(frozen=True)
class PushedSnapshot:
    """A new tag that is shaped like a snapshot: what it says, and what it leads to.

    `parents` are those of its commit. `settings` is the content of settings.yaml, `None` if it is too large.
    `base` has the facts about the base, if the settings name one.
    """

    ref: str
    tag: Tag
    parents: tuple[Oid, ...]
    code_tree: Oid
    state_tree: Oid
    settings_blob: Oid
    settings: bytes | None
    base: BaseFacts | None = None

    @property
    def prefix(self) -> str:
        """The prefix of its model: `dogs/`, or nothing."""
        prefix, slash, _ = self.ref.removeprefix("refs/tags/").rpartition("/")
        return prefix + slash

    @property
    def name(self) -> str:
        return self.ref.rpartition("/")[2]

    @property
    def model(self) -> str:
        """The name of its model, as the tag has it."""
        return self.tag.trailers.get("Model", "")


class BrokenTag(NamedTuple):
    """A new ref of tags that is not shaped like a snapshot; `rule` is the name of the rule that it breaks."""

    ref: str
    rule: str
    problem: str


class PushedAlias(NamedTuple):
    """The last move of an alias that a push changes: the ref and the tag of the snapshot that gets it."""

    ref: str
    snapshot_ref: str
    tag: Oid


MOST_HIDDEN = 100
"""The most hidden objects that are counted."""


@dataclass(frozen=True)
class Push:
    """A push. Nothing of it is visible yet.

    `refs` are the refs that exist, and `head` is the branch that HEAD names. `objects` are those in the
    quarantine, `pack` their packs' bytes. `hidden` are those that no pushed ref needs and that the
    repository did not have, `MOST_HIDDEN` and one more at the most. `problems` is what the collector found,
    limits at which it stopped included: the facts behind them are missing.
    """

    role: Role
    moves: tuple[RefMove, ...]
    refs: Mapping[str, Oid] = field(default_factory=dict)
    head: str | None = None
    pack: int = 0
    objects: Mapping[Oid, NewObject] = field(default_factory=dict)
    hidden: tuple[Oid, ...] = ()
    snapshots: tuple[PushedSnapshot, ...] = ()
    broken_tags: tuple[BrokenTag, ...] = ()
    aliases: tuple[PushedAlias, ...] = ()
    trees: tuple[PushedTree, ...] = ()
    problems: tuple[PathProblem, ...] = ()
