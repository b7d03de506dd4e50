"""Models in a repository of their own, based on a snapshot of another: whole, alone, and costing nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from gitstore import settings
from gitstore.derive import base_repository, standalone
from gitstore.derive import worktree as derive
from gitstore.derive.worktree import Derived
from gitstore.disk import construction
from gitstore.errors import InvalidName
from gitstore.git.repository import Repository
from gitstore.models import catalog, reference
from gitstore.models.lineage import Lineage
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run import evaluation, training
from gitstore.run.values.inputs import Assignments
from gitstore.snapshots import remove, verify
from gitstore.states.materialize import materialize
from gitstore.states.use import use_state
from gitstore.storage import gc, share_packs, usage
from tests.support import combinations, processes, scenes
from tests.support.commands import Fsck, Git, Gitstore, Run
from tests.support.failing import refuses
from tests.support.models import make, noise, picture, put, take, user_conditions, user_launcher
from tests.support.tracing import list_git_commands


@pytest.fixture
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Snapshot:
    """digits@v1, with 2 MB of weights."""
    scenes.copy(_dogs if "dogs" in request.fixturenames else _base, tmp_path)
    return scenes.find(tmp_path)


@pytest.fixture
def model(base: Snapshot) -> Model:
    return Model.open(base.repository.directory)


@pytest.fixture
def dogs(base: Snapshot, tmp_path: Path) -> Model:
    """dogs, in a repository of its own beside that of digits, which it is based on."""
    return Model.open(tmp_path / "dogs")


def _base(root: Path) -> None:
    model = make(root / "digits")
    put(model, "initial", {"large": noise(2_000_000)})
    take(model, "v1")


def _dogs(root: Path) -> None:
    scenes.copy(_base, root)
    standalone.derive(scenes.find(root), "dogs", root / "dogs")


def again(model: Model) -> Model:
    return Model.open(model.directory)


def test_a_new_repository_is_configured_without_git(
    base: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with list_git_commands(tmp_path / "trace", monkeypatch) as commands:
        dogs = standalone.derive(base, "dogs", tmp_path / "dogs").model
    assert commands.count("config") == 1  # git's configuration is read, for hooks
    assert dogs.repository.config("remote.base.url") == str(base.repository.directory)
    assert dogs.repository.config("remote.base.pushurl") == "the-base-is-only-read"


def sound(dogs: Model, fsck: Fsck) -> None:
    """It can take a snapshot, of which all is there."""
    found = take(again(dogs), "sound")
    assert verify.verify(found.repository, [(found.ref, found.tag_oid)]).problems == ()
    fsck(dogs.directory)


def lives(dogs: Model, fsck: Fsck) -> None:
    """Everything works on: verifying, evaluating, training, taking snapshots, deriving, collecting."""
    here = again(dogs)
    first = take(here, "first")
    tags = verify.list_tags(here.repository, "refs/tags/", below=True)
    assert verify.verify(here.repository, tags).problems == ()
    done = evaluation.evaluate_snapshot(
        first, Assignments(["values=[1, 2]"], here.directory), launcher=user_launcher()
    )
    assert done.outputs["products"].tolist() == [2.0, 4.0]
    training.train(
        here, Assignments(["values=[1.0]"], here.directory), conditions=user_conditions(), name="better"
    )
    use_state(here, "better")
    second = take(here, "second")
    done = evaluation.evaluate_snapshot(
        second, Assignments(["values=[1]"], here.directory), launcher=user_launcher()
    )
    assert done.outputs["products"].tolist() == [4.0]
    assert (materialize(here, "initial") / "large").read_bytes() == noise(2_000_000)
    gc.collect_garbage(here.repository)
    fsck(here.directory)


class TestWhatItMakes:
    def test_a_repository_that_begins_at_the_base(
        self, base: Snapshot, tmp_path: Path, git: Git, fsck: Fsck
    ) -> None:
        made = standalone.derive(base, "dogs", tmp_path / "dogs")
        dogs = made.model
        assert git("log", "--format=%s", cwd=dogs.directory).splitlines() == [
            "Derive dogs from digits@v1",
            "Snapshot v1 of digits",
            "A model that multiplies",
            "Make digits a gitstore model",
        ]
        assert (dogs.name, dogs.prefix, dogs.repository.head()) == ("dogs", "", "main")
        assert git("rev-parse", "main:code", cwd=dogs.directory).strip() == str(base.code_tree)
        assert git("status", "--porcelain", cwd=dogs.directory) == ""
        assert git("tag", cwd=dogs.directory) == ""
        assert git("config", "core.bigFileThreshold", cwd=dogs.directory) == "256k\n"
        assert dogs.settings.based_on == settings.BasedOn(
            model="digits",
            snapshot="v1",
            tag=str(base.tag_oid),
            commit=str(base.commit),
            url=str(base.repository.directory).rstrip("/"),
        )
        modes = [path.stat().st_mode & 0o777 for path in (dogs.directory / "code").iterdir()]
        assert modes == [0o444]
        assert list((dogs.directory / "states" / "initial").iterdir()) == []
        assert dogs.active_state == "initial"
        fsck(dogs.directory)
        self.usage_tells_what_is_linked(made, base)

    def usage_tells_what_is_linked(self, made: Derived, base: Snapshot) -> None:
        for repository in (made.model.repository, base.repository):
            found = usage.measure(repository)
            assert found.linked >= made.imported.linked > 1_900_000
            assert all(
                each.size == each.live + each.dead + each.duplicate + each.overhead for each in found.packs
            )
            assert sum(each.charged for each in found.holders) == found.live
        assert made.added < 10_000

    def test_nothing_else_of_the_base_s_repository(
        self, model: Model, base: Snapshot, git: Git, tmp_path: Path
    ) -> None:
        put(model, "initial", {"secret": noise(50_000, 7)})
        take(model, "v2")
        git("stash", "push", "--quiet", "--all", cwd=model.directory)
        git("config", "user.secret", "x", cwd=model.directory)
        (model.repository.common / "hooks" / "post-commit").write_text("exit 1\n")
        dogs = standalone.derive(base, "dogs", tmp_path / "dogs").model
        command = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
        has = set(git(*command, cwd=dogs.directory).split())
        wanted = set(
            git("rev-list", "--objects", "--no-object-names", str(base.tag_oid), cwd=model.directory).split()
        )
        since = ("main", "refs/states/initial", f"^{base.commit}")
        own = set(git("rev-list", "--objects", "--no-object-names", *since, cwd=dogs.directory).split())
        assert has == wanted | own
        assert "secret" not in git("config", "--list", "--local", cwd=dogs.directory)
        assert not (dogs.repository.common / "hooks" / "post-commit").exists()

    def test_a_snapshot_says_what_it_is_based_on(self, dogs: Model, base: Snapshot) -> None:
        found = take(dogs, "v1")
        assert (found.ref, found.tag.trailers["Based-On"]) == ("refs/tags/v1", f"digits@v1 {base.tag_oid}")

    def test_its_code_is_the_base_s(self, dogs: Model) -> None:
        path = dogs.directory / "code" / "model.py"
        path.chmod(0o644)
        path.write_text("other\n")
        with refuses("code/model.py", "digits@v1", "dogs"):
            take(again(dogs), "v1")

    def test_what_the_models_table_says(self, dogs: Model, base: Snapshot) -> None:
        listed = catalog.list_models(dogs).models
        assert [(each.name, each.prefix) for each in listed] == [("dogs", "")]
        assert dogs.base is not None
        place = str(base.repository.directory).rstrip("/")
        assert Lineage(listed).describe_base(dogs.base) == f"digits@v1 in {place}"

    def test_of_a_derived_model_and_of_another_reference_model(
        self, base: Snapshot, dogs: Model, tmp_path: Path, fsck: Fsck
    ) -> None:
        cats = derive.derive(base, "cats", tmp_path / "cats").model
        kittens = standalone.derive(take(cats, "v7"), "kittens", tmp_path / "kittens").model
        pugs = standalone.derive(take(dogs, "v1"), "pugs", tmp_path / "pugs").model
        for directory in (base.repository.directory, dogs.directory):
            shutil.rmtree(directory)
        assert kittens.base is not None
        assert (kittens.base.model, kittens.base.snapshot) == ("cats", "v7")
        for each in (kittens, pugs):
            sound(each, fsck)

    def test_of_a_bare_repository_and_at_strange_places(
        self, base: Snapshot, git: Git, tmp_path: Path, fsck: Fsck
    ) -> None:
        place = tmp_path / "größe: \"1\" 'x' \\n"
        git("clone", "-q", "--mirror", str(base.repository.directory), str(place / "b.git"), cwd=tmp_path)
        bare = reference.resolve("v1", place / "b.git")
        assert derive.default_directory(bare.repository, "cats") == place / "cats"
        cats = standalone.derive(bare, "cats", place / "cats").model
        assert git("ls-remote", "base", "refs/tags/v1", cwd=cats.directory).split()[0] == str(base.tag_oid)
        shutil.rmtree(place / "b.git")
        sound(cats, fsck)


class TestWithoutItsBase:
    def test_deleted(self, dogs: Model, base: Snapshot, fsck: Fsck) -> None:
        shutil.rmtree(base.repository.directory)
        lives(dogs, fsck)

    def test_collected(self, dogs: Model, model: Model, base: Snapshot, git: Git, fsck: Fsck) -> None:
        remove.remove(remove.plan_removal([base]))
        git("checkout", "-q", "--orphan", "empty", cwd=model.directory)
        git("commit", "-qm", "nothing of before", cwd=model.directory)
        git("branch", "-qD", "main", cwd=model.directory)
        git("reflog", "expire", "--expire=now", "--all", cwd=model.directory)
        gc.collect_garbage(Repository(model.repository.common))
        for path in (model.repository.common / "objects" / "pack").glob("*.keep"):
            path.unlink()
        git("gc", "-q", "--prune=now", cwd=model.directory)
        assert base.tag_oid not in Repository(model.repository.common).objects
        sound(dogs, fsck)
        fsck(model.directory)

    def test_rewritten(self, dogs: Model, model: Model, base: Snapshot, git: Git, fsck: Fsck) -> None:
        git("commit", "-q", "--amend", "-m", "another history", cwd=model.directory)
        git("tag", "--force", "-a", "-m", "moved", "v1", "HEAD", cwd=model.directory)
        git("repack", "-adfq", cwd=model.directory)
        sound(dogs, fsck)

    def test_and_it_harms_nobody(
        self, dogs: Model, model: Model, base: Snapshot, git: Git, fsck: Fsck
    ) -> None:
        """What is linked is removed here, and never written."""
        packs = model.repository.common / "objects" / "pack"
        before = {path.name: path.read_bytes() for path in packs.iterdir()}
        sound(dogs, fsck)
        gc.collect_garbage(dogs.repository)
        for path in (dogs.repository.common / "objects" / "pack").glob("*.keep"):
            path.unlink()
        git("update-ref", "-d", "refs/heads/main", cwd=dogs.directory)
        git("repack", "-adfq", cwd=dogs.directory)
        git("prune", "--expire=now", cwd=dogs.directory)
        shutil.rmtree(dogs.directory)
        assert {path.name: path.read_bytes() for path in packs.iterdir()} == before
        fsck(model.directory)


class TestRefusals:
    def test_a_directory_that_is_taken(self, base: Snapshot, tmp_path: Path) -> None:
        (tmp_path / "dogs").mkdir()
        (tmp_path / "dogs" / "file").touch()
        before = picture(tmp_path)
        with refuses(tmp_path / "dogs"):
            standalone.derive(base, "dogs", tmp_path / "dogs")
        assert picture(tmp_path) == before

    def test_a_name_that_none_can_have(self, base: Snapshot, tmp_path: Path) -> None:
        with refuses(kind=InvalidName):
            standalone.derive(base, "a b", tmp_path / "x")

    def test_a_shallow_clone(self, base: Snapshot, git: Git, tmp_path: Path) -> None:
        origin = f"file://{base.repository.directory}"
        git("clone", "-q", "--depth=1", "--branch=v1", origin, "shallow", cwd=tmp_path)
        before = picture(tmp_path)
        with refuses(tmp_path / "shallow", "shallow clone"):
            standalone.derive(reference.resolve("v1", tmp_path / "shallow"), "dogs", tmp_path / "dogs")
        assert picture(tmp_path) == before

    def test_a_partial_clone_fetches_what_the_base_needs(
        self, base: Snapshot, git: Git, tmp_path: Path, fsck: Fsck
    ) -> None:
        git("config", "uploadpack.allowFilter", "true", cwd=base.repository.directory)
        git(
            "clone",
            "-q",
            "--filter=blob:none",
            f"file://{base.repository.directory}",
            "partial",
            cwd=tmp_path,
        )
        standalone.derive(reference.resolve("v1", tmp_path / "partial"), "dogs", tmp_path / "dogs")
        fsck(tmp_path / "dogs")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
    def test_a_repository_of_somebody_else(self, base: Snapshot, tmp_path: Path, gitstore: Gitstore) -> None:
        place = tmp_path / "digits"
        os.chown(place, 65534, -1)
        done = gitstore("derive", "./digits@v1", "dogs", cwd=tmp_path)
        assert (done.code, done.stderr) == (
            1,
            f"error: {place} belongs to another user, and git is not configured to trust it\n"
            f"hint: if you trust it: git config --global --add safe.directory {place}\n",
        )

    def test_a_base_that_is_gone_meanwhile(self, base: Snapshot, git: Git, tmp_path: Path) -> None:
        git("tag", "--delete", "v1", cwd=base.repository.directory)
        with refuses("v1"):
            standalone.derive(base, "dogs", tmp_path / "dogs")
        assert not (tmp_path / "dogs").exists()


class TestInterrupted:
    @combinations.sample(2)
    @pytest.mark.parametrize(
        ("owner", "step"),
        [
            (share_packs, "_pack_rest"),
            (base_repository, "set_remote"),
            (standalone, "set_writable"),
            (construction, "_rename"),
        ],
    )
    def test_nothing_is_there_and_the_same_again_works(
        self, base: Snapshot, tmp_path: Path, fsck: Fsck, owner: object, step: str
    ) -> None:
        place = tmp_path / "new" / "dogs"

        def work() -> None:
            setattr(owner, step, processes.die)
            standalone.derive(base, "dogs", place)

        assert processes.run_forked(work) == -signal.SIGKILL
        assert not place.exists()
        fsck(base.repository)
        made = standalone.derive(base, "dogs", place)
        assert os.listdir(place.parent) == ["dogs"]
        sound(made.model, fsck)

    def test_two_at_once(self, base: Snapshot, tmp_path: Path, fsck: Fsck) -> None:
        command = ("derive", "./digits@v1", "dogs", "--reference")
        both = [processes.start(*command, cwd=tmp_path) for _ in range(2)]
        said = [processes.outcome(process) for process in both]
        assert sorted(outcome.code for outcome in said) == [0, 1], said
        assert sorted(os.listdir(tmp_path)) == ["digits", "dogs"]
        sound(Model.open(tmp_path / "dogs"), fsck)


class TestCommand:
    def test_from_anywhere(self, base: Snapshot, tmp_path: Path, run: Run) -> None:
        done = run("derive", "digits@v1", "dogs", cwd=tmp_path)
        assert done.code == 0, done.stderr
        assert done.stderr.startswith(f"Derived dogs from digits@v1 in {tmp_path / 'dogs'}: added ")
        assert ", linked 1.9 MiB\n" in done.stderr

    def test_from_another_model(self, base: Snapshot, tmp_path: Path, run: Run) -> None:
        other = make(tmp_path / "elsewhere" / "other", "other")
        done = run("derive", "../../../digits@v1", "dogs", "--json", cwd=other.directory / "code")
        assert done.code == 0, done.stderr
        found = json.loads(done.stdout)
        place = str(base.repository.directory).rstrip("/")
        assert (found["form"], found["base"]["url"]) == ("reference", place)
        assert found["directory"].rstrip("/") == str(tmp_path / "elsewhere" / "dogs")
        assert found["linked_bytes"] > 1_900_000 > found["added_bytes"] > 0

    def test_of_the_same_repository(self, base: Snapshot, tmp_path: Path, run: Run) -> None:
        here = base.repository.directory / "code"
        worktree = json.loads(run("derive", "v1", "cats", "--json", cwd=here).stdout)
        assert (worktree["form"], worktree["base"]["url"]) == ("worktree", None)
        assert run("derive", "../../cats@v1", "x", cwd=here).code == 1
        take(Model.open(tmp_path / "cats"), "v3")
        done = run("derive", "cats@v3", "dogs", "my dogs", "--reference", cwd=here)
        assert done.code == 0, done.stderr
        assert Model.open(here / "my dogs").name == "dogs"

    def test_of_a_derived_model_by_its_path(self, base: Snapshot, tmp_path: Path, run: Run) -> None:
        take(derive.derive(base, "cats", tmp_path / "sub" / "cats").model, "v3")
        for number, source in enumerate(["./digits@cats/v3", "sub/cats@v3"]):
            done = run("derive", source, "kittens", f"k{number}", cwd=tmp_path)
            assert done.code == 0, done.stderr
        outcome = run("derive", "./digits@nobody/v3", "kittens", "k", cwd=tmp_path)
        assert outcome.code == 1
        assert "./digits@nobody/v3" in outcome.stderr and "gitstore -C digits list --all" in outcome.stderr
