"""What is based on what: the models of a repository as a tree of bases.

A derived model hangs on the snapshot that it is based on. It is found by the base's commit, which stays
when the tag is renamed; where the tag has been removed, an entry without a snapshot stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gitstore.models.catalog import ListedModel
from gitstore.models.snapshot import Snapshot
from gitstore.names import spell_snapshot
from gitstore.settings import BasedOn


@dataclass
class LineageSnapshot:
    """A snapshot of a model, with the models based on it. `snapshot` is `None` if it was removed."""

    name: str
    snapshot: Snapshot | None
    models: list[LineageModel] = field(default_factory=list)


@dataclass
class LineageModel:
    """A model, with its snapshots in the order in which they were taken, removed ones at the end."""

    model: ListedModel
    snapshots: list[LineageSnapshot]


class Lineage:
    """The tree of a repository's models. `roots` are those whose base is not in the repository."""

    def __init__(self, models: Iterable[ListedModel]) -> None:
        self._by_prefix = {
            model.prefix: LineageModel(
                model, [LineageSnapshot(snapshot.name, snapshot) for snapshot in model.snapshots]
            )
            for model in models
        }
        self._by_commit: dict[str, tuple[LineageModel, LineageSnapshot]] = {}
        for entry in self._by_prefix.values():
            for line_snapshot in entry.snapshots:
                if line_snapshot.snapshot is not None:
                    self._by_commit[str(line_snapshot.snapshot.commit)] = entry, line_snapshot
        self._removed: dict[str, LineageSnapshot] = {}
        self._above: dict[str, str] = {}
        self.roots = [entry for entry in self._by_prefix.values() if not self._attach_to_base(entry)]

    def walk(self) -> Iterator[LineageModel]:
        """Yield all models, each after its base and before the models that are based on it."""
        waiting = [*reversed(self.roots)]
        while waiting:
            entry = waiting.pop()
            yield entry
            waiting += [
                child
                for line_snapshot in reversed(entry.snapshots)
                for child in reversed(line_snapshot.models)
            ]

    def describe_base(self, base: BasedOn) -> str:
        """Return what a base is called now, where it is, and whether it still exists."""
        if base.url is not None:
            return f"{base.full_name} in {base.url}"
        return self.find_name(base) or f"{base.full_name} (removed)"

    def find_name(self, base: BasedOn) -> str | None:
        """Find what a base is called now, as MODEL@SNAPSHOT; `None` if it was removed or is elsewhere."""
        if base.url is not None or base.commit not in self._by_commit:
            return None
        entry, line_snapshot = self._by_commit[base.commit]
        return spell_snapshot(line_snapshot.name, entry.model.name)

    def _attach_to_base(self, entry: LineageModel) -> bool:
        """Put a model below its base. Return whether the base is in this repository."""
        base, prefix = entry.model.base, entry.model.prefix
        above = self._find_base_model(base) if base is not None and base.url is None else None
        if base is None or above is None:
            return False
        # A cycle needs a model with models below it.
        if any(line_snapshot.models for line_snapshot in entry.snapshots) and self._leads_to(
            above.model.prefix, prefix
        ):
            return False
        self._find_base_snapshot(base, above).models.append(entry)
        self._above[prefix] = above.model.prefix
        return True

    def _find_base_model(self, base: BasedOn) -> LineageModel | None:
        """Return the model that a base is a snapshot of, whether or not the snapshot still exists."""
        if base.commit in self._by_commit:
            return self._by_commit[base.commit][0]
        candidates = (self._by_prefix.get(f"{base.model}/"), self._by_prefix.get(""))
        return next(
            (
                candidate
                for candidate in candidates
                if candidate is not None and candidate.model.name == base.model
            ),
            None,
        )

    def _find_base_snapshot(self, base: BasedOn, above: LineageModel) -> LineageSnapshot:
        if base.commit in self._by_commit:
            return self._by_commit[base.commit][1]
        if base.commit not in self._removed:
            self._removed[base.commit] = LineageSnapshot(base.snapshot, None)
            above.snapshots.append(self._removed[base.commit])
        return self._removed[base.commit]

    def _leads_to(self, prefix: str | None, target: str) -> bool:
        """Whether a model is based on another, directly or not. Settings edited by hand can make a cycle."""
        while prefix is not None and prefix != target:
            prefix = self._above.get(prefix)
        return prefix is not None
