"""A model derived from a snapshot, in a worktree."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gitstore import settings
from gitstore.derive import worktree
from gitstore.derive.first_state import ABSENT
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run import creation, evaluation, training
from gitstore.run.values.inputs import Assignments
from gitstore.snapshots import verify
from gitstore.states.materialize import materialize
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support.commands import Fsck, Git
from tests.support.models import make, noise, picture, put, refs, take, user_conditions, user_launcher


class TestWhatItMakes:
    def test_one_commit_on_the_base_s(self, dogs: Model, git: Git, fsck: Fsck) -> None:
        log = git("log", "--format=%s%n%P", "-1", "dogs", cwd=dogs.directory).splitlines()
        assert log == [
            "Derive dogs from digits@v1",
            git("rev-parse", "v1^{commit}", cwd=dogs.directory).strip(),
        ]
        assert git("ls-tree", "-r", "--name-only", "dogs", cwd=dogs.directory).split() == [
            ".gitignore",
            "code/model.py",
            "settings.yaml",
        ]
        assert git("rev-parse", "dogs:code", cwd=dogs.directory) == git(
            "rev-parse", "v1:code", cwd=dogs.directory
        )
        fsck(dogs.directory)

    def test_hardly_a_byte(self, tmp_path: Path) -> None:
        model = make(tmp_path / "m")
        put(model, "initial", {"large": noise(8_000_000)})
        made = worktree.derive(take(model, "v1"), "dogs", tmp_path / "dogs")
        assert made.pack is not None
        assert made.pack.size < 2048
        # commit, tree and settings of the branch; the state's commit, on a tree that is there
        assert made.pack.objects == 4
        on_disk = [path for path in (tmp_path / "dogs").rglob("*") if path.is_file() and path.name != ".git"]
        assert sum(path.stat().st_size for path in on_disk) < 16 * 1024

    def test_settings_with_their_comments_and_the_base(self, base: Model, dogs: Model, git: Git) -> None:
        tag, commit = git("rev-parse", "v1", "v1^{commit}", cwd=base.directory).split()
        text = (dogs.directory / "settings.yaml").read_text()
        expected = (base.directory / "settings.yaml").read_text().replace("name: digits", "name: dogs")
        assert text.startswith(expected)
        assert "# no more" in text
        found = settings.parse(text.encode()).based_on
        assert found == settings.BasedOn(model="digits", snapshot="v1", tag=tag, commit=commit)

    def test_a_worktree_that_git_knows(self, v1: Snapshot, git: Git, tmp_path: Path) -> None:
        dogs = worktree.derive(v1, "dogs", tmp_path / "dogs").model
        listed = git("worktree", "list", "--porcelain", cwd=tmp_path / "digits")
        assert f"worktree {dogs.directory}\n" in listed
        assert "branch refs/heads/dogs\n" in listed
        assert "locked" not in listed
        assert git("status", "--porcelain", cwd=dogs.directory) == ""
        modes = [
            path.stat().st_mode & 0o777 for path in (dogs.directory / "code").rglob("*") if path.is_file()
        ]
        assert modes == [0o444]
        assert os.access(dogs.directory / "settings.yaml", os.W_OK)

    def test_the_base_s_state(self, dogs: Model, git: Git) -> None:
        assert git("rev-parse", "refs/states/dogs/initial^{tree}", cwd=dogs.directory) == git(
            "rev-parse", "v1:state", cwd=dogs.directory
        )
        assert dogs.active_state == "initial"
        assert (materialize(dogs, "initial") / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"

    def test_or_none(self, v1: Snapshot, tmp_path: Path) -> None:
        cats = worktree.derive(v1, "cats", tmp_path / "cats", state=ABSENT).model
        assert not [ref for ref in refs(cats.directory) if ref.startswith("refs/states/cats")]
        assert cats.active_state == "initial"
        assert list((cats.directory / "states" / "initial").iterdir()) == []

    def test_code_called_code_whatever_the_base_called_it(
        self, model: Model, git: Git, tmp_path: Path
    ) -> None:
        git("mv", "code", "src", cwd=model.directory)
        path = model.directory / "settings.yaml"
        path.write_text(path.read_text() + "code: src\n")
        git("commit", "--quiet", "--all", "-m", "src", cwd=model.directory)
        cats = worktree.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        assert (cats.directory / "code" / "model.py").exists()
        assert cats.settings.code == "code"
        take(cats, "v1")

    def test_the_packages_and_ignore_rules_of_the_base(self, model: Model, git: Git, tmp_path: Path) -> None:
        (model.directory / ".gitignore").write_text("__pycache__/\n/states/\n")
        (model.directory / "packages.lock").write_text("locked\n")
        git("add", "--all", cwd=model.directory)
        git("commit", "--quiet", "-m", "rules", cwd=model.directory)
        cats = worktree.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        assert (cats.directory / "packages.lock").read_text() == "locked\n"
        (cats.directory / "code" / "__pycache__").mkdir()
        (cats.directory / "code" / "__pycache__" / "model.pyc").touch()
        assert take(cats, "v1").lock_blob is not None

    def test_in_an_empty_directory(self, v1: Snapshot, tmp_path: Path) -> None:
        (tmp_path / "my dogs – größer").mkdir()
        derived = worktree.derive(v1, "dogs", tmp_path / "my dogs – größer")
        assert derived.model.directory == tmp_path / "my dogs – größer"

    def test_from_a_bare_repository(self, v1: Snapshot, git: Git, tmp_path: Path, fsck: Fsck) -> None:
        git("clone", "--quiet", "--mirror", "digits", "b.git", cwd=tmp_path)
        (base,) = snapshot.read_own_snapshots(Model.open(tmp_path / "b.git"))
        assert worktree.default_directory(base.repository, "cats") == tmp_path / "cats"
        cats = worktree.derive(base, "cats", tmp_path / "cats").model
        assert take(cats, "v1").ref == "refs/tags/cats/v1"
        fsck(tmp_path / "b.git")

    def test_beside_the_root_model_wherever_one_stands(self, base: Model, dogs: Model) -> None:
        assert worktree.default_directory(base.repository, "cats") == base.directory.parent / "cats"
        assert worktree.default_directory(dogs.repository, "cats") == base.directory.parent / "cats"

    def test_beside_a_submodule(self, model: Model, git: Git, tmp_path: Path) -> None:
        git("init", "--quiet", "super", cwd=tmp_path)
        git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(model.directory), "sub",
            cwd=tmp_path / "super")  # fmt: skip
        inner = Model.open(tmp_path / "super" / "sub")
        assert worktree.default_directory(inner.repository, "cats") == tmp_path / "super" / "cats"

    def test_a_derived_model_can_be_a_base(self, dogs: Model, tmp_path: Path, git: Git, fsck: Fsck) -> None:
        take(dogs, "v1")
        base = take(dogs, "v2")
        pugs = worktree.derive(base, "pugs", tmp_path / "pugs").model
        assert pugs.base is not None
        assert (pugs.base.model, pugs.base.snapshot) == ("dogs", "v2")
        assert git("rev-parse", "pugs:code", cwd=dogs.directory) == git(
            "rev-parse", "v1:code", cwd=dogs.directory
        )
        assert take(pugs, "v1").tag.trailers["Based-On"] == f"dogs@v2 {base.tag_oid}"
        fsck(dogs.directory)


class TestWithoutItsBase:
    def test_it_stays_whole(self, dogs: Model, base: Model, git: Git, fsck: Fsck) -> None:
        git("tag", "--delete", "v1", cwd=base.directory)
        git("reflog", "expire", "--expire=now", "--all", cwd=base.directory)
        for kept in (base.repository.common / "objects" / "pack").glob("*.keep"):
            kept.unlink()
        git("gc", "--quiet", "--prune=now", cwd=base.directory)
        fsck(base.directory)
        again = Model.open(dogs.directory)
        found = take(again, "v1")
        report = verify.verify(found.repository, [(found.ref, found.tag_oid)])
        assert (report.problems, report.objects > 5) == ((), True)
        done = evaluation.evaluate_snapshot(
            found, Assignments(["values=[1, 2]"], dogs.directory), launcher=user_launcher()
        )
        assert done.outputs["products"].tolist() == [2.0, 4.0]
        assert worktree.derive(found, "pugs", base.directory.parent / "pugs").model.name == "pugs"
        fsck(base.directory)


class TestIsolation:
    """What a derived model does is seen in its own refs and files, and nowhere else."""

    def test_of_training_evaluating_saving_and_snapshots(
        self, base: Model, dogs: Model, git: Git, tmp_path: Path
    ) -> None:
        save_state(base, "initial")
        cats = worktree.derive(take(base, "v3"), "cats", tmp_path / "cats").model

        def others() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
            # Records of all models share a notes ref, as git has it, and are found by what they are about.
            own = ("refs/notes/trainings", "refs/records/")
            everything = refs(base.directory).items()
            found = {ref: oid for ref, oid in everything if "dogs/" not in ref and not ref.startswith(own)}
            return found, picture(base.directory), picture(cats.directory)

        before = others()
        shutil.rmtree(dogs.directory / "states" / "initial")
        here = Model.open(dogs.directory)
        creation.create_state(
            here, Assignments(["factor=3"], here.directory), conditions=user_conditions(), name="made"
        )
        use_state(here, "made")
        trained = training.train(
            here, Assignments(["values=[1.0]"], here.directory), conditions=user_conditions()
        )
        use_state(here, trained.saved.name)
        evaluation.evaluate_working_copy(
            here, Assignments(["values=[1.0]"], here.directory), conditions=user_conditions()
        )
        found = take(here, "v1")
        evaluation.evaluate_snapshot(
            found, Assignments(["values=[1.0]"], here.directory), launcher=user_launcher()
        )
        put(here, "initial", {"weights": b"new"})
        save_state(here, "initial")
        assert others() == before
        own = {ref for ref in refs(base.directory) if "dogs/" in ref}
        assert own == {
            "refs/states/dogs/initial",
            "refs/states/dogs/made",
            "refs/states/dogs/trained-1",
            "refs/tags/dogs/v1",
        }
