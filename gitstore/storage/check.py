"""Checking a whole repository apart from its snapshots: git's files, refs, working copies, reachability."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models import active_state, alias
from gitstore.models.model import CLAIM, has_derived_model
from gitstore.packs.pack import Pack
from gitstore.progress import Progress
from gitstore.storage import git_files, ref_check
from gitstore.storage.reachability import find_reachable
from gitstore.storage.ref_check import Findings
from gitstore.storage.retry import retry_while_refs_change
from gitstore.text import shown


def check_repository(repository: Repository, progress: Progress = lambda _: None) -> Findings:
    """Check git's own files, refs, working copies, and that no needed object is missing.

    Together with a check of all snapshots, that is everything in the repository. Writes nothing.
    """
    problems, notices = ref_check.check_refs(repository)
    problems += git_files.find_problems(repository, progress)
    problems += check_packs(repository.objects.own_packs)
    problems += [error.message for error in repository.objects.damaged]
    for lines, more in zip((problems, notices), alias.find_problems(repository), strict=True):
        lines += more
    problems += [*active_state.find_problems(repository), *_check_claims(repository)]
    if not problems:
        try:
            retry_while_refs_change(repository, lambda: find_reachable(repository))
        except Corrupt as error:
            problems.append(error.message)
    return Findings(list(dict.fromkeys(problems)), notices)


def _check_claims(repository: Repository) -> Iterator[str]:
    """Yield a problem for each working copy whose states/ belong to a model that does not exist."""
    for directory in (repository.common, *sorted(repository.common.glob("worktrees/*"))):
        path = directory / CLAIM
        try:
            name = path.read_bytes().decode("utf-8", "replace").removesuffix("/")
        except OSError:
            continue
        if name and not has_derived_model(repository, name):
            yield f"{path} names the model {shown(name)}, which does not exist; remove the file"


def check_packs(own: Iterable[Pack]) -> list[str]:
    """Check each pack and index against its own checksum; return the problems."""
    problems = []
    for check in (check for pack in own for check in (pack.check_content, pack.index.check)):
        try:
            check()
        except FileNotFoundError:
            continue  # merged into another since it was listed
        except Corrupt as error:
            problems.append(error.message)
    return problems
