"""Running `git push` and `git fetch`, and reading what they report while they run."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.git import process as git
from gitstore.git.config import ONE_PACK
from gitstore.git.process import Completed, GitFailed
from gitstore.git.repository import Repository
from gitstore.objects.received import flushing, owning
from gitstore.progress import Progress
from gitstore.text import harmless
from gitstore.transfer import grafts
from gitstore.transfer.remotes import Remote, explain_failure
from gitstore.units import SIZES

_log = logging.getLogger(__name__)

_REJECTED = 1  # exit code of git push, if the other side refused refs
_RECEIVED = re.compile(r"Receiving objects: +(\d+)%")
_NO_ATOMIC = "does not support --atomic push"
_NO_SHALLOW = "does not support shallow clients"
_NOISE = re.compile(r"(?:remote: )?(?:[A-Z][\w ]+: +\d+|Total \d|Delta compression|Enumerating objects)|\s*$")
"""Lines of progress, and what git says of its own work."""

_BYTES = re.compile(r"(?:Writing|Receiving) objects: .*?, ([\d.]+) (bytes|[KMGT]iB)")
EXACT = (
    "-c", "pack.useSparse=false", "-c", "advice.graftFileDeprecated=false",
    "-c", "core.packedGitWindowSize=16m", "-c", "core.packedGitLimit=64m",
)  # fmt: skip
"""Options with which git leaves out all that it knows to be on the other side, at any path of a tree.

It also maps little of a pack at one time, and not all of it.
"""

_LONGEST = 1 << 20
"""Characters of refspecs that one git push gets: Linux allows 2 MiB of arguments."""


class RefSpec(NamedTuple):
    """A ref of both sides that a push creates, moves or, if `is_deleted`, deletes.

    It gets the value that it has here, or that of `source`.
    `expected` is what the other side must have (hexadecimal, empty for nothing) for a ref that may move
    anywhere; `None` for one that git moves forward only.
    """

    ref: str
    is_deleted: bool = False
    source: str | None = None
    expected: str | None = None

    def as_arguments(self) -> list[str]:
        """Return the words of git push."""
        lease = [f"--force-with-lease={self.ref}:{self.expected}"] if self.expected is not None else []
        source = "" if self.is_deleted else self.source or self.ref
        return [*lease, f"{source}:{self.ref}"]


class RefusedRef(NamedTuple):
    """A ref that the other side, or git on its behalf, refused to change."""

    ref: str
    reason: str


class PushRefused(GitstoreError):
    """The other side refused refs. `refused` has each of them; nothing moved if the push was atomic.

    `lines` are what it printed, its reasons perhaps, without control characters.
    """

    def __init__(self, remote: Remote, refused: Sequence[RefusedRef], *, lines: Sequence[str] = ()) -> None:
        super().__init__(
            "\n".join(f"{remote} refuses {refused_ref.ref}: {refused_ref.reason}" for refused_ref in refused)
        )
        self.refused = tuple(refused)
        self.lines = tuple(lines)


def log_line(line: str) -> None:
    """Log a line of the other side."""
    _log.info("%s", line)


def send(
    repository: Repository,
    remote: Remote,
    specs: Iterable[RefSpec],
    *,
    variables: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
    on_line: Callable[[str], None] = log_line,
) -> None:
    """Push refs with all that they need. They move together, or none, where the other side can do that.

    git gets `variables`. `progress` is called with bytes sent, 0 at first, `on_line` with each line that the
    other side prints, without control characters. Raises `PushRefused`, and `GitstoreError` if it cannot be
    reached or the connection breaks.
    """
    for batch in _divide(list(specs)):
        reader = _Reader(progress, on_line)
        _send_batch(repository, remote, batch, variables=variables or {}, reader=reader)


def receive(
    repository: Repository, remote: Remote, sources: Sequence[str], *, progress: Progress = lambda _: None
) -> None:
    """Fetch refs, or objects by id, with all that they need.

    No ref is set but `refs/remotes/REMOTE/*` for branches: the others are the caller's part, who holds
    `repository.writing()` until they are set. The packs become ours.

    `progress` is called with bytes received. Raises `GitstoreError` if the connection breaks.
    """
    tracked = f"+refs/heads/*:refs/remotes/{remote.name}/*" if remote.name is not None else ""
    options = ("--no-tags", "--no-write-fetch-head", f"--refmap={tracked}", "--recurse-submodules=no")
    command = ("-c", "fetch.fsckObjects=true", "fetch", "--progress", *options, "--stdin", remote.address)
    arguments = [*ONE_PACK, *command]
    objects, stdin = repository.common / "objects", "\n".join(sources).encode()
    on_progress = flushing(objects, _Reader(progress, log_line).read_line)
    with owning(objects), grafts.tell_fetch(repository) as variables:
        variables = {**remote.variables, **variables}
        completed = _watch(repository, arguments, on_progress=on_progress, stdin=stdin, variables=variables)
        if completed.returncode and _NO_SHALLOW in completed.stderr:
            completed = _watch(
                repository, arguments, on_progress=on_progress, stdin=stdin, variables=remote.variables
            )
    if completed.returncode:
        raise explain(completed, arguments, remote=remote)


def _divide(specs: list[RefSpec]) -> Iterable[list[RefSpec]]:
    batch, size = list[RefSpec](), 0
    for spec in specs:
        length = sum(len(word) + 1 for word in spec.as_arguments())
        if batch and size + length > _LONGEST:
            yield batch
            batch, size = [], 0
        batch.append(spec)
        size += length
    if batch:
        yield batch


def _send_batch(
    repository: Repository,
    remote: Remote,
    specs: list[RefSpec],
    *,
    variables: Mapping[str, str],
    reader: _Reader,
) -> None:
    options = ("--porcelain", "--progress", "--no-follow-tags", "--recurse-submodules=no")
    words = [word for spec in specs for word in spec.as_arguments()]
    words.sort(key=lambda word: not word.startswith("--force-with-lease"))  # options come first
    words.insert(sum(word.startswith("--") for word in words), remote.address)
    variables = {**remote.variables, **variables}
    for atomic in (["--atomic"], []):
        arguments = [*EXACT, "push", *options, *atomic, *words]
        completed = _watch(
            repository, arguments, on_progress=reader.read_line, variables=variables, with_hooks=True
        )
        if not completed.returncode or _NO_ATOMIC not in completed.stderr:
            break
    refused = _read_refusals(completed.stdout)
    if refused and completed.returncode == _REJECTED:
        raise PushRefused(remote, refused, lines=reader.lines)
    if completed.returncode == _REJECTED:  # by a hook here
        reason = " ".join(completed.stderr.partition("error: failed to push")[0].split())
        raise GitstoreError(f"git refused the push: {reason}", "git hook run pre-push runs the hook alone")
    if completed.returncode:
        raise explain(completed, arguments, remote=remote)
    for line in completed.stderr.splitlines():  # of a pre-push hook, for instance
        if not _NOISE.match(line):
            _log.info("%s", harmless(line))


def _watch(
    repository: Repository,
    arguments: Sequence[str],
    *,
    on_progress: Callable[[str], None],
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    with_hooks: bool = False,
) -> Completed:
    return git.watch(
        *(() if with_hooks else repository.without_hooks),
        *arguments,
        cwd=repository.directory,
        on_progress=on_progress,
        variables=repository.variables | dict(variables or {}),
        stdin=stdin,
        with_hooks=with_hooks,
    )


class _Reader:
    """Reads lines of progress: the bytes so far become increments, `lines` are those of the other side."""

    def __init__(self, progress: Progress, on_line: Callable[[str], None]) -> None:
        self.lines: list[str] = []
        self._progress = progress
        self._on_line = on_line
        self._bytes = 0

    def read_line(self, line: str) -> None:
        amount = _BYTES.match(line)
        if amount is not None:
            total = int(float(amount[1]) * SIZES.get(amount[2], 1))
            self._progress(max(0, total - self._bytes))
            self._bytes = max(total, self._bytes)
        elif not line.startswith("remote: "):  # git works: it is connected
            self._progress(0)
        elif not _NOISE.match(line):
            self.lines.append(harmless(line.rstrip()))
            self._on_line(self.lines[-1])


def _read_refusals(porcelain: bytes) -> list[RefusedRef]:
    """Read lines like `!<tab>refs/tags/v1:refs/tags/v1<tab>[remote rejected] (reason)`, git-push(1)."""
    refused = []
    for line in porcelain.decode(errors="replace").splitlines():
        fields = line.split("\t")
        if fields[0] == "!" and len(fields) == 3:
            reason = re.search(r"\((.*)\)$", fields[2])
            refused.append(RefusedRef(fields[1].rpartition(":")[2], reason[1] if reason else fields[2]))
    # In an atomic push, refs fail because of others, which have the reasons.
    causes = [ref for ref in refused if "atomic" not in ref.reason]
    return causes or refused


def report_fraction(on_fraction: Callable[[float], None]) -> Callable[[str], None]:
    """Return what reads git's lines of progress, and reports the fraction that has arrived, from 0 to 1."""

    def report(line: str) -> None:
        received = _RECEIVED.search(line)
        if received is not None:
            on_fraction(int(received[1]) / 100)

    return report


def explain(completed: Completed, arguments: Sequence[str], *, remote: Remote) -> GitstoreError:
    """Make the error for a git that could not reach another repository, or lost it."""
    return explain_failure(GitFailed(arguments, completed.returncode, stderr=completed.stderr), remote)
