"""What a command leaves that was killed in one certain instant, which no random one would hit every time."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.git import worktrees
from gitstore.git.repository import Repository
from gitstore.models import init
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.storage import gc, usage
from tests.support import combinations, scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import make, refs, take
from tests.support.spawning import stand_ins


def test_a_worktree_that_git_has_only_begun(model: Model, tmp_path: Path, git: Git, fsck: Fsck) -> None:
    """Zeros stand in its HEAD then, which git fsck itself complains of until the worktree is gone.

    Whatever is in its directory may be somebody's work: it stays until a person has removed it.
    """
    base, target = take(model, "v1"), tmp_path / "dogs"
    made = worktree.derive(base, "dogs", target).model
    git("worktree", "lock", "--reason", "gitstore derive is making it", str(target), cwd=model.directory)
    (made.repository.git_directory / "HEAD").write_text("0" * 40 + "\n")
    repository = Repository.discover(model.directory)
    assert "HEAD" not in {each.name for each in usage.measure(repository).holders}
    with refuses(target):
        worktree.derive(base, "dogs", target)
    assert [each.path.name for each in worktrees.list_damaged(repository.common)] == ["dogs"]
    shutil.rmtree(target)
    assert worktree.derive(base, "dogs", target).model.name == "dogs"
    gc.collect_garbage(repository)
    fsck(model.directory)


def test_a_derived_model_without_its_working_copy(model: Model, tmp_path: Path) -> None:
    base = take(model, "v1")
    script = (
        "import os, signal, sys; from pathlib import Path; from gitstore.derive import worktree as derive; "
        "from gitstore.models import reference;"
        "from gitstore.git import new_worktree;"
        "new_worktree._name_administration = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "derive.derive(reference.resolve('v1', Path(sys.argv[1])), 'dogs', Path(sys.argv[2]))"
    )
    command = [str(stand_ins() / "python"), "-Pc", script, str(model.directory), str(tmp_path / "dogs")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert "refs/heads/dogs" in refs(model.directory)
    worktree.derive(base, "dogs", tmp_path / "dogs")
    assert (tmp_path / "dogs" / "settings.yaml").is_file()


def _saved(root: Path) -> None:
    model = make(root / "digits")
    save_state(model, "initial")
    take(model, "v1")


@combinations.sample(3)
@pytest.mark.parametrize(
    "content",
    ["refs/tags/v1 {v1}\n", "refs/states/../tags/v1/initial {v1}\n", "refs/states/initial {state}\n",
     "refs/states/dogs/initial x\n", "\xff", "", "a b c\n"],
)  # fmt: skip
def test_what_a_derive_left_is_not_believed_as_it_is(tmp_path: Path, content: str) -> None:
    scenes.copy(_saved, tmp_path)
    base, model = scenes.find(tmp_path), Model.open(tmp_path / "digits")
    saved = model.repository.refs.get("refs/states/initial")
    before = refs(model.directory)
    begun = model.repository.private / "derive.begun"
    begun.write_bytes(content.format(v1=base.tag_oid, state=saved).encode("latin-1"))
    worktree.derive(base, "dogs", tmp_path / "dogs")
    after = refs(model.directory)
    assert {ref: after.get(ref) for ref in before if ref != "worktrees"} == {
        ref: value for ref, value in before.items() if ref != "worktrees"
    }
    assert not begun.exists()


class TestInit:
    """In a repository that is there, the files come one by one, and then the commit."""

    @pytest.fixture
    def here(self, tmp_path: Path, git: Git) -> Path:
        here = tmp_path / "meine zahlen"
        (here / "src").mkdir(parents=True)
        (here / "src" / "model.py").write_text("class Model: pass\n")
        (here / ".gitignore").write_text("*.log\n")
        git("init", "--quiet", cwd=here)
        git("add", "--all", cwd=here)
        git("commit", "--quiet", "-m", "mine", cwd=here)
        return here

    def uncommitted(self, here: Path, git: Git) -> None:
        """As it is when the commit was about to be made."""
        init.create_model(here, name="m", code="src")
        git("reset", "--quiet", "HEAD~", cwd=here)

    @pytest.mark.parametrize("staged", [False, True])
    def test_before_the_commit(self, here: Path, git: Git, *, staged: bool) -> None:
        self.uncommitted(here, git)
        if staged:
            git("add", "--all", cwd=here)
        made = init.create_model(here, name="m", code="src")
        assert (made.model.name, made.adopted) == ("m", True)
        assert git("status", "--porcelain", cwd=here) == ""
        assert git("ls-files", cwd=here).split() == [".gitignore", "settings.yaml", "src/model.py"]
        assert (here / ".gitignore").read_text() == "*.log\n/states/\n"

    def test_in_the_midst_of_a_file(self, here: Path, git: Git) -> None:
        self.uncommitted(here, git)
        path = here / "settings.yaml"
        (here / ".settings.yaml~new").write_bytes(path.read_bytes()[:20])
        path.unlink()  # it gets its name when it is whole
        git("checkout", "--", ".gitignore", cwd=here)
        init.create_model(here, name="m", code="src")
        assert git("status", "--porcelain", cwd=here) == ""

    def test_what_was_edited_since_stays(self, here: Path, git: Git) -> None:
        self.uncommitted(here, git)
        path = here / "settings.yaml"
        path.write_text("name: mine\n")
        with refuses(here):
            init.create_model(here, name="m", code="src")
        assert path.read_text() == "name: mine\n"

    def test_of_a_new_model_in_a_directory_that_was_there(self, tmp_path: Path, git: Git) -> None:
        here = tmp_path / "m"
        here.mkdir()
        init.create_model(here)
        git("update-ref", "-d", "HEAD", cwd=here)
        init.create_model(here)
        assert git("status", "--porcelain", cwd=here) == ""
        assert git("ls-files", cwd=here).split() == [".gitignore", "code/model.py", "settings.yaml"]
