"""A derived model moves to another snapshot of its base."""

from __future__ import annotations

import json
from pathlib import Path

from gitstore import settings
from gitstore.derive import rebase, worktree
from gitstore.models import reference, snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run import evaluation
from gitstore.run.values.inputs import Assignments
from gitstore.snapshots import verify
from gitstore.storage import usage
from tests.support import processes, scenes
from tests.support.commands import Fsck, Git, Gitstore, Run
from tests.support.models import again, git_state, picture, put, refs, retype, take, user_launcher
from tests.support.shapes import base_shape


class TestWhatItDoes:
    def test_one_commit_with_two_parents(self, dogs: Model, v2: Snapshot, git: Git, fsck: Fsck) -> None:
        tip = git("rev-parse", "dogs", cwd=dogs.directory).strip()
        done = rebase.rebase(dogs, v2)
        log = git("log", "--format=%s%n%H%n%P", "-1", "dogs", cwd=dogs.directory).splitlines()
        assert log == ["Rebase dogs on digits@v2", str(done.commit), f"{tip} {v2.commit}"]
        assert git("rev-parse", "dogs:code", cwd=dogs.directory).strip() == str(v2.code_tree)
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
        retype(dogs, "filesystem_size: 1MiB    # no more", "filesystem_size: 2MiB    # some more")
        before = (dogs.directory / "settings.yaml").read_text()
        done = rebase.rebase(again(dogs), v2)
        text = (dogs.directory / "settings.yaml").read_text()
        assert text.partition("based_on:")[0] == before.partition("based_on:")[0]
        expected = settings.BasedOn(model="digits", snapshot="v2", tag=str(v2.tag_oid), commit=str(v2.commit))
        assert settings.parse(text.encode()).based_on == done.model.base == expected

    def test_states_snapshots_and_all_other_models_stay(self, dogs: Model, base: Model, v2: Snapshot) -> None:
        take(dogs, "mine")
        put(dogs, "initial", {"weights": b"not saved"})

        def others() -> object:
            found = {ref: oid for ref, oid in refs(base.directory).items() if ref != "refs/heads/dogs"}
            found.pop("worktrees")
            return found, picture(base.directory), git_state(base.directory)

        before, states = others(), picture(dogs.directory / "states")
        rebase.rebase(dogs, v2)
        assert (others(), picture(dogs.directory / "states")) == (before, states)

    def test_it_runs_the_new_code_on_its_own_state(self, dogs: Model, v2: Snapshot) -> None:
        here = rebase.rebase(dogs, v2).model
        found = take(here, "v1")
        assert found.code_tree == v2.code_tree
        assert found.tag.trailers["Based-On"] == f"digits@v2 {v2.tag_oid}"
        done = evaluation.evaluate_snapshot(
            found, Assignments(["values=[1, 2]"], dogs.directory), launcher=user_launcher()
        )
        assert done.outputs["products"].tolist() == [3.0, 6.0]

    def test_everything_still_verifies_and_adds_up(
        self, dogs: Model, base: Model, v2: Snapshot, git: Git, fsck: Fsck
    ) -> None:
        take(dogs, "v1")
        here = rebase.rebase(dogs, v2).model
        take(here, "v2")
        tags = verify.list_tags(base.repository, "refs/tags/", below=True)
        report = verify.verify(Model.open(base.directory).repository, tags)
        assert (len(report.snapshots), report.problems) == (4, ())
        found = usage.measure(Model.open(base.directory).repository)
        assert (found.dead, sum(holder.charged for holder in found.holders)) == (0, found.live)
        fsck(base.directory)

    def test_edits_that_it_does_not_touch_stay(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        (dogs.directory / "notes.txt").write_text("staged\n")
        git("add", "notes.txt", cwd=dogs.directory)
        (dogs.directory / "todo.txt").write_text("unknown\n")
        rebase.rebase(dogs, v2)
        assert git("status", "--porcelain", cwd=dogs.directory) == "A  notes.txt\n?? todo.txt\n"

    def test_in_another_code_directory(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        (dogs.directory / "src").mkdir()
        git("mv", "code", "src/main", cwd=dogs.directory)
        retype(dogs, "name: dogs", "name: dogs\ncode: src/main")
        git("commit", "--quiet", "-m", "move", cwd=dogs.directory)
        here = rebase.rebase(again(dogs), v2).model
        assert git("rev-parse", "dogs:src/main", cwd=dogs.directory).strip() == str(v2.code_tree)
        assert not (dogs.directory / "code").exists()
        assert take(here, "v1").code_tree == v2.code_tree

    def test_the_new_base_stays_without_its_tag(
        self, dogs: Model, base: Model, v2: Snapshot, git: Git, fsck: Fsck
    ) -> None:
        rebase.rebase(dogs, v2)
        git("tag", "--delete", "v1", "v2", cwd=base.directory)
        git("reset", "--quiet", "--hard", "HEAD~1", cwd=base.directory)
        git("reflog", "expire", "--expire=now", "--all", cwd=base.directory)
        for kept in (base.repository.common / "objects" / "pack").glob("*.keep"):
            kept.unlink()
        git("gc", "--quiet", "--prune=now", cwd=base.directory)
        found = take(again(dogs), "v1")
        assert verify.verify(found.repository, [(found.ref, found.tag_oid)]).problems == ()
        fsck(dogs.directory)

    def test_from_a_base_whose_tag_is_gone(self, dogs: Model, base: Model, v2: Snapshot, git: Git) -> None:
        git("tag", "--delete", "v1", cwd=base.directory)
        assert rebase.rebase(again(dogs), v2).old_base.snapshot == "v1"

    def test_a_model_derived_from_a_derived_one(
        self, dogs: Model, v2: Snapshot, tmp_path: Path, fsck: Fsck
    ) -> None:
        pugs = worktree.derive(take(dogs, "v1"), "pugs", tmp_path / "pugs").model
        second = take(rebase.rebase(dogs, v2).model, "v2")
        here = rebase.rebase(pugs, second).model
        assert here.base is not None
        assert (here.base.model, here.base.snapshot) == ("dogs", "v2")
        assert take(here, "v1").code_tree == v2.code_tree
        fsck(dogs.directory)

    def test_where_the_repository_is_bare(self, base: Model, git: Git, tmp_path: Path, fsck: Fsck) -> None:
        git("clone", "--quiet", "--mirror", str(base.directory), "b.git", cwd=tmp_path)
        one, two = snapshot.read_own_snapshots(Model.open(tmp_path / "b.git"))
        cats = worktree.derive(one, "cats", tmp_path / "my cats").model
        assert take(rebase.rebase(cats, two).model, "v1").code_tree == two.code_tree
        fsck(tmp_path / "b.git")


class TestCommand:
    def test_again_there_is_nothing_to_do(self, dogs: Model, v2: Snapshot, gitstore: Gitstore) -> None:
        assert gitstore("rebase", "digits@v2", cwd=dogs.directory).code == 0
        second = gitstore("rebase", "digits@v2", "--json", cwd=dogs.directory)
        assert (second.code, json.loads(second.stdout)["commit"]) == (0, None)

    def test_json(self, dogs: Model, v2: Snapshot, git: Git, run: Run) -> None:
        done = run("rebase", "digits@v2", "--json", cwd=dogs.directory)
        assert json.loads(done.stdout) == {
            "name": "dogs",
            "base": base_shape(v2),
            "before": base_shape(scenes.find(dogs.directory.parent)),
            "commit": git("rev-parse", "dogs", cwd=dogs.directory).strip(),
            "misfits": [],
            "changes": [],
            "conflicts": [],
            "other_packages": False,
            "added_bytes": 0,
            "linked_bytes": 0,
        }

    def test_no_such_snapshot(self, dogs: Model, run: Run) -> None:
        assert run("rebase", "digits@v9", cwd=dogs.directory).code == 1

    def test_a_name_alone_is_of_the_base(self, dogs: Model, base: Model, v2: Snapshot, run: Run) -> None:
        rebased = json.loads(run("rebase", "v2", "--json", cwd=dogs.directory).stdout)
        assert rebased["base"] == base_shape(v2)
        assert "digits@v9" in run("rebase", "v9", cwd=dogs.directory).stderr

    def test_two_at_once(self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git) -> None:
        both = [processes.start("rebase", "digits@v2", cwd=dogs.directory) for _ in range(2)]
        said = [processes.outcome(process) for process in both]
        assert 0 in [outcome.code for outcome in said], said
        assert rebase.rebase(again(dogs), v2).commit is None
        assert git("status", "--porcelain", cwd=dogs.directory) == ""
        fsck(dogs.directory)


def test_state_refs_are_untouched(dogs: Model, v2: Snapshot) -> None:
    before = {ref: oid for ref, oid in refs(dogs.directory).items() if ref.startswith("refs/states/")}
    here = rebase.rebase(dogs, v2).model
    assert {ref: oid for ref, oid in refs(dogs.directory).items() if ref in before} == before
    assert here.active_state == "initial"
