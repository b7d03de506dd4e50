"""borg: content-defined chunks, lz4."""

from __future__ import annotations

from tests.bench.measure import disk_use
from tests.bench.tools.base import Base, Scratch, version_of


class Borg(Base):
    """`borg create` to a local repository without encryption, restored by `borg extract`."""

    name = "borg"
    note = (
        "no encryption, lz4 (the default); a younger small file lies beside the weights, so that its files"
        " cache works; an extract checks the CRC and SHA-256 of every chunk"
    )

    def version(self) -> str | None:
        return version_of(["borg", "--version"])

    def env(self) -> dict[str, str]:
        return self.scratch.env(
            BORG_REPO=str(self.scratch.store),
            BORG_BASE_DIR=str(self.scratch.root / "home"),
            BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
            BORG_RELOCATED_REPO_ACCESS_IS_OK="yes",
        )

    def prepare(self, scratch: Scratch) -> None:
        super().prepare(scratch)
        self.run("borg", "init", "--encryption", "none")

    def before_snapshot(self, label: str) -> None:
        # borg never trusts the youngest file of a backup: alone, the weights would be read again each time.
        (self.scratch.work / "notes.txt").write_text(f"{label}\n")

    def snapshot(self, label: str) -> None:
        self.run("borg", "create", f"::{label}", ".")

    def stored_bytes(self) -> int:
        return disk_use(self.scratch.store)

    def before_restore(self) -> None:
        self.scratch.out.mkdir()

    def restore(self, label: str) -> None:
        self.run("borg", "extract", f"::{label}", cwd=self.scratch.out)
