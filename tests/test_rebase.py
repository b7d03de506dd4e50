from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitstore import derive, rebase, reference, settings, snapshot, state, usage, verify
from gitstore.errors import GitstoreError, Locked
from gitstore.model import Model
from gitstore.rebase import Rebased
from gitstore.run import operations
from gitstore.snapshot import Snapshot
from tests.support.commands import Fsck, Git, Gitstore, Outcome
from tests.support.failing import fails
from tests.support.models import again, git_state, make, picture, put, refs, take, user_cache


def change(model: Model, git: Git, *, old: str = "RATE = 2.0", new: str = "RATE = 3.0") -> None:
    """Commit another code."""
    path = model.directory / "code" / "model.py"
    path.write_text(path.read_text().replace(old, new))
    git("add", "--all", cwd=model.directory)
    git("commit", "--quiet", "-m", "another rate", cwd=model.directory)


def retype(model: Model, git: Git, old: str, new: str) -> None:
    """Commit other settings."""
    path = model.directory / "settings.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    git("commit", "--quiet", "-m", "other settings", "--", "settings.yaml", cwd=model.directory)


@pytest.fixture
def dogs(model: Model, tmp_path: Path) -> Model:
    """dogs, based on digits@v1, in `tmp_path`/dogs."""
    return derive.derive(take(model, "v1"), "dogs", tmp_path / "dogs").model


@pytest.fixture
def v2(dogs: Model, model: Model, git: Git) -> Snapshot:
    """Another snapshot of digits, with one file more and one changed."""
    (model.directory / "code" / "sub").mkdir()
    (model.directory / "code" / "sub" / "größer name.py").write_text("new\n")
    change(model, git)
    return take(model, "v2")


class TestWhatItDoes:
    def test_one_commit_with_two_parents(self, dogs: Model, v2: Snapshot, git: Git, fsck: Fsck) -> None:
        tip = git("rev-parse", "dogs", cwd=dogs.directory).strip()
        done = rebase.rebase(dogs, v2)
        log = git("log", "--format=%s%n%H%n%P", "-1", "dogs", cwd=dogs.directory).splitlines()
        assert log == ["Rebase dogs on digits@v2", str(done.commit), f"{tip} {v2.commit}"]
        assert git("rev-parse", "dogs:code", cwd=dogs.directory).strip() == str(v2.code)
        assert git("status", "--porcelain", cwd=dogs.directory) == ""
        assert git("log", "--oneline", "dogs", cwd=dogs.directory)
        fsck(dogs.directory)

    def test_the_files_follow_and_are_read_only(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        rebase.rebase(dogs, v2)
        found = {
            path.relative_to(dogs.directory / "code").as_posix(): path
            for path in (dogs.directory / "code").rglob("*")
            if path.is_file()
        }
        assert sorted(found) == ["model.py", "sub/größer name.py"]
        assert "RATE = 3.0" in found["model.py"].read_text()
        assert {path.stat().st_mode & 0o777 for path in found.values()} == {0o444}
        back = reference.resolve("digits@v1", dogs.directory)
        rebase.rebase(again(dogs), back)
        assert not (dogs.directory / "code" / "sub").exists()
        assert "RATE = 2.0" in (dogs.directory / "code" / "model.py").read_text()

    def test_settings_stay_but_for_the_base(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        retype(dogs, git, "filesystem_size: 1MiB    # no more", "filesystem_size: 2MiB    # some more")
        before = (dogs.directory / "settings.yaml").read_text()
        done = rebase.rebase(again(dogs), v2)
        text = (dogs.directory / "settings.yaml").read_text()
        assert text.partition("based_on:")[0] == before.partition("based_on:")[0]
        expected = settings.BasedOn(model="digits", snapshot="v2", tag=str(v2.oid), commit=str(v2.commit))
        assert settings.parse(text.encode()).based_on == done.model.base == expected

    def test_states_snapshots_and_all_other_models_stay(
        self, dogs: Model, model: Model, v2: Snapshot
    ) -> None:
        take(dogs, "mine")
        put(dogs, "initial", {"weights": b"not saved"})

        def others() -> object:
            found = {ref: oid for ref, oid in refs(model.directory).items() if ref != "refs/heads/dogs"}
            found.pop("worktrees")
            return found, picture(model.directory), git_state(model.directory)

        before, states = others(), picture(dogs.directory / "states")
        rebase.rebase(dogs, v2)
        assert (others(), picture(dogs.directory / "states")) == (before, states)

    def test_it_runs_the_new_code_on_its_own_state(self, dogs: Model, v2: Snapshot) -> None:
        here = rebase.rebase(dogs, v2).model
        found = take(here, "v1")
        assert found.code == v2.code
        assert found.tag.trailers["Based-On"] == f"digits@v2 {v2.oid}"
        done = operations.evaluate_snapshot(
            found, ["values=[1, 2]"], directory=dogs.directory, cache=user_cache()
        )
        assert done.outputs["products"].tolist() == [3.0, 6.0]

    def test_everything_still_verifies_and_adds_up(
        self, dogs: Model, model: Model, v2: Snapshot, git: Git, fsck: Fsck
    ) -> None:
        take(dogs, "v1")
        here = rebase.rebase(dogs, v2).model
        take(here, "v2")
        tags = verify.snapshots(model.repository, "refs/tags/", below=True)
        report = verify.verify(Model.open(model.directory).repository, tags)
        assert (len(report.snapshots), report.problems) == (4, ())
        found = usage.measure(Model.open(model.directory).repository)
        assert (found.dead, sum(holder.charged for holder in found.holders)) == (0, found.live)
        fsck(model.directory)

    def test_edits_that_it_does_not_touch_stay(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        (dogs.directory / "notes.txt").write_text("staged\n")
        git("add", "notes.txt", cwd=dogs.directory)
        (dogs.directory / "todo.txt").write_text("unknown\n")
        rebase.rebase(dogs, v2)
        assert git("status", "--porcelain", cwd=dogs.directory) == "A  notes.txt\n?? todo.txt\n"

    def test_in_another_code_directory(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        (dogs.directory / "src").mkdir()
        git("mv", "code", "src/main", cwd=dogs.directory)
        retype(dogs, git, "name: dogs", "name: dogs\ncode: src/main")
        git("commit", "--quiet", "-m", "move", cwd=dogs.directory)
        here = rebase.rebase(again(dogs), v2).model
        assert git("rev-parse", "dogs:src/main", cwd=dogs.directory).strip() == str(v2.code)
        assert not (dogs.directory / "code").exists()
        assert take(here, "v1").code == v2.code

    def test_the_new_base_stays_without_its_tag(
        self, dogs: Model, model: Model, v2: Snapshot, git: Git, fsck: Fsck
    ) -> None:
        rebase.rebase(dogs, v2)
        git("tag", "--delete", "v1", "v2", cwd=model.directory)
        git("reset", "--quiet", "--hard", "HEAD~1", cwd=model.directory)
        git("reflog", "expire", "--expire=now", "--all", cwd=model.directory)
        for kept in (model.repository.common / "objects" / "pack").glob("*.keep"):
            kept.unlink()
        git("gc", "--quiet", "--prune=now", cwd=model.directory)
        found = take(again(dogs), "v1")
        assert verify.verify(found.repository, [(found.ref, found.oid)]).problems == ()
        fsck(dogs.directory)

    def test_from_a_base_whose_tag_is_gone(self, dogs: Model, model: Model, v2: Snapshot, git: Git) -> None:
        git("tag", "--delete", "v1", cwd=model.directory)
        assert rebase.rebase(again(dogs), v2).before.snapshot == "v1"

    def test_a_model_derived_from_a_derived_one(
        self, dogs: Model, v2: Snapshot, tmp_path: Path, fsck: Fsck
    ) -> None:
        pugs = derive.derive(take(dogs, "v1"), "pugs", tmp_path / "pugs").model
        second = take(rebase.rebase(dogs, v2).model, "v2")
        here = rebase.rebase(pugs, second).model
        assert here.base is not None
        assert (here.base.model, here.base.snapshot) == ("dogs", "v2")
        assert take(here, "v1").code == v2.code
        fsck(dogs.directory)

    def test_where_the_repository_is_bare(self, model: Model, git: Git, tmp_path: Path, fsck: Fsck) -> None:
        take(model, "v1")
        change(model, git)
        take(model, "v2")
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        one, two = snapshot.below(Model.open(tmp_path / "b.git"))
        cats = derive.derive(one, "cats", tmp_path / "my cats").model
        assert take(rebase.rebase(cats, two).model, "v1").code == two.code
        fsck(tmp_path / "b.git")


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
        cats = derive.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        self.lock(model, git, new)
        here = rebase.rebase(cats, take(model, "v2")).model
        path = here.directory / "packages.lock"
        assert (path.read_text() if path.exists() else None) == new
        assert git("status", "--porcelain", cwd=here.directory) == ""

    def test_one_of_its_own_stays(self, model: Model, git: Git, tmp_path: Path) -> None:
        self.lock(model, git, "1\n")
        cats = derive.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        self.lock(cats, git, "mine\n")
        self.lock(model, git, "2\n")
        here = rebase.rebase(again(cats), take(model, "v2")).model
        assert (here.directory / "packages.lock").read_text() == "mine\n"

    def test_it_stays_with_the_packages_that_it_is_for(
        self, model: Model, git: Git, tmp_path: Path, gitstore: Gitstore
    ) -> None:
        self.lock(model, git, "1\n")
        cats = derive.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        retype(cats, git, "name: cats", "name: cats\npackages: {requirements: [numpy==1.0.0]}")
        retype(model, git, "name: digits", "name: digits\npackages: {requirements: [numpy==2.0.0]}")
        self.lock(model, git, "2\n")
        take(model, "v2")
        done = gitstore("rebase", "digits@v2", cwd=cats.directory)
        assert done == Outcome(
            0,
            "",
            "warning: packages.requirements.numpy: digits@v2 has 2.0.0, cats keeps 1.0.0\n"
            "warning: packages: those of cats differ from those of digits@v2\n"
            "Rebased cats from digits@v1 on digits@v2\n",
        )
        assert (cats.directory / "packages.lock").read_text() == "1\n"

    def test_it_comes_with_the_packages(
        self, model: Model, git: Git, tmp_path: Path, gitstore: Gitstore
    ) -> None:
        self.lock(model, git, "1\n")
        cats = derive.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        retype(model, git, "name: digits", "name: digits\npackages: {requirements: [numpy==2.0.0]}")
        self.lock(model, git, "2\n")
        take(model, "v2")
        done = gitstore("rebase", "digits@v2", cwd=cats.directory)
        assert (
            done.stderr.splitlines()[0] == 'settings: packages: (none) -> {"requirements": ["numpy==2.0.0"]}'
        )
        assert again(cats).settings.packages.requirements == ("numpy==2.0.0",)
        assert (cats.directory / "packages.lock").read_text() == "2\n"
        assert git("status", "--porcelain", cwd=cats.directory) == ""


class TestRefusals:
    """Nothing is changed, on disk or in git."""

    def refused(self, dogs: Model, base: Snapshot, *, force: bool = False) -> GitstoreError:
        before = refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)
        with pytest.raises(GitstoreError) as caught:
            rebase.rebase(again(dogs), base, force=force)
        assert (refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)) == before
        return caught.value

    def test_a_root_model(self, model: Model, v2: Snapshot) -> None:
        with fails(
            "digits is not based on a snapshot, so it cannot move to another",
            hint="gitstore derive makes a model that is",
        ):
            rebase.rebase(model, v2)

    @pytest.mark.parametrize("force", [False, True])
    def test_a_snapshot_of_itself(self, dogs: Model, *, force: bool) -> None:
        error = self.refused(dogs, take(dogs, "v1"), force=force)
        assert error.message == "dogs@v1 is a snapshot of dogs itself"
        assert error.hint == "name one of digits"

    @pytest.mark.parametrize("force", [False, True])
    def test_a_circle(self, dogs: Model, tmp_path: Path, *, force: bool) -> None:
        pugs = derive.derive(take(dogs, "v1"), "pugs", tmp_path / "pugs").model
        base = derive.derive(take(pugs, "v1"), "dachshunds", tmp_path / "dachshunds").model
        error = self.refused(dogs, take(base, "v1"), force=force)
        assert error.message == "dachshunds@v1 is based on dogs, which cannot be based on it in turn"
        assert error.hint == "name a snapshot of digits"

    def test_a_circle_by_a_snapshot_from_before(
        self, dogs: Model, v2: Snapshot, model: Model, tmp_path: Path
    ) -> None:
        """cats@v1 is based on digits, but cats itself is based on dogs by now."""
        cats = derive.derive(v2, "cats", tmp_path / "cats").model
        old = take(cats, "v1")
        rebase.rebase(cats, take(dogs, "v1"), force=True)
        error = self.refused(dogs, old, force=True)
        assert error.message == "cats@v1 is based on dogs, which cannot be based on it in turn"

    def test_another_line_without_force(self, dogs: Model, v2: Snapshot, tmp_path: Path) -> None:
        other = take(derive.derive(v2, "cats", tmp_path / "cats").model, "v1")
        error = self.refused(dogs, other)
        assert error.message == "cats@v1 is no snapshot of digits, which dogs is based on"
        assert error.hint == "--force moves it there all the same"
        assert rebase.rebase(dogs, other, force=True).model.line() == ["dogs", "cats", "digits"]

    def test_another_repository(self, dogs: Model, tmp_path: Path) -> None:
        other = take(make(tmp_path / "other"), "v1")
        assert self.refused(dogs, other, force=True).message == (
            "digits@v1 is in another repository, and a worktree cannot leave its own"
        )

    def test_a_base_that_goes_meanwhile(self, dogs: Model, model: Model, v2: Snapshot, git: Git) -> None:
        git("tag", "--delete", "v2", cwd=model.directory)
        assert self.refused(dogs, v2).message == "the snapshot v2 is gone: somebody removed it meanwhile"

    @pytest.mark.parametrize("staged", [False, True])
    def test_edited_settings(self, dogs: Model, v2: Snapshot, git: Git, *, staged: bool) -> None:
        path = dogs.directory / "settings.yaml"
        path.write_text(path.read_text() + "# a comment\n")
        if staged:
            git("add", "settings.yaml", cwd=dogs.directory)
        error = self.refused(dogs, v2, force=True)
        assert error.message == "settings.yaml has changes that are not committed"
        assert error.hint == (
            "git commit -m TEXT -- settings.yaml keeps them, git checkout HEAD -- settings.yaml drops them"
        )

    @pytest.mark.parametrize("name", ["model.py", "my – new.py", "deep/er/new.py"])
    def test_edited_code(self, dogs: Model, v2: Snapshot, name: str) -> None:
        path = dogs.directory / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.chmod(0o644)
        path.write_text("edited\n")
        error = self.refused(dogs, v2, force=True)
        assert error.message == f"code/{name} has changes that are not committed"
        assert error.hint == "git stash --include-untracked puts them aside, git status shows them"

    def test_several_files(self, dogs: Model, v2: Snapshot) -> None:
        (dogs.directory / "code" / "a.py").write_text("new\n")
        (dogs.directory / "code" / "model.py").unlink()
        assert self.refused(dogs, v2).message == "code/a.py, and 1 more have changes that are not committed"

    @pytest.mark.parametrize("way", ["sub/größer name.py", "sub"])
    def test_an_ignored_file_in_the_way(self, dogs: Model, v2: Snapshot, git: Git, way: str) -> None:
        path = dogs.directory / "code" / way
        path.parent.mkdir(exist_ok=True)
        path.write_text("precious\n")
        (dogs.directory / ".gitignore").write_text("/states/\nsub\n")
        git("commit", "--quiet", "--all", "-m", "ignore", cwd=dogs.directory)
        error = self.refused(dogs, v2, force=True)
        assert error.message == f"code/{way} is in the way: digits@v2 has a file there"
        assert error.hint == "move it away"

    def test_code_that_was_committed(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        (dogs.directory / "code" / "model.py").chmod(0o644)
        change(dogs, git, new="RATE = 9.0")
        error = self.refused(dogs, v2)
        assert error.message == "code/ on the branch dogs is not that of digits@v1: a commit changed it"
        assert error.hint == (
            "gitstore detach makes it the model's own; --force gives it up, but for the branch's history"
        )
        assert take(rebase.rebase(again(dogs), v2, force=True).model, "v1").code == v2.code

    @pytest.mark.parametrize(
        ("switch", "here"),
        [(("-c", "topic"), "the branch topic"), (("--detach",), "no branch")],
    )
    def test_another_branch(
        self, dogs: Model, v2: Snapshot, git: Git, switch: tuple[str, ...], here: str
    ) -> None:
        git("switch", "--quiet", *switch, cwd=dogs.directory)
        error = self.refused(dogs, v2)
        assert error.message == f"{dogs.directory} has {here} checked out, not the model's own"
        assert error.hint == "git switch dogs"

    def test_an_index_that_is_locked(self, dogs: Model, v2: Snapshot) -> None:
        lock = dogs.repository.git_directory / "index.lock"
        lock.touch()
        error = self.refused(dogs, v2)
        assert (type(error), error.message) == (Locked, "the index is locked by another git process")
        assert error.hint == f"if none is running, a crash left the lock: remove {lock}"


class TestTypes:
    NARROWED = (
        "train:\n    - {name: values, types: [f64], shape: [-1]}",
        "train:\n    - {name: values, types: [f32], shape: [4]}\n    - {name: rate, types: [f64], shape: []}",
    )

    def test_what_no_longer_fits_is_listed_and_refused(
        self, dogs: Model, model: Model, git: Git, gitstore: Gitstore
    ) -> None:
        retype(model, git, *self.NARROWED)
        take(model, "v2")
        before = refs(dogs.directory), picture(dogs.directory)
        lines = [
            "types.train.values.types: digits@v2 does not take f64",
            "types.train.values.shape: digits@v2 takes [4], not [-1]",
            "types.train.rate: digits@v2 requires this input",
        ]
        hint = "hint: --force moves dogs all the same; then mend types in its settings.yaml\n"
        assert gitstore("rebase", "digits@v2", cwd=dogs.directory) == Outcome(
            1, "", "".join(f"error: {line}\n" for line in lines) + hint
        )
        assert (refs(dogs.directory), picture(dogs.directory)) == before
        own = (dogs.directory / "settings.yaml").read_text().partition("based_on")[0]
        assert gitstore("rebase", "--force", "digits@v2", cwd=dogs.directory / "code") == Outcome(
            0,
            "",
            "".join(f"warning: {line}\n" for line in lines) + "Rebased dogs from digits@v1 on digits@v2\n",
        )
        assert (dogs.directory / "settings.yaml").read_text().partition("based_on")[0] == own

    def test_what_did_not_fit_before_is_no_news(self, dogs: Model, model: Model, git: Git) -> None:
        retype(dogs, git, "types: [f64], shape: [-1]}\n  evaluate", "types: [u8], shape: [-1]}\n  evaluate")
        change(model, git)
        assert rebase.rebase(again(dogs), take(model, "v2")).misfits == ()

    def test_types_widened(self, dogs: Model, model: Model, git: Git) -> None:
        retype(
            model,
            git,
            "train:\n    - {name: values, types: [f64]",
            "train:\n    - {name: values, types: [f64, f32]",
        )
        assert rebase.rebase(dogs, take(model, "v2")).misfits == ()


class TestInterrupted:
    def killed(self, dogs: Model, step: str) -> None:
        """Run rebase in a process that is killed at a step."""
        script = (
            "import os, signal, sys; from pathlib import Path;"
            "from gitstore import branch, rebase, reference; from gitstore.model import Model;"
            "from gitstore.objects import git; from gitstore.objects.refs import Refs;"
            "die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL);"
            f"{step};"
            "here = Path(sys.argv[1]); rebase.rebase(Model.open(here), reference.resolve('digits@v2', here))"
        )
        done = subprocess.run([sys.executable, "-c", script, dogs.directory], check=False)
        assert done.returncode == -signal.SIGKILL

    def finish(self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git) -> Rebased:
        fsck(dogs.directory)
        done = rebase.rebase(again(dogs), v2)
        assert git("status", "--porcelain", cwd=dogs.directory) == ""
        code = dogs.directory / "code"
        assert "RATE = 3.0" in (code / "model.py").read_text()
        assert (code / "sub" / "größer name.py").read_text() == "new\n"
        assert {path.stat().st_mode & 0o777 for path in code.rglob("*") if path.is_file()} == {0o444}
        assert git("rev-list", "--count", "--first-parent", "v1..dogs", cwd=dogs.directory) == "2\n"
        assert take(done.model, "v1").code == v2.code
        fsck(dogs.directory)
        return done

    @pytest.mark.parametrize("step", ["branch.Branch.add = die", "Refs.change = die"])
    def test_before_the_branch_all_is_as_before(
        self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git, step: str
    ) -> None:
        before = refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)
        self.killed(dogs, step)
        assert (refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)) == before
        assert self.finish(dogs, v2, fsck, git).commit is not None

    @pytest.mark.parametrize("step", ["branch.Branch.advance = die", "rebase.set_writable = die"])
    def test_after_it_the_same_again_finishes(
        self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git, step: str
    ) -> None:
        self.killed(dogs, step)
        assert again(dogs).base == settings.BasedOn(
            model="digits", snapshot="v2", tag=str(v2.oid), commit=str(v2.commit)
        )
        assert self.finish(dogs, v2, fsck, git).commit is None

    def test_in_the_middle_of_a_file(self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git) -> None:
        self.killed(dogs, "branch.Branch.advance = die")
        path = dogs.directory / "code" / "model.py"
        content = path.read_text().replace("RATE = 2.0", "RATE = 3.0")
        path.unlink()
        path.write_text(content[:100])
        (dogs.directory / "settings.yaml").write_text("")
        self.finish(dogs, v2, fsck, git)

    @pytest.mark.parametrize("name", ["settings.yaml", "code/model.py", "code/new.py"])
    def test_what_was_edited_since_is_not_lost(self, dogs: Model, v2: Snapshot, git: Git, name: str) -> None:
        self.killed(dogs, "branch.Branch.advance = die")
        path = dogs.directory / name
        if path.exists():
            path.chmod(0o644)
        path.write_text("name: edited\n")
        with fails(f"{name} has changes that are not committed"):
            rebase.rebase(again(dogs), v2)
        assert path.read_text() == "name: edited\n"

    def test_a_snapshot_between_is_refused_with_the_way_out(
        self, dogs: Model, v2: Snapshot, git: Git
    ) -> None:
        self.killed(dogs, "branch.Branch.advance = die")
        with pytest.raises(GitstoreError) as caught:
            take(dogs, "v1")
        assert caught.value.hint == "git checkout HEAD -- settings.yaml brings it back"

    def test_files_that_cannot_follow(self, dogs: Model, v2: Snapshot, git: Git, fsck: Fsck) -> None:
        git("config", "filter.broken.smudge", "false", cwd=dogs.directory)
        git("config", "filter.broken.clean", "cat", cwd=dogs.directory)
        git("config", "filter.broken.required", "true", cwd=dogs.directory)
        attributes = dogs.repository.common / "info" / "attributes"
        attributes.write_text("*.py filter=broken\n")
        with pytest.raises(GitstoreError) as caught:
            rebase.rebase(dogs, v2)
        assert caught.value.message.startswith(
            f"the commit is made, but not all files of {dogs.directory} have followed: git read-tree: "
        )
        assert caught.value.hint == "fix that, then run the same command again"
        attributes.unlink()
        self.finish(dogs, v2, fsck, git)


class TestCommand:
    def test_what_it_says(self, dogs: Model, v2: Snapshot, gitstore: Gitstore) -> None:
        assert gitstore("rebase", "digits@v2", cwd=dogs.directory) == Outcome(
            0, "", "Rebased dogs from digits@v1 on digits@v2\n"
        )
        assert gitstore("rebase", "digits@v2", cwd=dogs.directory) == Outcome(
            0, "", "dogs is based on digits@v2 already\n"
        )

    def test_json(self, dogs: Model, v2: Snapshot, git: Git, gitstore: Gitstore) -> None:
        done = gitstore("rebase", "digits@v2", "--json", cwd=dogs.directory)
        assert json.loads(done.stdout) == {
            "name": "dogs",
            "base": {
                "model": "digits",
                "snapshot": "v2",
                "tag": str(v2.oid),
                "commit": str(v2.commit),
                "url": None,
            },
            "before": "digits@v1",
            "commit": git("rev-parse", "dogs", cwd=dogs.directory).strip(),
            "misfits": [],
            "changes": [],
            "conflicts": [],
            "other_packages": False,
            "added_bytes": 0,
            "linked_bytes": 0,
        }

    def test_no_such_snapshot(self, dogs: Model, gitstore: Gitstore) -> None:
        assert gitstore("rebase", "digits@v9", cwd=dogs.directory).code == 1

    def test_a_name_alone_is_of_the_base(
        self, dogs: Model, model: Model, v2: Snapshot, gitstore: Gitstore
    ) -> None:
        assert (
            gitstore("rebase", "v2", cwd=dogs.directory).stderr
            == "Rebased dogs from digits@v1 on digits@v2\n"
        )
        assert gitstore("rebase", "v9", cwd=dogs.directory).stderr.startswith(
            "error: there is no snapshot digits@v9\n"
        )

    def test_two_at_once(self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git) -> None:
        command = [str(Path(sys.executable).with_name("gitstore")), "rebase", "digits@v2"]
        both = [subprocess.Popen(command, cwd=dogs.directory, stderr=subprocess.PIPE) for _ in range(2)]
        said = [(process.communicate()[1], process.returncode) for process in both]
        assert 0 in [code for _, code in said], said
        assert rebase.rebase(again(dogs), v2).commit is None
        assert git("status", "--porcelain", cwd=dogs.directory) == ""
        fsck(dogs.directory)


def test_state_refs_are_untouched(dogs: Model, v2: Snapshot) -> None:
    before = {ref: oid for ref, oid in refs(dogs.directory).items() if ref.startswith("refs/states/")}
    here = rebase.rebase(dogs, v2).model
    assert {ref: oid for ref, oid in refs(dogs.directory).items() if ref in before} == before
    assert state.active(here) == "initial"
