"""git with git-lfs: a pointer in git, the file whole and uncompressed beside it."""

from __future__ import annotations

from tests.bench.tools.base import WEIGHTS, Scratch, version_of
from tests.bench.tools.git import Git


class GitLfs(Git):
    """As git, with the weights tracked by git-lfs in this repository only."""

    name = "git-lfs"
    note = (
        "restored with `git worktree add` through the smudge filter (twice as fast as `git lfs checkout`);"
        " nothing is verified: a byte flipped in the store is restored without an error"
    )

    def version(self) -> str | None:
        return version_of(["git-lfs", "version"])

    def prepare(self, scratch: Scratch) -> None:
        super().prepare(scratch)
        self.run("git", "lfs", "install", "--local")
        self.run("git", "lfs", "track", WEIGHTS)
