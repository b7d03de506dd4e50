"""What a rebase makes of packages.lock, and of types that no longer fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive import rebase, worktree
from gitstore.models.model import Model
from tests.support.commands import Git, Outcome, Run
from tests.support.models import again, change, picture, refs, retype, take


class TestPackagesLock:
    def lock(self, model: Model, git: Git, content: str | None) -> None:
        path = model.directory / "packages.lock"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        git("add", "--all", cwd=model.directory)
        git("commit", "--quiet", "-m", "lock", cwd=model.directory)

    @pytest.mark.parametrize(("old", "new"), [("1\n", "2\n"), (None, "2\n"), ("1\n", None)])
    def test_it_follows_where_it_was_the_base_s(
        self, model: Model, git: Git, tmp_path: Path, old: str | None, new: str | None
    ) -> None:
        if old is not None:
            self.lock(model, git, old)
        cats = worktree.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        self.lock(model, git, new)
        here = rebase.rebase(cats, take(model, "v2")).model
        path = here.directory / "packages.lock"
        assert (path.read_text() if path.exists() else None) == new
        assert git("status", "--porcelain", cwd=here.directory) == ""

    def test_one_of_its_own_stays(self, model: Model, git: Git, tmp_path: Path) -> None:
        self.lock(model, git, "1\n")
        cats = worktree.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        self.lock(cats, git, "mine\n")
        self.lock(model, git, "2\n")
        here = rebase.rebase(again(cats), take(model, "v2")).model
        assert (here.directory / "packages.lock").read_text() == "mine\n"

    def test_it_stays_with_the_packages_that_it_is_for(
        self, model: Model, git: Git, tmp_path: Path, run: Run
    ) -> None:
        self.lock(model, git, "1\n")
        cats = worktree.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        retype(cats, "name: cats", "name: cats\npackages: {requirements: [numpy==1.0.0]}")
        retype(model, "name: digits", "name: digits\npackages: {requirements: [numpy==2.0.0]}")
        self.lock(model, git, "2\n")
        take(model, "v2")
        done = run("rebase", "digits@v2", cwd=cats.directory)
        assert done == Outcome(
            0,
            "",
            "warning: packages.requirements.numpy: digits@v2 has 2.0.0, cats keeps 1.0.0\n"
            "warning: packages: those of cats differ from those of digits@v2\n"
            "Rebased cats from digits@v1 onto digits@v2\n",
        )
        assert (cats.directory / "packages.lock").read_text() == "1\n"

    def test_it_comes_with_the_packages(self, model: Model, git: Git, tmp_path: Path, run: Run) -> None:
        self.lock(model, git, "1\n")
        cats = worktree.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        retype(model, "name: digits", "name: digits\npackages: {requirements: [numpy==2.0.0]}")
        self.lock(model, git, "2\n")
        take(model, "v2")
        done = run("rebase", "digits@v2", cwd=cats.directory)
        assert (
            done.stderr.splitlines()[0] == 'settings: packages: (none) -> {"requirements": ["numpy==2.0.0"]}'
        )
        assert again(cats).settings.packages.requirements == ("numpy==2.0.0",)
        assert (cats.directory / "packages.lock").read_text() == "2\n"
        assert git("status", "--porcelain", cwd=cats.directory) == ""


class TestTypes:
    NARROWED = (
        "train:\n    - {name: values, types: [f64], shape: [-1]}",
        "train:\n    - {name: values, types: [f32], shape: [4]}\n    - {name: rate, types: [f64], shape: []}",
    )

    def test_what_no_longer_fits_is_listed_and_refused(
        self, dogs: Model, base: Model, git: Git, run: Run
    ) -> None:
        retype(base, *self.NARROWED)
        take(base, "v3")
        before = refs(dogs.directory), picture(dogs.directory)
        lines = [
            "types.train.values.types: digits@v3 does not accept f64",
            "types.train.values.shape: digits@v3 accepts [4], not [-1]",
            "types.train.rate: digits@v3 requires this input",
        ]
        hint = "hint: --force moves dogs anyway; then fix types in its settings.yaml\n"
        assert run("rebase", "digits@v3", cwd=dogs.directory) == Outcome(
            1, "", "".join(f"error: {line}\n" for line in lines) + hint
        )
        assert (refs(dogs.directory), picture(dogs.directory)) == before
        own = (dogs.directory / "settings.yaml").read_text().partition("based_on")[0]
        assert run("rebase", "--force", "digits@v3", cwd=dogs.directory / "code") == Outcome(
            0,
            "",
            "".join(f"warning: {line}\n" for line in lines) + "Rebased dogs from digits@v1 onto digits@v3\n",
        )
        assert (dogs.directory / "settings.yaml").read_text().partition("based_on")[0] == own

    def test_what_did_not_fit_before_is_no_news(self, dogs: Model, base: Model, git: Git) -> None:
        retype(dogs, "types: [f64], shape: [-1]}\n  evaluate", "types: [u8], shape: [-1]}\n  evaluate")
        change(base, old="RATE = 3.0", new="RATE = 4.0")
        assert rebase.rebase(again(dogs), take(base, "v3")).misfits == ()

    def test_types_widened(self, dogs: Model, base: Model, git: Git) -> None:
        retype(
            base,
            "train:\n    - {name: values, types: [f64]",
            "train:\n    - {name: values, types: [f64, f32]",
        )
        assert rebase.rebase(dogs, take(base, "v3")).misfits == ()
