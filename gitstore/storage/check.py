"""Verifying a repository apart from its snapshots: git's own files, refs, working copies, what refs need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models import active_state
from gitstore.models.model import CLAIM, is_derived
from gitstore.packs.pack import Pack
from gitstore.progress import Progress
from gitstore.storage import git_files, ref_check
from gitstore.storage.reachability import reachable
from gitstore.storage.ref_check import Findings
from gitstore.storage.retry import retry_while_refs_change
from gitstore.text import shown


def check(repository: Repository, progress: Progress = lambda _: None) -> Findings:
    """Check all that is not a snapshot's: git's own files, refs, working copies, and what refs need.

    Together with the snapshots, that is everything in the repository. Writes nothing.
    """
    problems, notices = ref_check.check(repository)
    problems += git_files.problems(repository, progress)
    problems += packs(repository.objects.own_packs)
    problems += [each.message for each in repository.objects.damaged]
    problems += [*active_state.problems(repository), *_claims(repository)]
    if not problems:
        try:
            retry_while_refs_change(repository, lambda: reachable(repository))
        except Corrupt as error:
            problems.append(error.message)
    return Findings(list(dict.fromkeys(problems)), notices)


def _claims(repository: Repository) -> Iterator[str]:
    """Working copies whose states/ are noted to be of a model that there is not."""
    for directory in (repository.common, *sorted(repository.common.glob("worktrees/*"))):
        path = directory / CLAIM
        try:
            name = path.read_bytes().decode("utf-8", "replace").removesuffix("/")
        except OSError:
            continue
        if name and not is_derived(repository, name):
            yield f"{path} names the model {shown(name)}, which is not there; rm it forgets that"


def packs(own: Iterable[Pack]) -> list[str]:
    """Check each pack and index against its own checksum; returns what is wrong."""
    problems = []
    for check in (check for pack in own for check in (pack.check_content, pack.index.check)):
        try:
            check()
        except FileNotFoundError:
            continue  # merged into another since it was listed
        except Corrupt as error:
            problems.append(error.message)
    return problems
