"""What a verification covers, and how it ends. `test_verify.py` has what it finds in snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.models.model import Model
from gitstore.models.reference import SeveralRepositories
from gitstore.snapshots import verification
from gitstore.snapshots.signatures import NotSigned
from gitstore.snapshots.verification import Scope
from tests.support import scenes
from tests.support.failing import refuses
from tests.support.models import take


@pytest.fixture
def dogs(tmp_path: Path) -> Model:
    """dogs with the snapshot d1, based on digits@v1 in the same repository."""
    model = scenes.derived(tmp_path)
    take(model, "d1")
    return model


def covered(scope: Scope) -> set[str]:
    return {ref for ref, _ in scope.tags}


class TestScope:
    def test_of_a_model(self, dogs: Model) -> None:
        assert covered(verification.find_of_model(dogs.directory)) == {"refs/tags/dogs/d1"}

    def test_of_a_repository(self, dogs: Model) -> None:
        scope = verification.find_all(dogs.directory / "code")
        assert (covered(scope), scope.is_all) == ({"refs/tags/dogs/d1", "refs/tags/v1"}, True)

    def test_of_what_is_named(self, dogs: Model) -> None:
        assert covered(verification.find_named(["digits@v1"], dogs.directory)) == {"refs/tags/v1"}

    def test_what_is_named_is_in_one_repository(self, tmp_path: Path) -> None:
        dogs = scenes.referencing(tmp_path)
        take(dogs, "d1")
        with refuses(kind=SeveralRepositories):
            verification.find_named(["d1", f"{tmp_path / 'digits'}@v1"], dogs.directory)

    def test_a_ref_that_cannot_be_read_is_a_problem(self, dogs: Model) -> None:
        (dogs.repository.common / "refs" / "tags" / "dogs" / "d2").write_text("junk\n")
        scope = verification.find_of_model(dogs.directory)
        assert covered(scope) == {"refs/tags/dogs/d1"}
        (problem,) = scope.damaged_refs
        assert "refs/tags/dogs/d2" in problem
        assert verification.run(scope).problems == [problem]


class TestResult:
    def test_nothing_is_wrong(self, dogs: Model) -> None:
        result = verification.run(verification.find_of_model(dogs.directory))
        assert (result.problems, result.error, result.exit_code) == ([], None, 0)

    def test_a_signature_is_required(self, dogs: Model) -> None:
        result = verification.run(verification.find_of_model(dogs.directory), require_signatures=True)
        assert (type(result.error), result.exit_code) == (NotSigned, 1)
        assert list(result.unaccepted) == ["dogs@d1"]

    def test_the_cache_is_checked_with_the_whole_repository_only(self, dogs: Model) -> None:
        def check() -> list[str]:
            return ["a file is damaged in the cache"]

        whole = verification.run(verification.find_all(dogs.directory), check_cache=check)
        assert (type(whole.error), whole.problems) == (Corrupt, check())
        assert verification.run(verification.find_of_model(dogs.directory), check_cache=check).error is None

    def test_damage_is_worse_than_a_missing_signature(self, dogs: Model) -> None:
        scope = verification.find_all(dogs.directory)
        result = verification.run(scope, require_signatures=True, check_cache=lambda: ["damaged"])
        assert (type(result.error), result.exit_code) == (Corrupt, 12)
        assert result.unaccepted.keys() == {"dogs@d1", "v1"}
