"""A verification as a person asks for it: which tags it covers, and what it found, its exit code included.

`verify` checks the tags themselves, `storage.check` the rest of a repository.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitstore.errors import Corrupt, GitstoreError
from gitstore.git.repository import Repository
from gitstore.git.verify_tag import Signature
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.progress import Progress
from gitstore.snapshots import signatures, verify
from gitstore.snapshots.signatures import NotSigned
from gitstore.snapshots.verify import Report, Tagged
from gitstore.storage import check

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Scope:
    """What a verification covers: tags of one repository; with `is_all`, the whole repository.

    `damaged_refs` has a problem for each ref in the scope that cannot be read.
    """

    repository: Repository
    tags: Sequence[Tagged]
    damaged_refs: Sequence[str] = ()
    is_all: bool = False


@dataclass(frozen=True)
class Verification:
    """The result of a verification.

    `other_problems` and `notices` (warnings) are of more than snapshots. `unaccepted` are the snapshots
    without a good signature, if one is required. `hint` says where an undamaged copy may be.
    """

    report: Report
    other_problems: Sequence[str]
    notices: Sequence[str]
    unaccepted: Mapping[str, Signature | None]
    hint: str | None = None

    @property
    def problems(self) -> list[str]:
        """All problems, a line or more each."""
        return [*map(str, self.report.problems), *self.other_problems]

    @property
    def error(self) -> GitstoreError | None:
        """The error that a command fails with; `None` if nothing is wrong."""
        if self.problems:
            return Corrupt("\n".join(self.problems), self.hint)
        return NotSigned(self.unaccepted) if self.unaccepted else None

    @property
    def exit_code(self) -> int:
        """The exit code of the error; 0 if nothing is wrong."""
        return self.error.exit_code if self.error is not None else 0


def find_named(references: Iterable[str], directory: Path) -> Scope:
    """Return the scope of snapshots that a person in `directory` names. Reads no more than their tags.

    Raises `GitstoreError` for references that lead nowhere, and `SeveralRepositories`.
    """
    places = [reference.locate(text, directory) for text in references]
    for place in places:
        reference.check_snapshot(place)
    repository = places[0].repository
    if any(place.repository.common != repository.common for place in places):
        raise reference.SeveralRepositories("verify the snapshots of one repository at a time")
    return Scope(repository, [(place.ref, place.oid) for place in places])


def find_of_model(directory: Path) -> Scope:
    """Return the scope of all snapshots of a directory's model.

    If the repository is too damaged to tell which model that is, these are the snapshots of all models.
    """
    repository = Repository.discover(directory)
    try:
        namespace, below = Model.identify(directory).tag_ref(""), False
    except Corrupt:
        namespace, below = _TAGS, True
    damaged_refs = verify.list_damaged_refs(repository, namespace, below=below)
    return Scope(repository, verify.list_tags(repository, namespace, below=below), damaged_refs)


def find_all(directory: Path) -> Scope:
    """Return the scope of a directory's whole repository."""
    repository = Repository.discover(directory)
    return Scope(repository, verify.list_tags(repository, _TAGS, below=True), is_all=True)


def run(
    scope: Scope,
    *,
    require_signatures: bool = False,
    check_cache: Callable[[], Iterable[str]] = tuple,
    expect: Progress = lambda _: None,
    progress: Progress = lambda _: None,
) -> Verification:
    """Verify what is in the scope. Writes nothing.

    `check_cache` returns the problems of cached files; it is called for a whole repository only. `expect`
    and `progress` are called as by `verify.verify`.
    """
    repository = scope.repository
    report = verify.verify(repository, scope.tags, expect=expect, progress=progress)
    problems, notices = list(scope.damaged_refs), list[str]()
    if scope.is_all:
        problems, notices = check.check_repository(repository)
        problems = [*problems, *check_cache()]
    unaccepted = signatures.select_unaccepted(report.signatures) if require_signatures else {}
    # If a tag only says what is not so, no other repository has a better copy.
    is_damaged = (scope.is_all and problems) or any(problem.oid for problem in report.problems)
    hint = repository.objects.missing_hint if is_damaged else None
    return Verification(report, problems, notices, unaccepted, hint)
