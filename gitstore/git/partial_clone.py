"""Fetching what a partial clone lacks, by stock git, from the remote that it was cloned from."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.git import process as git
from gitstore.git.config import ONE_PACK
from gitstore.objects.received import owning
from gitstore.packs.oid import Oid
from gitstore.progress import PROGRESS, TRANSIENT

_BATCH = 1024
"""Objects that are fetched at once. A part of weights has at most 4 MiB."""

_RECEIVED = re.compile(r"Receiving objects: +(\d+)%")

_log = logging.getLogger(__name__)


class PartialClone:
    """What fetches objects for a partial clone, gitprotocol-v2(5): by their ids, many at once.

    Each batch stays when the next one fails, so that a broken fetch continues with the rest.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def fetch(self, oids: Sequence[Oid]) -> None:
        """Fetch objects from the remote that the repository was cloned from. Raises `GitstoreError`."""
        remote = self._find_remote()
        _log.info("fetching %s objects from %s", f"{len(oids):,}", remote, extra=PROGRESS)
        for start in range(0, len(oids), _BATCH):
            batch = oids[start : start + _BATCH]
            arguments = [
                *ONE_PACK, "-c", "fetch.negotiationAlgorithm=noop", "fetch", "--progress",
                "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none",
                "--stdin", remote,
            ]  # fmt: skip
            with owning(self._directory / "objects"):
                fetched = git.watch(
                    *arguments,
                    cwd=self._directory,
                    variables={"GIT_DIR": str(self._directory)},
                    stdin="".join(f"{oid}\n" for oid in batch).encode(),
                    on_progress=_report,
                )
            if fetched.returncode:
                reason = " ".join(fetched.stderr.split()).removeprefix("fatal: ")
                lacking = f"this partial clone lacks {len(oids) - start:,} objects"
                raise GitstoreError(
                    f"{lacking}, and {remote} cannot be read: {reason}",
                    "run the same command again when it can be reached: what has arrived stays",
                )

    def _find_remote(self) -> str:
        """Return the name of the remote, git-config(1): remote.<name>.promisor, extensions.partialClone."""
        listing = git.attempt(
            *("config", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$"),
            cwd=self._directory,
            variables={"GIT_DIR": str(self._directory)},
        )
        for line in listing.stdout.decode(errors="surrogateescape").splitlines():
            key, _, value = line.partition(" ")
            is_remote = key.startswith("remote.")
            if not is_remote or value == "true":
                return key.removeprefix("remote.").removesuffix(".promisor") if is_remote else value
        return "origin"


def _report(line: str) -> None:
    """Log a line of git's progress, which the next one replaces on a terminal."""
    if _RECEIVED.search(line):
        _log.info("%s", line.strip(), extra=TRANSIENT)
