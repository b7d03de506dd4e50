"""A rebase that is killed, or whose files cannot follow: the same call again finishes it."""

from __future__ import annotations

import signal

import pytest

from gitstore import settings
from gitstore.derive import rebase
from gitstore.derive.rebase import Rebased
from gitstore.errors import GitstoreError
from gitstore.git.refs import Refs
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.workingcopy.branch import Branch
from tests.support import processes
from tests.support.commands import Fsck, Git
from tests.support.failing import names, refuses
from tests.support.models import again, git_state, picture, refs, take


class TestInterrupted:
    def killed(self, dogs: Model, owner: object, step: str) -> None:
        """Run rebase in a process that is killed at a step."""

        def work() -> None:
            setattr(owner, step, processes.die)
            rebase.rebase(again(dogs), reference.resolve("digits@v2", dogs.directory))

        assert processes.run_forked(work) == -signal.SIGKILL

    def finish(self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git) -> Rebased:
        fsck(dogs.directory)
        done = rebase.rebase(again(dogs), v2)
        assert git("status", "--porcelain", cwd=dogs.directory) == ""
        code = dogs.directory / "code"
        assert "RATE = 3.0" in (code / "model.py").read_text()
        assert (code / "sub" / "größer name.py").read_text() == "new\n"
        assert {path.stat().st_mode & 0o777 for path in code.rglob("*") if path.is_file()} == {0o444}
        assert git("rev-list", "--count", "--first-parent", "v1..dogs", cwd=dogs.directory) == "2\n"
        assert take(done.model, "v1").code_tree == v2.code_tree
        fsck(dogs.directory)
        return done

    @pytest.mark.parametrize(("owner", "step"), [(Branch, "add_commit"), (Refs, "change")])
    def test_before_the_branch_all_is_as_before(
        self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git, owner: object, step: str
    ) -> None:
        before = refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)
        self.killed(dogs, owner, step)
        assert (refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)) == before
        assert self.finish(dogs, v2, fsck, git).commit is not None

    @pytest.mark.parametrize(("owner", "step"), [(Branch, "check_out_commit"), (rebase, "set_writable")])
    def test_after_it_the_same_again_finishes(
        self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git, owner: object, step: str
    ) -> None:
        self.killed(dogs, owner, step)
        assert again(dogs).base == settings.BasedOn(
            model="digits", snapshot="v2", tag=str(v2.tag_oid), commit=str(v2.commit)
        )
        assert self.finish(dogs, v2, fsck, git).commit is None

    def test_in_the_middle_of_a_file(self, dogs: Model, v2: Snapshot, fsck: Fsck, git: Git) -> None:
        self.killed(dogs, Branch, "check_out_commit")
        path = dogs.directory / "code" / "model.py"
        content = path.read_text().replace("RATE = 2.0", "RATE = 3.0")
        path.unlink()
        path.write_text(content[:100])
        (dogs.directory / "settings.yaml").write_text("")
        self.finish(dogs, v2, fsck, git)

    def test_until_then_no_snapshot_is_taken_and_no_edit_is_lost(self, dogs: Model, v2: Snapshot) -> None:
        self.killed(dogs, Branch, "check_out_commit")
        with pytest.raises(GitstoreError):
            take(dogs, "v1")
        for name in ("settings.yaml", "code/model.py", "code/new.py"):
            path = dogs.directory / name
            content = path.read_bytes() if path.exists() else None
            path.unlink(missing_ok=True)
            path.write_text("name: edited\n")
            with refuses(name):
                rebase.rebase(again(dogs), v2)
            assert path.read_text() == "name: edited\n"
            path.unlink()
            if content is not None:
                path.write_bytes(content)

    def test_files_that_cannot_follow(self, dogs: Model, v2: Snapshot, git: Git, fsck: Fsck) -> None:
        git("config", "filter.broken.smudge", "false", cwd=dogs.directory)
        git("config", "filter.broken.clean", "cat", cwd=dogs.directory)
        git("config", "filter.broken.required", "true", cwd=dogs.directory)
        attributes = dogs.repository.common / "info" / "attributes"
        attributes.write_text("*.py filter=broken\n")
        with pytest.raises(GitstoreError) as caught:
            rebase.rebase(dogs, v2)
        assert names(caught.value, dogs.directory, "git read-tree")
        assert "again" in (caught.value.hint or "")
        attributes.unlink()
        self.finish(dogs, v2, fsck, git)
