"""What the scenarios ask of every tool, and the places that they give it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench import measure

WEIGHTS = "weights.bin"
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Scratch:
    """The directories of one tool in one repeat: nothing outside of `root` is read or written."""

    root: Path

    @property
    def work(self) -> Path:
        """The working copy."""
        return self.root / "work"

    @property
    def store(self) -> Path:
        """Where a tool keeps versions, if that is not inside the working copy."""
        return self.root / "store"

    @property
    def out(self) -> Path:
        """Where to restore to. Does not exist before."""
        return self.root / "out"

    def make(self) -> None:
        """Make the directories that must exist before a tool starts."""
        for name in ("home", "tmp", "work"):
            (self.root / name).mkdir(parents=True)

    def env(self, **more: str) -> dict[str, str]:
        """An environment with no configuration of the user or the system in it."""
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Bench"), ("EMAIL", "bench@example.invalid"))
        }
        isolated = {
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self.root),
            "GIT_TERMINAL_PROMPT": "0",
        }
        return kept | identity | isolated | more


class Tool(Protocol):
    """One tool, from an empty directory to a restored file.

    A tool is used for one repeat after another, each in a new Scratch. `snapshot` and `restore` are
    timed and do nothing but the tool's own commands; everything else is not timed.
    """

    name: str
    note: str

    def version(self) -> str | None:
        """The version, or None if the tool is not installed."""

    def prepare(self, scratch: Scratch) -> None:
        """Make an empty store and a working copy."""

    def weights(self) -> Path:
        """Where in the working copy the weights go."""

    def before_snapshot(self, label: str) -> None:
        """Whatever must happen in the working copy first, after the weights are in place."""

    def snapshot(self, label: str) -> None:
        """Record the working copy as it is now."""

    def stored_bytes(self) -> int:
        """What the store takes on disk, the working copy left out."""

    def before_restore(self) -> None:
        """Clear the place that `restore` writes to."""

    def restore(self, label: str) -> None:
        """Write a recorded version out as plain files."""

    def restored(self) -> Path:
        """The restored weights."""

    def close(self) -> None:
        """End what still runs."""


class Base:
    """What most tools share: a working copy with the weights at its top, restored to another directory."""

    def prepare(self, scratch: Scratch) -> None:
        """Remember the places and put a small file beside the weights, as models have."""
        self.scratch = scratch
        (scratch.work / "model.py").write_text("class Model: ...\n")

    def weights(self) -> Path:
        """Where in the working copy the weights go."""
        return self.scratch.work / WEIGHTS

    def before_snapshot(self, label: str) -> None:
        """Nothing."""

    def before_restore(self) -> None:
        """Nothing: the place does not exist yet."""

    def restored(self) -> Path:
        """The restored weights, wherever below `out` the tool has put them."""
        found = next(self.scratch.out.rglob(WEIGHTS), None)
        if found is None:
            raise measure.CommandFailed(f"no {WEIGHTS} was restored")
        return found

    def close(self) -> None:
        """Nothing runs."""

    def env(self) -> dict[str, str]:
        """The environment of the tool's commands."""
        return self.scratch.env()

    def run(self, *argv: str | Path, cwd: Path | None = None) -> str:
        """Run a command in the working copy."""
        return measure.run(argv, cwd=cwd or self.scratch.work, env=self.env())


def version_of(argv: Sequence[str], **env: str) -> str | None:
    """The first version number that a command prints, or None if it cannot be run."""
    try:
        done = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"
