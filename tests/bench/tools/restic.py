"""restic: content-defined chunks, encrypted, zstd since repository version 2."""

from __future__ import annotations

from tests.bench.measure import disk_use
from tests.bench.tools.base import Base, Scratch, version_of


class Restic(Base):
    """`restic backup` to a local repository, restored by tag."""

    name = "restic"
    note = (
        "repository version 2, default compression; always encrypts; a restore checks the MAC and SHA-256"
        " of every chunk"
    )

    def version(self) -> str | None:
        return version_of(["restic", "version"])

    def env(self) -> dict[str, str]:
        return self.scratch.env(RESTIC_REPOSITORY=str(self.scratch.store), RESTIC_PASSWORD="bench")

    def prepare(self, scratch: Scratch) -> None:
        super().prepare(scratch)
        self.run("restic", "init", "--quiet", "--repository-version", "2")

    def snapshot(self, label: str) -> None:
        self.run("restic", "backup", "--quiet", "--host", "bench", "--tag", label, ".")

    def stored_bytes(self) -> int:
        return disk_use(self.scratch.store)

    def restore(self, label: str) -> None:
        self.run("restic", "restore", "--quiet", "latest", "--tag", label, "--target", self.scratch.out)
