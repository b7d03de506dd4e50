"""gitstore, through its command line as a user has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.bench import measure
from tests.bench.tools.base import WEIGHTS, Base, Scratch, version_of


class Gitstore(Base):
    """`gitstore snapshot`, restored by `gitstore export`."""

    name = "gitstore"
    note = "defaults; a snapshot syncs what it writes, an export re-hashes every object"

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)

    def version(self) -> str | None:
        return version_of([*self.command, "--version"])

    def prepare(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.run(*self.command, "init", scratch.work, "--name", "bench", cwd=scratch.root)
        self.weights().parent.mkdir(parents=True, exist_ok=True)

    def weights(self) -> Path:
        return self.scratch.work / "states" / "initial" / WEIGHTS

    def call(self, *arguments: str | Path) -> None:
        """Run a command on the model."""
        self.run(*self.argv(*arguments))

    def call_watched(self, *arguments: str | Path) -> measure.Peak:
        """Run a command on the model, and watch its memory."""
        return measure.run_watched(self.argv(*arguments), cwd=self.scratch.work, env=self.env())

    def argv(self, *arguments: str | Path) -> list[str | Path]:
        """The full command line of a command on the model."""
        return [*self.command, "-C", self.scratch.work, *arguments]

    def snapshot(self, label: str) -> None:
        self.call("snapshot", label, "-m", label)

    def stored_bytes(self) -> int:
        return measure.disk_use(self.scratch.work / ".git")

    def restore(self, label: str) -> None:
        self.call("export", label, self.scratch.out)
