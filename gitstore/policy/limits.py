"""How large a push may be; store.yaml replaces these values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitstore.packs import limits
from gitstore.policy.role import Role
from gitstore.units import GIB, MIB

TREE_OVERHEAD = 512
"""Bytes that a tree counts beside its content: what the survey of trees remembers of it."""

DELTA_DEPTH = 256
"""Deltas below one another. git makes 50, unless pack.depth or `git repack --depth` asks for more."""


@dataclass(frozen=True)
class PushLimits:
    """The limits of one push. Sizes are in bytes.

    `pack` is what travels, `inflated` the sum of all contents, `object` one content, and `tree` that of a
    tree. `trees` is the sum of all trees that a check must read. `paths` and `parts` are counted in each tree
    as often as they would be on disk. `depth` counts directories below one another, `path` the bytes of a
    whole path.
    `alias_roles` has the role that moves a protected alias, by its name without that of a model. All others
    take `Role.WRITE`.
    """

    pack: int = 2 * GIB
    inflated: int = 4 * GIB
    object: int = limits.IN_MEMORY
    objects: int = 500_000
    tree: int = 4 * MIB
    trees: int = 64 * MIB
    paths: int = limits.PATHS
    parts: int = limits.PARTS
    depth: int = limits.DEEPEST
    path: int = 4096
    refs: int = 50_000
    parents: int = 64
    alias_roles: Mapping[str, Role] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `ValueError` for a limit that would let nothing in."""
        for name in (
            "pack",
            "inflated",
            "object",
            "objects",
            "tree",
            "trees",
            "paths",
            "parts",
            "depth",
            "refs",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"the limit {name} is {getattr(self, name)}; it must be at least 1")
