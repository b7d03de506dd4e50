"""Names in a store: owners, people, OWNER/MODEL, and OWNER/MODEL@SNAPSHOT.

Each name becomes a component of a path, so it is checked before any path is made of it.
"""

from __future__ import annotations

from typing import NamedTuple

from gitstore.errors import InvalidName
from gitstore.names import name_problem, spell_snapshot
from gitstore.text import quoted

SUFFIX = ".git"

RESERVED = frozenset({"hooks", "keys", "events", "logs"})
"""Names of directories at the top of a store that are no owner's."""


class ModelName(NamedTuple):
    """The full name of a model in a store."""

    owner: str
    model: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.model}"


class SnapshotName(NamedTuple):
    """A snapshot of a model in a store. `snapshot` is its tag without refs/tags/: `v1` or `dogs/v1`."""

    model: ModelName
    snapshot: str

    def __str__(self) -> str:
        return spell_snapshot(self.snapshot, str(self.model))

    @property
    def ref(self) -> str:
        """The ref of the snapshot's tag."""
        return f"refs/tags/{self.snapshot}"


def owner_problem(name: str) -> str | None:
    """Return what is wrong with the name of an owner; `None` if nothing is. It continues a sentence."""
    if name.casefold() in RESERVED or name.casefold().startswith(("store.yaml", "ledger.sqlite")):
        return "is a name that the store reserves"
    return _part_problem(name)


def user_problem(name: str) -> str | None:
    """Return what is wrong with the name of a person; `None` if nothing is. It continues a sentence."""
    return _part_problem(name)


def model_problem(name: str) -> str | None:
    """Return what is wrong with the name of a model in a store; `None` if nothing is."""
    return _part_problem(name)


def _part_problem(name: str) -> str | None:
    if name.casefold().endswith(SUFFIX):
        return f"ends with {SUFFIX!r}"
    return name_problem(name)


def parse_model_name(text: str) -> ModelName:
    """Parse OWNER/MODEL. A `.git` at the end and a `/` at the beginning, as URLs have them, do not count.

    Raises `InvalidName`.
    """
    parts = text.removeprefix("/").removesuffix("/").removesuffix(SUFFIX).split("/")
    if len(parts) != 2:
        raise InvalidName(f"{quoted(text)} is not the name of a model in a store", "write OWNER/MODEL")
    for part, problem in zip(parts, (owner_problem(parts[0]), model_problem(parts[1])), strict=True):
        if problem is not None:
            raise InvalidName(f"{quoted(part)} cannot be part of a model's name: it {problem}")
    return ModelName(*parts)


def parse_snapshot_name(text: str) -> SnapshotName:
    """Parse OWNER/MODEL@SNAPSHOT, or OWNER/MODEL@DERIVED/SNAPSHOT. Raises `InvalidName`."""
    name, at, snapshot = text.partition("@")
    parts = snapshot.split("/")
    if not at or not 1 <= len(parts) <= 2 or any(name_problem(part) for part in parts):
        raise InvalidName(
            f"{quoted(text)} is not the name of a snapshot in a store", "write OWNER/MODEL@SNAPSHOT"
        )
    return SnapshotName(parse_model_name(name), snapshot)
