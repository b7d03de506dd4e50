from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from gitstore import settings
from gitstore.derive import detach, rebase, worktree
from gitstore.errors import GitstoreError
from gitstore.models.model import Model
from gitstore.run import evaluation
from gitstore.run.values.inputs import Assignments
from gitstore.snapshots import verify
from gitstore.workingcopy.branch import Branch
from tests.support import combinations, processes, scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.failing import names, refuses
from tests.support.models import again, git_state, picture, put, refs, take, user_launcher
from tests.support.shapes import base_shape


def edit(model: Model) -> None:
    path = model.directory / "code" / "model.py"
    path.write_text(path.read_text().replace("RATE = 2.0", "RATE = 5.0"))


class TestWhatItDoes:
    def test_one_commit_that_changes_one_key(self, dogs: Model, git: Git, fsck: Fsck) -> None:
        before = (dogs.directory / "settings.yaml").read_text()
        done = detach.detach(dogs)
        log = git("log", "--format=%s %H", "-1", "dogs", cwd=dogs.directory).strip()
        assert log == f"Detach dogs from digits@v1 {done.commit}"
        assert git("diff", "--name-only", "dogs~1", "dogs", cwd=dogs.directory) == "settings.yaml\n"
        text = (dogs.directory / "settings.yaml").read_text()
        assert text == before + "  detached: true\n"
        assert git("status", "--porcelain", cwd=dogs.directory) == ""
        fsck(dogs.directory)

    def test_it_stays_the_model_that_it_is(self, dogs: Model) -> None:
        take(dogs, "v1")
        before = {ref: oid for ref, oid in refs(dogs.directory).items() if ref.startswith("refs/states/")}
        here = detach.detach(dogs).model
        assert (here.name, here.prefix, here.list_base_names()) == ("dogs", "dogs/", ["dogs", "digits"])
        assert take(here, "v2").ref == "refs/tags/dogs/v2"
        assert {ref: oid for ref, oid in refs(dogs.directory).items() if ref in before} == before

    def test_its_code_can_be_changed(self, dogs: Model, git: Git, fsck: Fsck) -> None:
        here = detach.detach(dogs).model
        assert (here.directory / "code" / "model.py").stat().st_mode & 0o777 == 0o644
        edit(here)
        found = take(here, "v1")
        assert found.tag.trailers["Based-On"] == f"digits@v1 {here.base.tag if here.base else ''}"
        done = evaluation.evaluate_snapshot(
            found, Assignments(["values=[1]"], here.directory), launcher=user_launcher()
        )
        assert done.outputs["products"].tolist() == [5.0]
        report = verify.verify(found.repository, [(found.ref, found.tag_oid)])
        assert report.problems == ()
        fsck(here.directory)

    def test_edits_that_are_there_already_stay(self, dogs: Model, git: Git) -> None:
        (dogs.directory / "code" / "model.py").chmod(0o644)
        edit(dogs)
        (dogs.directory / "code" / "new.py").write_text("new\n")
        git("add", "code/new.py", cwd=dogs.directory)
        detach.detach(dogs)
        assert git("status", "--porcelain", cwd=dogs.directory) == " M code/model.py\nA  code/new.py\n"

    def test_a_model_can_be_derived_from_it(self, dogs: Model, tmp_path: Path) -> None:
        here = detach.detach(dogs).model
        edit(here)
        pugs = worktree.derive(take(here, "v1"), "pugs", tmp_path / "pugs").model
        assert pugs.pinned_base is not None
        assert pugs.pinned_base.detached is None
        (pugs.directory / "code" / "model.py").chmod(0o644)
        (pugs.directory / "code" / "model.py").write_text("changed\n")
        with refuses("code/model.py", "pugs"):
            take(pugs, "v1")

    def test_snapshots_from_before_are_still_compared(self, dogs: Model, git: Git) -> None:
        found = take(dogs, "v1")
        here = detach.detach(dogs).model
        edit(here)
        take(here, "v2")
        tags = verify.list_tags(here.repository, "refs/tags/dogs/", below=True)
        assert verify.verify(here.repository, tags).problems == ()
        assert found.settings.based_on is not None
        assert not found.settings.based_on.detached

    def test_it_says_so_in_the_settings_only_by_gitstore(self, dogs: Model) -> None:
        path = dogs.directory / "settings.yaml"
        path.write_text(path.read_text() + "  detached: true\n")
        with pytest.raises(GitstoreError) as caught:
            take(dogs, "v1")
        assert names(caught.value, "settings.yaml")


class TestRefusals:
    def test_a_root_model(self, model: Model) -> None:
        with refuses("digits"):
            detach.detach(model)

    def test_edited_settings(self, dogs: Model) -> None:
        path = dogs.directory / "settings.yaml"
        path.write_text(path.read_text() + "# mine\n")
        before = refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)
        with refuses("settings.yaml"):
            detach.detach(dogs)
        assert (refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)) == before

    def test_another_branch(self, dogs: Model, git: Git) -> None:
        git("switch", "--quiet", "-c", "topic", cwd=dogs.directory)
        with refuses(dogs.directory, "topic"):
            detach.detach(again(dogs))

    def test_rebasing_it(self, dogs: Model) -> None:
        base = scenes.find(dogs.directory.parent)
        here = detach.detach(dogs).model
        with refuses("dogs", "detached"):
            rebase.rebase(here, base, force=True)


@combinations.sample(3)
@pytest.mark.parametrize(
    ("owner", "step"), [(Branch, "add_commit"), (Branch, "check_out_commit"), (detach, "make_writable")]
)
def test_killed_and_said_again(dogs: Model, git: Git, fsck: Fsck, owner: object, step: str) -> None:
    put(dogs, "initial", {"weights": b"not saved"})

    def work() -> None:
        setattr(owner, step, processes.die)
        detach.detach(again(dogs))

    assert processes.run_forked(work) == -signal.SIGKILL
    fsck(dogs.directory)
    here = detach.detach(again(dogs)).model
    assert here.base is not None
    assert here.base.detached
    assert git("status", "--porcelain", cwd=here.directory) == ""
    assert git("rev-list", "--count", "v1..dogs", cwd=here.directory) == "2\n"
    assert os.access(here.directory / "code" / "model.py", os.W_OK)
    edit(here)
    take(here, "v1")
    fsck(here.directory)


class TestCommand:
    def test_twice_from_below(self, dogs: Model, run: Run) -> None:
        assert run("detach", cwd=dogs.directory / "code").code == 0
        assert Model.open(dogs.directory).pinned_base is None
        assert json.loads(run("detach", "--json", cwd=dogs.directory).stdout)["commit"] is None

    def test_json(self, dogs: Model, git: Git, run: Run) -> None:
        done = run("detach", "--json", cwd=dogs.directory)
        tip = git("rev-parse", "dogs", cwd=dogs.directory).strip()
        assert json.loads(done.stdout) == {
            "name": "dogs",
            "base": base_shape(scenes.find(dogs.directory.parent)),
            "commit": tip,
        }


def test_settings_that_say_it() -> None:
    oid = "0" * 40
    text = f"name: x\nbased_on: {{model: m, snapshot: v1, tag: '{oid}', commit: '{oid}', detached: true}}\n"
    found = settings.parse(text.encode())
    assert found.based_on is not None
    assert found.based_on.detached
    assert settings.parse(settings.render(found).encode()) == found
