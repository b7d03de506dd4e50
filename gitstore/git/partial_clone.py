"""Fetching what a partial clone lacks, by stock git, from the remote that it was cloned from."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.git import process as git
from gitstore.git.config import ONE_PACK
from gitstore.git.process import Completed, GitFailed
from gitstore.git.transport import connections
from gitstore.objects.received import flushing, owning
from gitstore.packs.oid import Oid
from gitstore.progress import PROGRESS, TRANSIENT, Progress
from gitstore.text import counted

_FEW, _BATCH = 64, 1024
"""Objects that are fetched at once: the least and the most. A part of weights has at most 4 MiB."""

_RECEIVED = re.compile(r"Receiving objects: +\d+% \((\d+)/")

_log = logging.getLogger(__name__)


class PartialClone:
    """What fetches objects for a partial clone, gitprotocol-v2(5): by their ids, many at once.

    Each batch stays when the next one fails, so that a broken fetch continues with the rest.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def fetch(self, oids: Sequence[Oid]) -> None:
        """Fetch objects from the remote that the repository was cloned from. Raises `GitstoreError`.

        Many are fetched over several connections.
        """
        remote = self._find_remote()
        count = 1
        if len(oids) > _FEW:
            variables = {"GIT_DIR": str(self._directory)}
            count = connections.ask_count(self._directory, partial(self._find_url, remote), variables)
        _log.info("fetching %s from %s", counted(len(oids), "object"), remote, extra=PROGRESS)
        size = min(_BATCH, max(_FEW, -(-len(oids) // count)))
        batches = [oids[start : start + size] for start in range(0, len(oids), size)]
        arrived = list[Oid]()

        def fetch(batch: Sequence[Oid], report: Progress) -> None:
            self._fetch_batch(remote, batch, report=report)
            arrived.extend(batch)

        steps = [partial(fetch, batch) for batch in batches]
        try:
            connections.run([steps[line::count] for line in range(count)], progress=_show(len(oids)))
        except GitFailed as error:
            reason = " ".join(error.stderr.split()).removeprefix("fatal: ")
            lacking = f"this partial clone lacks {counted(len(oids) - len(arrived), 'object')}"
            raise GitstoreError(
                f"{lacking}, and {remote} cannot be read: {reason}",
                "run the same command again when it can be reached: what has arrived stays",
            ) from error

    def _fetch_batch(self, remote: str, batch: Sequence[Oid], *, report: Progress) -> None:
        arguments = [
            *ONE_PACK, "-c", "fetch.negotiationAlgorithm=noop", "fetch", "--progress",
            "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none",
            "--stdin", remote,
        ]  # fmt: skip
        with owning(self._directory / "objects"):
            completed = git.watch(
                *arguments,
                cwd=self._directory,
                variables={"GIT_DIR": str(self._directory)},
                stdin="".join(f"{oid}\n" for oid in batch).encode(),
                on_progress=flushing(self._directory / "objects", _count(report)),
            )
        git.check(completed, arguments, cwd=self._directory)

    def _find_url(self, remote: str) -> str:
        return self._ask("ls-remote", "--get-url", remote).stdout.decode(errors="surrogateescape")

    def _ask(self, *question: str) -> Completed:
        return git.attempt(*question, cwd=self._directory, variables={"GIT_DIR": str(self._directory)})

    def _find_remote(self) -> str:
        """Return the name of the remote, git-config(1): remote.<name>.promisor, extensions.partialClone."""
        listing = self._ask("config", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$")
        for line in listing.stdout.decode(errors="surrogateescape").splitlines():
            key, _, value = line.partition(" ")
            is_remote = key.startswith("remote.")
            if not is_remote or value == "true":
                return key.removeprefix("remote.").removesuffix(".promisor") if is_remote else value
        return "origin"


def _count(report: Progress) -> Callable[[str], None]:
    """Return what reads git's lines of progress, and reports objects as they come, 0 at first."""
    reported = 0

    def read(line: str) -> None:
        nonlocal reported
        received = _RECEIVED.search(line)
        number = int(received[1]) if received is not None else reported
        report(number - reported)
        reported = number

    return read


def _show(total: int) -> Progress:
    """Return what logs how many objects have come, in a line that the next one replaces on a terminal."""
    arrived = 0

    def show(number: int) -> None:
        nonlocal arrived
        arrived += number
        if number:
            share = 100 * arrived // total
            _log.info("Receiving objects: %d%% (%s/%s)", share, f"{arrived:,}", f"{total:,}", extra=TRANSIENT)

    return show
