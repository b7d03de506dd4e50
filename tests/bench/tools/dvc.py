"""DVC: a pointer in git, the file whole and uncompressed in a cache, addressed by MD5."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.measure import disk_use
from tests.bench.tools.base import WEIGHTS, Scratch, version_of
from tests.bench.tools.git import Git, commit_of


class Dvc(Git):
    """`dvc add` + `git commit`, restored by `dvc checkout` where the file was."""

    name = "DVC"
    note = (
        "cache type `copy`, because a link would be no restored file; restored with `dvc checkout` in the"
        " same working copy after the file was removed; nothing is verified, as with git-lfs"
    )

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)

    def version(self) -> str | None:
        return version_of([*self.command, "--version"], DVC_NO_ANALYTICS="1")

    def env(self) -> dict[str, str]:
        home = self.scratch.root / "home"
        return self.scratch.env(
            DVC_NO_ANALYTICS="1",
            DVC_SITE_CACHE_DIR=str(home / "dvc-site"),
            DVC_GLOBAL_CONFIG_DIR=str(home / "dvc-global"),
            DVC_SYSTEM_CONFIG_DIR=str(home / "dvc-system"),
        )

    def prepare(self, scratch: Scratch) -> None:
        super().prepare(scratch)
        self.run(*self.command, "init", "--quiet")
        settings = {"core.analytics": "false", "core.check_update": "false", "cache.type": "copy"}
        for key, value in settings.items():
            self.run(*self.command, "config", key, value)

    def snapshot(self, label: str) -> None:
        self.run(*self.command, "add", "--quiet", WEIGHTS)
        self.run("git", "add", ".")
        self.commit(label)

    def stored_bytes(self) -> int:
        return disk_use(self.scratch.work / ".git", self.scratch.work / ".dvc")

    def before_restore(self) -> None:
        self.weights().unlink()

    def restore(self, label: str) -> None:
        self.run("git", "checkout", "--quiet", commit_of(label), "--", f"{WEIGHTS}.dvc")
        self.run(*self.command, "checkout", "--quiet", f"{WEIGHTS}.dvc")

    restored = Git.weights
