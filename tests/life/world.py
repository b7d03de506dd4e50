"""What should exist, in plain Python: models with their snapshots and states, and the working copies.

It knows the rules by which a command refuses, and nothing of git but the ids that a tag was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Files = dict[str, bytes]
"""Contents by path, from the top of a state or of the code."""

Version = tuple[Files, bytes]
"""The code and the settings."""


@dataclass(frozen=True)
class Base:
    """What a derived model is based on: names and ids as its settings have them, and the code itself."""

    model: str
    snapshot: str
    tag: str
    commit: str
    code: Files
    is_detached: bool = False


@dataclass
class Taken:
    """A snapshot, with all that was put in. `commit` stays, `tag` goes with the name.

    `state_name` is what the state was called.
    """

    code: Files
    state: Files
    state_name: str
    settings: bytes
    message: str
    date: int
    commit: str
    tag: str
    base: Base | None

    def exported(self) -> Files:
        """The files of an export."""
        return {
            "settings.yaml": self.settings,
            **{f"code/{path}": content for path, content in self.code.items()},
            **{f"state/{path}": content for path, content in self.state.items()},
        }


@dataclass
class Line:
    """A model: what refs have of it, and its working copy.

    `code` is what git sees of `code_at` on disk, `ignored` what it does not. `disk` are the directories
    below states/, empty ones too. `index`, `head` and `before` are code and settings as git has them
    staged, at the branch's head and in the first parent of that.
    """

    name: str
    prefix: str
    directory: Path
    code_at: str = "code"
    base: Base | None = None
    snapshots: dict[str, Taken] = field(default_factory=dict)
    saved: dict[str, Files] = field(default_factory=dict)
    active: str = "initial"
    disk: dict[str, Files] = field(default_factory=lambda: {"initial": {}})
    code: Files = field(default_factory=dict)
    ignored: Files = field(default_factory=dict)
    settings: bytes = b""
    index: Version = ({}, b"")
    head: Version = ({}, b"")
    before: Version = ({}, b"")

    @property
    def pinned(self) -> Base | None:
        """The base whose code the model's has to be."""
        return self.base if self.base is not None and not self.base.is_detached else None

    @property
    def version(self) -> Version:
        """Code and settings as they are on disk."""
        return self.code, self.settings

    def commit(self, version: Version) -> None:
        """Put a version on the branch and into the index."""
        self.before, self.head, self.index = self.head, version, version

    def on_disk(self, state: str) -> Files | None:
        """A state as it is on disk; an empty directory hides no saved state."""
        if state not in self.disk or (not self.disk[state] and state in self.saved):
            return None
        return self.disk[state]

    def current(self, state: str) -> Files | None:
        """What a snapshot would take of a state."""
        found = self.on_disk(state)
        return found if found is not None else self.saved.get(state)

    def states(self) -> set[str]:
        return self.saved.keys() | self.disk.keys()

    def loses_state(self, state: str) -> bool:
        """Whether files of a state on disk are held by no saved state and no snapshot, at their paths."""
        found = self.on_disk(state) or {}
        held = [*self.saved.values(), *(each.state for each in self.snapshots.values())]
        return found not in held and not _held(found, held)

    def loses_code(self, wanted: Files) -> bool:
        """Whether replacing the code would lose a file that neither the branch nor a snapshot holds."""
        changed = {path: content for path, content in self.code.items() if wanted.get(path) != content}
        return not _held(changed, [self.head[0], *(each.code for each in self.snapshots.values())])

    def loses_settings(self, wanted: bytes) -> bool:
        held = [self.head[1], *(each.settings for each in self.snapshots.values())]
        return self.settings not in (wanted, *held)


def _held(files: Files, places: list[Files]) -> bool:
    return all(any(place.get(path) == content for place in places) for path, content in files.items())


@dataclass
class World:
    """A repository: its root model first, then the derived ones, as they came."""

    root: Line
    derived: dict[str, Line] = field(default_factory=dict)

    @property
    def models(self) -> Mapping[str, Line]:
        return {self.root.name: self.root, **self.derived}

    def snapshots(self) -> Iterator[tuple[Line, str, Taken]]:
        for model in self.models.values():
            for name, taken in model.snapshots.items():
                yield model, name, taken

    def states(self) -> set[str]:
        """The names of states that some model has."""
        return {state for model in self.models.values() for state in model.states()}

    def find(self, reference: str) -> tuple[Line, Taken]:
        """The model and the snapshot that MODEL@SNAPSHOT means."""
        model, _, name = reference.partition("@")
        return self.models[model], self.models[model].snapshots[name]

    def is_taken(self, model: Line, name: str) -> bool:
        """Whether a root snapshot or state would take the name of a derived model."""
        return not model.prefix and name in self.derived

    def pinned_to(self, commit: str) -> set[str]:
        """The derived models that are based on a commit."""
        return {
            name
            for name, model in self.derived.items()
            if model.pinned is not None and model.pinned.commit == commit
        }

    def bases_of(self, name: str, base: Base | None) -> set[str]:
        """A model's name and those of all that it is based on, where its own base is `base`."""
        found = {name}
        while base is not None and base.model not in found:
            found.add(base.model)
            base = self.models[base.model].base if base.model in self.models else None
        return found
