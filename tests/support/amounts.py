"""How large a repository is that `large` makes. Imports nothing: the benchmark's process stays small."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Amounts:
    """How much of everything.

    `snapshots` and `states` are the root model's. The snapshots are in `packs` that maintenance leaves
    alone, as it does with large ones; each has weights of its own, every 10th other code, every 100th
    other settings. Each derived model has a snapshot; the first `chained` of the `models` are in chains of
    `chain`, each based on the snapshot of the one before. The first `worktrees` have a working copy.
    """

    snapshots: int = 10_000
    models: int = 1_000
    states: int = 1_000
    packs: int = 400
    chained: int = 250
    worktrees: int = 1_000
    chain: int = 50

    def share(self, part: int) -> Amounts:
        """One of so many equal parts, in chains as long."""
        snapshots, models, states, packs, chained, worktrees = (
            max(count // part, 1) for count in astuple(self)[:-1]
        )
        return Amounts(snapshots, models, states, packs, chained, worktrees, self.chain)
