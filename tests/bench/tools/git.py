"""Plain git, as it comes: zlib level 6, one blob for the file."""

from __future__ import annotations

from tests.bench.measure import disk_use
from tests.bench.tools.base import Base, Scratch, version_of


class Git(Base):
    """`git add` + `git commit`, restored by `git worktree add`."""

    name = "git"
    note = (
        "defaults; restored with `git worktree add`, which checks zlib's checksum of the whole file, not the"
        " object id"
    )

    def version(self) -> str | None:
        return version_of(["git", "--version"])

    def prepare(self, scratch: Scratch) -> None:
        super().prepare(scratch)
        self.run("git", "init", "--quiet", "--initial-branch=main")

    def snapshot(self, label: str) -> None:
        self.run("git", "add", ".")
        self.commit(label)

    def commit(self, label: str) -> None:
        """Commit the index, under a subject that `restore` can find without a tag."""
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", label)

    def stored_bytes(self) -> int:
        return disk_use(self.scratch.work / ".git")

    def restore(self, label: str) -> None:
        self.run("git", "worktree", "add", "--quiet", "--detach", self.scratch.out, commit_of(label))


def commit_of(label: str) -> str:
    """The newest commit whose subject begins so (gitrevisions(7))."""
    return f"HEAD^{{/^{label}}}"
