from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitstore import derive, settings, snapshot, state, verify
from gitstore.derive import Derived
from gitstore.errors import GitstoreError
from gitstore.first_state import ABSENT
from gitstore.model import Model
from gitstore.objects import worktree_building
from gitstore.objects.repository import Repository
from gitstore.run import operations
from tests.support.commands import Fsck, Git
from tests.support.models import make, noise, picture, put, refs, take, user_cache


@pytest.fixture
def made(model: Model, tmp_path: Path) -> Derived:
    """dogs, based on digits@v1, in `tmp_path`/dogs."""
    return derive.derive(take(model, "v1"), "dogs", tmp_path / "dogs")


@pytest.fixture
def dogs(made: Derived) -> Model:
    return made.model


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
        fsck(dogs.directory)

    def test_the_base_s_code_by_object_id(self, dogs: Model, git: Git) -> None:
        assert git("rev-parse", "dogs:code", cwd=dogs.directory) == git(
            "rev-parse", "v1:code", cwd=dogs.directory
        )

    def test_hardly_a_byte(self, tmp_path: Path) -> None:
        model = make(tmp_path / "m")
        put(model, "initial", {"large": noise(8_000_000)})
        made = derive.derive(take(model, "v1"), "dogs", tmp_path / "dogs")
        assert made.pack is not None
        assert made.pack.size < 2048
        # commit, tree and settings of the branch; the state's commit, on a tree that is there
        assert made.pack.objects == 4
        on_disk = [path for path in (tmp_path / "dogs").rglob("*") if path.is_file() and path.name != ".git"]
        assert sum(path.stat().st_size for path in on_disk) < 16 * 1024

    def test_settings_with_their_comments_and_the_base(self, model: Model, dogs: Model, git: Git) -> None:
        tag, commit = git("rev-parse", "v1", "v1^{commit}", cwd=model.directory).split()
        text = (dogs.directory / "settings.yaml").read_text()
        expected = (model.directory / "settings.yaml").read_text().replace("name: digits", "name: dogs")
        assert text.startswith(expected)
        assert "# no more" in text
        found = settings.parse(text.encode()).based_on
        assert found == settings.BasedOn(model="digits", snapshot="v1", tag=tag, commit=commit)

    def test_a_worktree_that_git_knows(self, model: Model, dogs: Model, git: Git) -> None:
        listed = git("worktree", "list", "--porcelain", cwd=model.directory)
        assert f"worktree {dogs.directory}\n" in listed
        assert "branch refs/heads/dogs\n" in listed
        assert "locked" not in listed
        assert git("status", "--porcelain", cwd=dogs.directory) == ""

    def test_code_that_is_read_only(self, dogs: Model) -> None:
        modes = [
            path.stat().st_mode & 0o777 for path in (dogs.directory / "code").rglob("*") if path.is_file()
        ]
        assert modes == [0o444]
        assert os.access(dogs.directory / "settings.yaml", os.W_OK)

    def test_the_base_s_state(self, dogs: Model, git: Git) -> None:
        assert git("rev-parse", "refs/states/dogs/initial^{tree}", cwd=dogs.directory) == git(
            "rev-parse", "v1:state", cwd=dogs.directory
        )
        assert state.active(dogs) == "initial"
        assert (state.materialise(dogs, "initial") / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"

    def test_or_none(self, model: Model, tmp_path: Path) -> None:
        cats = derive.derive(take(model, "v1"), "cats", tmp_path / "cats", state=ABSENT).model
        assert not [ref for ref in refs(model.directory) if ref.startswith("refs/states/cats")]
        assert state.active(cats) == "initial"
        assert list((cats.directory / "states" / "initial").iterdir()) == []

    def test_code_called_code_whatever_the_base_called_it(
        self, model: Model, git: Git, tmp_path: Path
    ) -> None:
        git("mv", "code", "src", cwd=model.directory)
        path = model.directory / "settings.yaml"
        path.write_text(path.read_text() + "code: src\n")
        git("commit", "--quiet", "--all", "-m", "src", cwd=model.directory)
        cats = derive.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        assert (cats.directory / "code" / "model.py").exists()
        assert cats.settings.code == "code"
        take(cats, "v1")

    def test_the_packages_and_ignore_rules_of_the_base(self, model: Model, git: Git, tmp_path: Path) -> None:
        (model.directory / ".gitignore").write_text("__pycache__/\n/states/\n")
        (model.directory / "packages.lock").write_text("locked\n")
        git("add", "--all", cwd=model.directory)
        git("commit", "--quiet", "-m", "rules", cwd=model.directory)
        cats = derive.derive(take(model, "v1"), "cats", tmp_path / "cats").model
        assert (cats.directory / "packages.lock").read_text() == "locked\n"
        (cats.directory / "code" / "__pycache__").mkdir()
        (cats.directory / "code" / "__pycache__" / "model.pyc").touch()
        assert take(cats, "v1").lock is not None

    def test_in_an_empty_directory(self, model: Model, tmp_path: Path) -> None:
        (tmp_path / "my dogs – größer").mkdir()
        derived = derive.derive(take(model, "v1"), "dogs", tmp_path / "my dogs – größer")
        assert derived.model.directory == tmp_path / "my dogs – größer"

    def test_from_a_bare_repository(self, model: Model, git: Git, tmp_path: Path, fsck: Fsck) -> None:
        take(model, "v1")
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        (base,) = snapshot.below(Model.open(tmp_path / "b.git"))
        assert derive.beside(base.repository, "cats") == tmp_path / "cats"
        cats = derive.derive(base, "cats", tmp_path / "cats").model
        assert take(cats, "v1").ref == "refs/tags/cats/v1"
        fsck(tmp_path / "b.git")

    def test_beside_the_root_model_wherever_one_stands(self, model: Model, dogs: Model) -> None:
        assert derive.beside(model.repository, "cats") == model.directory.parent / "cats"
        assert derive.beside(dogs.repository, "cats") == model.directory.parent / "cats"

    def test_beside_a_submodule(self, model: Model, git: Git, tmp_path: Path) -> None:
        git("init", "--quiet", "super", cwd=tmp_path)
        git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(model.directory), "sub",
            cwd=tmp_path / "super")  # fmt: skip
        inner = Model.open(tmp_path / "super" / "sub")
        assert derive.beside(inner.repository, "cats") == tmp_path / "super" / "cats"

    def test_a_derived_model_can_be_a_base(self, dogs: Model, tmp_path: Path, git: Git, fsck: Fsck) -> None:
        take(dogs, "v1")
        base = take(dogs, "v2")
        pugs = derive.derive(base, "pugs", tmp_path / "pugs").model
        assert pugs.base is not None
        assert (pugs.base.model, pugs.base.snapshot) == ("dogs", "v2")
        assert git("rev-parse", "pugs:code", cwd=dogs.directory) == git(
            "rev-parse", "v1:code", cwd=dogs.directory
        )
        assert take(pugs, "v1").tag.trailers["Based-On"] == f"dogs@v2 {base.oid}"
        fsck(dogs.directory)


class TestRefusals:
    def refused(self, model: Model, name: str, directory: Path) -> GitstoreError:
        base = take(model, "base")
        before = refs(model.directory), picture(directory.parent)
        with pytest.raises(GitstoreError) as caught:
            derive.derive(base, name, directory)
        assert (refs(model.directory), picture(directory.parent)) == before
        return caught.value

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("main", "there is a model or branch called main already"),
            ("dogs", "there is a model or branch called dogs already"),
            ("digits", "there is a model or branch called digits already"),
            ("base", "there is a snapshot called base, so no model can be"),
            ("initial", "there is a state called initial, so no model can be"),
            ("topic", "refs/heads/topic/x is there already, so no model can be called topic"),
            ("release", "refs/tags/release/1 is there already, so no model can be called release"),
            ("gone", "refs/states/gone/trained is there already, so no model can be called gone"),
            ("a b", "'a b' cannot be the name of a model: it has a space in it"),
        ],
    )
    def test_a_name_that_is_taken(
        self, dogs: Model, model: Model, git: Git, tmp_path: Path, name: str, message: str
    ) -> None:
        state.save(model, "initial")
        git("branch", "topic/x", cwd=model.directory)
        git("tag", "release/1", cwd=model.directory)
        git("update-ref", "refs/states/gone/trained", "refs/states/initial", cwd=model.directory)
        assert self.refused(model, name, tmp_path / "new").message == message

    def test_the_root_s_name_for_a_derived_model_s_child(self, dogs: Model, tmp_path: Path) -> None:
        """Else digits@v1 could mean two snapshots."""
        error = self.refused(dogs, "digits", tmp_path / "new")
        assert error.message == "there is a model or branch called digits already"

    @pytest.mark.parametrize("kind", ["file", "full directory"])
    def test_a_directory_that_is_taken(self, model: Model, tmp_path: Path, kind: str) -> None:
        target = tmp_path / "taken"
        if kind == "file":
            target.touch()
        else:
            (target / "sub").mkdir(parents=True)
        error = self.refused(model, "cats", target)
        assert error.message == f"{target} exists already"
        assert error.hint == "name another directory: gitstore derive SNAPSHOT NAME DIR"

    def test_states_of_a_model_whose_branch_is_gone_are_kept(
        self, dogs: Model, model: Model, git: Git, tmp_path: Path
    ) -> None:
        put(dogs, "initial", {"weights": b"trained for a week"})
        state.save(dogs, "initial")
        git("worktree", "remove", "--force", str(dogs.directory), cwd=model.directory)
        git("branch", "--quiet", "-D", "dogs", cwd=model.directory)
        error = self.refused(model, "dogs", tmp_path / "again")
        assert error.message == "refs/states/dogs/initial is there already, so no model can be called dogs"
        assert git("show", "refs/states/dogs/initial:weights", cwd=model.directory) == "trained for a week"


class TestItsCode:
    """A derived model has no code of its own, and a snapshot says so by name."""

    def refused(self, dogs: Model) -> GitstoreError:
        before = refs(dogs.directory)
        with pytest.raises(GitstoreError) as caught:
            take(dogs, "v1")
        assert refs(dogs.directory) == before
        return caught.value

    def writable(self, dogs: Model, name: str = "model.py") -> Path:
        path = dogs.directory / "code" / name
        if path.exists():
            path.chmod(0o644)
        return path

    def commit(self, dogs: Model, git: Git, *, committed: bool) -> None:
        if committed:
            git("add", "--all", cwd=dogs.directory)
            git("commit", "--quiet", "-m", "a change", cwd=dogs.directory)

    HINT = (
        "; to change the code, change it in digits, take a snapshot there and rebase on that,"
        " or make it the model's own with gitstore detach"
    )

    @pytest.mark.parametrize("committed", [False, True])
    def test_changed(self, dogs: Model, git: Git, *, committed: bool) -> None:
        assert dogs.base is not None
        self.writable(dogs).write_text("changed\n")
        self.commit(dogs, git, committed=committed)
        error = self.refused(dogs)
        assert error.message == ("code/model.py differs from the base digits@v1; dogs has no code of its own")
        mend = f"git checkout {dogs.base.commit[:12]} -- code/model.py"
        assert error.hint == f"{mend} brings it back{self.HINT}"
        git(*mend.split()[1:], cwd=dogs.directory)
        assert take(dogs, "v1").name == "v1"

    @pytest.mark.parametrize("committed", [False, True])
    def test_added(self, dogs: Model, git: Git, *, committed: bool) -> None:
        self.writable(dogs, "my new.py").write_text("new\n")
        self.commit(dogs, git, committed=committed)
        error = self.refused(dogs)
        assert error.message == ("code/my new.py is not in the base digits@v1; dogs has no code of its own")
        mend = "rm 'code/my new.py'"
        assert error.hint == f"{mend} removes it{self.HINT}"
        subprocess.run(["sh", "-c", mend], cwd=dogs.directory, check=True)
        assert take(dogs, "v1").name == "v1"

    @pytest.mark.parametrize("committed", [False, True])
    def test_deleted(self, model: Model, git: Git, tmp_path: Path, *, committed: bool) -> None:
        (model.directory / "code" / "util.py").write_text("util\n")
        dogs = derive.derive(take(model, "v1"), "dogs", tmp_path / "dogs").model
        assert dogs.base is not None
        self.writable(dogs, "util.py").unlink()
        self.commit(dogs, git, committed=committed)
        error = self.refused(dogs)
        assert error.message == (
            "code/util.py is missing, but is in the base digits@v1; dogs has no code of its own"
        )
        mend = f"git checkout {dogs.base.commit[:12]} -- code/util.py"
        assert error.hint == f"{mend} brings it back{self.HINT}"
        git(*mend.split()[1:], cwd=dogs.directory)
        assert take(dogs, "v1").name == "v1"

    def test_several(self, dogs: Model) -> None:
        self.writable(dogs).write_text("changed\n")
        self.writable(dogs, "z.py").write_text("new\n")
        self.writable(dogs, "a.py").write_text("new\n")
        assert self.refused(dogs).message == (
            "code/a.py is not in the base digits@v1, and 2 more; dogs has no code of its own"
        )

    def test_executable(self, dogs: Model) -> None:
        self.writable(dogs).chmod(0o755)
        assert self.refused(dogs).message.startswith("code/model.py differs from the base digits@v1;")

    def test_settings_and_state_are_its_own(self, dogs: Model, model: Model) -> None:
        path = dogs.directory / "settings.yaml"
        path.write_text(path.read_text().replace("filesystem_size: 1MiB", "filesystem_size: 2MiB"))
        put(dogs, "initial", {"weights": b"its own"})
        found = take(dogs, "v1")
        assert found.settings.filesystem_size == 2 * 1024**2
        assert found.tag.trailers["Based-On"] == f"digits@v1 {dogs.base.tag if dogs.base else ''}"

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                "name: dogs",
                "name: cats",
                "settings.yaml: name: is cats, but this derived model is dogs, like its branch",
            ),
            (
                "v1",
                "v2",
                "settings.yaml: based_on: is not what gitstore wrote there, and only gitstore changes it",
            ),
            (
                "based_on",
                "#",
                "settings.yaml: based_on: is not what gitstore wrote there, and only gitstore changes it",
            ),
        ],
    )
    def test_what_it_is_cannot_be_edited(self, dogs: Model, old: str, new: str, message: str) -> None:
        path = dogs.directory / "settings.yaml"
        path.write_text(
            re.sub(rf"(?m)^{old}.*(\n  .*)*$" if new == "#" else rf"\b{old}\b", new, path.read_text())
        )
        assert self.refused(dogs).message == message


class TestWithoutItsBase:
    def test_it_stays_whole(self, dogs: Model, model: Model, git: Git, fsck: Fsck) -> None:
        git("tag", "--delete", "v1", cwd=model.directory)
        git("reflog", "expire", "--expire=now", "--all", cwd=model.directory)
        for kept in (model.repository.common / "objects" / "pack").glob("*.keep"):
            kept.unlink()
        git("gc", "--quiet", "--prune=now", cwd=model.directory)
        fsck(model.directory)
        again = Model.open(dogs.directory)
        found = take(again, "v1")
        report = verify.verify(found.repository, [(found.ref, found.oid)])
        assert (report.problems, report.objects > 5) == ((), True)
        done = operations.evaluate_snapshot(
            found, ["values=[1, 2]"], directory=dogs.directory, cache=user_cache()
        )
        assert done.outputs["products"].tolist() == [2.0, 4.0]
        assert derive.derive(found, "pugs", model.directory.parent / "pugs").model.name == "pugs"
        fsck(model.directory)


class TestIsolation:
    """What a derived model does is seen in its own refs and files, and nowhere else."""

    def test_of_training_evaluating_saving_and_snapshots(
        self, model: Model, dogs: Model, git: Git, tmp_path: Path
    ) -> None:
        state.save(model, "initial")
        cats = derive.derive(take(model, "v2"), "cats", tmp_path / "cats").model

        def others() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
            found = {ref: oid for ref, oid in refs(model.directory).items() if "dogs/" not in ref}
            return found, picture(model.directory), picture(cats.directory)

        before = others()
        shutil.rmtree(dogs.directory / "states" / "initial")
        here = Model.open(dogs.directory)
        operations.create_state(here, ["factor=3"], directory=here.directory, name="made")
        state.use(here, "made")
        trained = operations.train(here, ["values=[1.0]"], directory=here.directory)
        state.use(here, trained.saved.name)
        operations.evaluate_working_copy(here, ["values=[1.0]"], directory=here.directory)
        found = take(here, "v1")
        operations.evaluate_snapshot(found, ["values=[1.0]"], directory=here.directory, cache=user_cache())
        put(here, "initial", {"weights": b"new"})
        state.save(here, "initial")
        assert others() == before
        own = {ref for ref in refs(model.directory) if "dogs/" in ref}
        assert own == {
            "refs/states/dogs/initial",
            "refs/states/dogs/made",
            "refs/states/dogs/trained-1",
            "refs/tags/dogs/v1",
        }


class TestInterrupted:
    @pytest.fixture
    def killed(self, model: Model, tmp_path: Path) -> object:
        """Run derive in a process that is killed at a step, then say the same again."""

        def run(step: str) -> Derived:
            base = take(model, "v1")
            script = (
                "import os, signal, sys; from pathlib import Path; from gitstore import derive, reference;"
                "from gitstore.objects import construction, worktree_building;"
                "end = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL);"
                f"{step};"
                "derive.derive(reference.resolve('v1', Path(sys.argv[1])), 'dogs', Path(sys.argv[2]))"
            )
            done = subprocess.run(
                [sys.executable, "-c", script, model.directory, tmp_path / "dogs"], check=False
            )
            assert done.returncode == -signal.SIGKILL
            return derive.derive(base, "dogs", tmp_path / "dogs")

        return run

    @pytest.mark.parametrize(
        "step",
        [
            "Path.chmod = end",
            "derive._point = end",
            "worktree_building._appear = end",
            "construction._appear = end",
            "worktree_building.finish = end",
        ],
        ids=["in the worktree", "no branch", "no administration", "no directory", "still locked"],
    )
    def test_the_same_again_finishes_it(
        self, killed: object, model: Model, git: Git, fsck: Fsck, step: str
    ) -> None:
        fsck(model.directory)
        made = killed(step)  # type: ignore[operator]
        assert made.model.name == "dogs"
        assert "locked" not in git("worktree", "list", "--porcelain", cwd=model.directory)
        assert (made.model.directory / "code" / "model.py").stat().st_mode & 0o777 == 0o444
        assert (state.materialise(made.model, "initial") / "weights").exists()
        assert git("rev-list", "--count", "v1..dogs", cwd=model.directory) == "1\n"
        take(made.model, "v1")
        fsck(model.directory)

    @pytest.mark.parametrize("name", ["dogs", "cats"])
    def test_a_state_without_a_branch_is_removed(
        self, model: Model, tmp_path: Path, git: Git, fsck: Fsck, name: str
    ) -> None:
        """Whatever the next model is called, and begins with."""
        take(model, "v1")
        script = (
            "import os, signal, sys; from pathlib import Path; from gitstore import derive, reference;"
            "from gitstore.first_state import Imported; from gitstore.objects.refs import Refs;"
            "change = Refs.change;"
            "end = lambda: os.kill(os.getpid(), signal.SIGKILL);"
            "Refs.change = lambda refs, changes, reason: (change(refs, changes[:1], reason), end());"
            "here, there = map(Path, sys.argv[1:]);"
            "base, state = reference.resolve('v1', here), Imported([here / 'code']);"
            "derive.derive(base, 'dogs', there, state=state)"
        )
        command: list[str | Path] = [sys.executable, "-c", script, model.directory, tmp_path / "dogs"]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        states = ("for-each-ref", "--format=%(refname)", "refs/states/dogs")
        assert git(*states, cwd=model.directory) == "refs/states/dogs/initial\n"
        derive.derive(take(model, "v2"), name, tmp_path / name, state=ABSENT)
        assert git(*states, cwd=model.directory) == ""
        fsck(model.directory)

    def test_a_directory_that_cannot_be_made(self, model: Model, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        base = take(model, "v1")
        before = refs(model.directory)
        with pytest.raises(GitstoreError, match=r"/file cannot be made: File exists$"):
            derive.derive(base, "dogs", tmp_path / "file" / "dogs")
        assert refs(model.directory) == before
        assert derive.derive(base, "dogs", tmp_path / "dogs").model.name == "dogs"

    def test_a_directory_that_cannot_appear(
        self, model: Model, tmp_path: Path, git: Git, fsck: Fsck, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The model is made by then, and what is said of it is true."""
        base = take(model, "v1")
        with monkeypatch.context() as patched:
            # Nobody else looks into the directory: what appears in it is there in time.
            appear = worktree_building._appear
            taken = tmp_path / "dogs" / "somebody's"

            def meanwhile(repository: Repository, administration: Path, directory: Path) -> Path:
                taken.mkdir(parents=True)
                return appear(repository, administration, directory)

            patched.setattr(worktree_building, "_appear", meanwhile)
            with pytest.raises(GitstoreError) as caught:
                derive.derive(base, "dogs", tmp_path / "dogs")
        assert caught.value.message.startswith("the model dogs is made, but not its directory: ")
        assert caught.value.hint == "fix that, then run the same command again, or git worktree add DIR dogs"
        assert git("worktree", "list", "--porcelain", cwd=model.directory).count("worktree ") == 1
        fsck(model.directory)
        taken.rmdir()
        assert derive.derive(base, "dogs", tmp_path / "dogs").model.name == "dogs"

    def test_a_finished_model_is_not_made_twice(self, dogs: Model, model: Model, tmp_path: Path) -> None:
        base = take(model, "v2")
        with pytest.raises(GitstoreError, match=r"^there is a model or branch called dogs already$"):
            derive.derive(base, "dogs", tmp_path / "elsewhere")
