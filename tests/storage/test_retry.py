from __future__ import annotations

import pytest

from gitstore.git.repository import Repository
from gitstore.objects.database import MissingObject
from gitstore.packs.oid import Kind
from gitstore.storage.retry import retry_while_refs_change
from tests.support.commands import git


@pytest.fixture
def tips(repository: Repository) -> list[str]:
    """Branches, each with a commit that nothing else reaches, all loose."""
    here, names = repository.directory, [f"branch-{number}" for number in range(7)]
    for name in names:
        git("switch", "--quiet", "--orphan", name, cwd=here)
        git("commit", "--quiet", "--allow-empty", "-m", name, cwd=here)
    git("switch", "--quiet", "--orphan", "none", cwd=here)
    (repository.common / "logs" / "HEAD").unlink()
    return names


class Reading:
    """Reads the tips of all branches, after another process has removed and pruned so many, one each time."""

    def __init__(self, repository: Repository, doomed: list[str]) -> None:
        self._repository, self._doomed = repository, doomed
        self.times = 0

    def __call__(self) -> list[str]:
        self.times += 1
        listed = list(self._repository.refs.all())
        if self._doomed:
            git("update-ref", "-d", f"refs/heads/{self._doomed.pop()}", cwd=self._repository.directory)
            git("prune", "--expire=now", cwd=self._repository.directory)
        for _, oid in listed:
            self._repository.objects.read_as(Kind.COMMIT, oid)
        return [ref for ref, _ in listed]


def test_what_was_removed_meanwhile_is_looked_for_anew(repository: Repository, tips: list[str]) -> None:
    reading = Reading(repository, tips[4:])
    assert retry_while_refs_change(repository, reading) == [f"refs/heads/{name}" for name in tips[:4]]
    assert reading.times == 4


def test_work_that_can_never_end_fails(repository: Repository, tips: list[str]) -> None:
    reading = Reading(repository, tips)
    with pytest.raises(MissingObject):
        retry_while_refs_change(repository, reading)
    assert reading.times == 6


def test_what_is_missing_though_no_ref_changes_is_told_at_once(
    repository: Repository, tips: list[str]
) -> None:
    oid = repository.refs.get(f"refs/heads/{tips[0]}")
    (repository.common / "objects" / str(oid)[:2] / str(oid)[2:]).unlink()
    reading = Reading(repository, [])
    with pytest.raises(MissingObject, match=str(oid)):
        retry_while_refs_change(repository, reading)
    assert reading.times == 1
