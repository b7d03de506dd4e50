"""Collecting garbage: the disk gets what was promised, and every live snapshot stays what it was."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstore.derive import worktree
from gitstore.disk import directories
from gitstore.errors import Corrupt, Locked
from gitstore.git.repository import Repository
from gitstore.models import snapshot, state
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.snapshots import export, remove, verify
from gitstore.states.save import save_state
from gitstore.storage import gc, usage
from gitstore.storage.gc import FreedItem, GcReport
from tests.support import scenes
from tests.support.commands import Fsck, Git, fsck
from tests.support.commands import git as run_git
from tests.support.examples import examples
from tests.support.failing import refuses
from tests.support.models import git_state, make, noise, picture, put, refs, take

PER_OBJECT = 28
"""Bytes of an object in an index."""

PER_PACK = 12 + 20 + 1072 + len(b"gitstore\n")
"""Bytes of a pack beside its objects: header and checksum, an empty index, the mark."""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A model with v1 and v2, where v2 alone has 300 kB."""
    scenes.copy(_two, tmp_path)
    return tmp_path / "digits"


def _two(root: Path) -> None:
    model = make(root / "digits")
    put(model, "initial", {"base": noise(200_000)})
    take(model, "v1")
    put(model, "initial", {"more": noise(300_000, 1)})
    take(model, "v2")


def repository(directory: Path) -> Repository:
    return Repository.discover(directory)


def find(directory: Path, name: str) -> Snapshot:
    return next(
        each for each in snapshot.read_all_snapshots(repository(directory)) if each.short_name == name
    )


def rm(directory: Path, *names: str) -> int:
    """Remove snapshots, whoever is based on them; returns the bytes that this was said to free."""
    removal = remove.plan_removal([find(directory, name) for name in names])
    remove.remove(removal, force=True)
    return removal.exclusive - removal.withheld


def disk(directory: Path) -> int:
    return usage.measure(repository(directory)).disk


def collected(directory: Path) -> GcReport:
    """A collection that does what it said it would do."""
    here = repository(directory)
    promised = gc.collect_garbage(here, dry_run=True)
    before = _size(here)
    done = gc.collect_garbage(here)
    assert done == promised
    assert before - _size(here) == done.freed
    return done


def _size(here: Repository) -> int:
    """Bytes of the repository, but for what gc notes of its refs."""
    record = here.private / "refs-seen"
    return directories.measure_size(here.common) - (record.stat().st_size if record.exists() else 0)


def sound(directory: Path) -> None:
    here = repository(directory)
    assert verify.verify(here, verify.list_tags(here, "refs/tags/", below=True)).problems == ()
    fsck(directory)


class TestWhatRmPromised:
    @pytest.mark.parametrize("names", [("v2",), ("v1",), ("v1", "v2")], ids="-".join)
    def test_is_free_afterwards(self, here: Path, names: tuple[str, ...]) -> None:
        before = disk(here)
        promised = rm(here, *names)
        done = collected(here)
        freed = before - disk(here)
        assert 0 <= freed - promised <= 2 * PER_PACK + 20 * PER_OBJECT
        assert [item.name for item in done.snapshots] == list(names)
        assert sum(item.size for item in done.snapshots) == promised
        found = usage.measure(repository(here))
        assert (found.dead, found.loose_dead) == (0, 0)
        assert sum(holder.charged for holder in found.holders) == found.live
        sound(here)

    def test_what_a_reflog_has_stays_until_it_forgets(self, here: Path, git: Git) -> None:
        git("checkout", "--quiet", "v2", cwd=here)
        git("checkout", "--quiet", "main", cwd=here)
        removal = remove.plan_removal([find(here, "v2")])
        assert removal.exclusive > 300_000
        assert 0 < removal.exclusive - removal.withheld < 500  # the tag
        remove.remove(removal)
        assert collected(here).freed < 1000
        git("reflog", "expire", "--expire=now", "--all", cwd=here)
        assert collected(here).freed > 300_000

    def test_a_state_that_has_it_too_keeps_it(self, here: Path) -> None:
        save_state(Model.open(here), "initial")
        assert rm(here, "v2") < 2000
        assert collected(here).freed < 4000
        assert not next(state.list_states(Model.open(here))).is_modified


def test_nothing_to_do(here: Path) -> None:
    before = refs(here), picture(here), git_state(here)
    done = collected(here)
    assert done == GcReport([], [], [], [], 0, 0, 0, [], [], [], [])
    assert (refs(here), picture(here), git_state(here)) == before


def test_a_dry_run_changes_nothing(here: Path) -> None:
    rm(here, "v2")
    store = here / ".git" / "objects"
    before = sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*"))
    assert gc.collect_garbage(repository(here), dry_run=True).freed > 300_000
    assert sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*")) == before


def test_a_derived_model_keeps_its_base(here: Path, tmp_path: Path) -> None:
    dogs = worktree.derive(find(here, "v2"), "dogs", tmp_path / "große dogs").model
    before = take(dogs, "d1")
    rm(here, "v1", "v2")
    collected(here)
    collected(dogs.directory)
    sound(here)
    assert before.list_state_files() == find(here, "dogs@d1").list_state_files()
    put(dogs, "initial", {"own": b"own"})
    take(dogs, "d2")
    sound(dogs.directory)
    shutil.rmtree(dogs.directory / "code")
    run_git("checkout", "--quiet", "--", "code", cwd=dogs.directory)


def test_from_a_linked_worktree_and_a_bare_repository(here: Path, tmp_path: Path, git: Git) -> None:
    git("clone", "--quiet", "--bare", "--no-local", str(here), "bare größe.git", cwd=tmp_path)
    bare = Repository.discover(tmp_path / "bare größe.git")
    run_git("update-ref", "-d", "refs/tags/v2", cwd=bare.directory)
    assert gc.collect_garbage(bare).foreign > 300_000  # what a clone has is in a pack of git
    git("worktree", "add", "--quiet", "--detach", "../linked", cwd=here)
    rm(here, "v2")
    assert collected(tmp_path / "linked").freed > 300_000
    sound(here)


class TestWhatGitStored:
    def test_nothing_is_fetched_for_it(self, here: Path, tmp_path: Path, git: Git) -> None:
        """A partial clone lacks the weights, and goes on without them."""
        git("config", "uploadpack.allowFilter", "true", cwd=here)
        source = ("--filter=blob:limit=64k", f"file://{here}", "partial")
        git("clone", "--quiet", *source, cwd=tmp_path)
        partial = tmp_path / "partial"
        put(Model.open(partial), "initial", {"own": noise(200_000, 9)})
        take(Model.open(partial), "own")
        objects = git("count-objects", "-v", cwd=partial)
        assert collected(partial).freed == 0
        assert 200_000 < rm(partial, "own") < 205_000
        assert collected(partial).freed > 200_000
        assert git("count-objects", "-v", cwd=partial) != objects
        missing = git("rev-list", "--objects", "--all", "--missing=print", cwd=partial)
        assert len([line for line in missing.splitlines() if line.startswith("?")]) == 2

    def test_is_only_counted(self, here: Path, git: Git) -> None:
        git("hash-object", "-w", "--stdin", cwd=here, stdin=noise(5000))
        done = collected(here)
        assert done.freed == 0
        assert 5000 <= done.foreign < 5100

    def test_a_repository_whose_objects_are_precious(self, here: Path, git: Git) -> None:
        git("config", "extensions.preciousObjects", "true", cwd=here)
        rm(here, "v2")
        with refuses(f"{here}/.git", "extensions.preciousObjects"):
            gc.collect_garbage(repository(here))

    def test_something_is_missing(self, here: Path) -> None:
        """Then nobody knows what is needed, and nothing goes."""
        for path in (here / ".git" / "objects").glob("[0-9a-f][0-9a-f]/*"):
            path.unlink()
        packs = sorted((here / ".git" / "objects" / "pack").iterdir())
        with refuses("needed", kind=Corrupt):
            gc.collect_garbage(repository(here))
        assert sorted((here / ".git" / "objects" / "pack").iterdir()) == packs


class TestLeftovers:
    @pytest.fixture
    def packs(self, here: Path) -> Path:
        return here / ".git" / "objects" / "pack"

    def old(self, path: Path, seconds: float = 2 * 24 * 60 * 60) -> Path:
        os.utime(path, (time.time() - seconds,) * 2)
        return path

    def test_of_our_writes_go_at_once(self, here: Path, packs: Path) -> None:
        (packs / "gitstore-tmp-pack-x").write_bytes(bytes(1000))
        (pack,) = [path for path in packs.glob("*.pack") if path.stat().st_size > 250_000]
        shutil.copy(pack, packs / f"pack-{'1' * 40}.pack")
        (packs / f"pack-{'1' * 40}.keep").write_bytes(b"gitstore\n")
        (packs / f"pack-{'2' * 40}.keep").write_bytes(b"gitstore\n")
        done = collected(here)
        assert [item.name for item in done.leftovers] == [
            "gitstore-tmp-pack-x", f"pack-{'1' * 40}.keep", f"pack-{'1' * 40}.pack", f"pack-{'2' * 40}.keep"
        ]  # fmt: skip
        assert done.freed == 1000 + 9 + pack.stat().st_size + 9
        assert collected(here).leftovers == []

    def test_what_another_process_may_be_writing_stays(self, here: Path, packs: Path) -> None:
        theirs = [packs / "tmp_pack_x", packs / "tmp_idx_x", packs / f"pack-{'3' * 40}.keep"]
        for path in theirs:
            path.write_bytes(b"fetch-pack 1 on host\n")
            self.old(path)
        fresh = [packs / f"pack-{'3' * 40}.pack", packs / f"pack-{'4' * 40}.pack"]
        fresh += [here / ".git/gitstore/.stat-cache~new-x"]
        for path in fresh:
            path.parent.mkdir(exist_ok=True)
            path.touch()
        assert collected(here).leftovers == []
        assert all(path.exists() for path in [*theirs, *fresh])

    def test_what_is_old_goes(self, here: Path, packs: Path) -> None:
        private = here / ".git" / "gitstore"
        private.mkdir(parents=True, exist_ok=True)
        (private / ".stat-cache~new-x").write_bytes(bytes(70))
        self.old(private / ".stat-cache~new-x")
        (packs / f"pack-{'4' * 40}.pack").touch()
        self.old(packs / f"pack-{'4' * 40}.pack")
        assert collected(here).leftovers == [
            FreedItem(".stat-cache~new-x", 70), FreedItem(f"pack-{'4' * 40}.pack", 0)
        ]  # fmt: skip

    def test_what_nobody_builds_any_more_goes_at_once(self, here: Path, packs: Path, git: Git) -> None:
        """In .git, beside the states and at the top of each working copy."""
        git("worktree", "add", "--quiet", "--detach", "../linked", cwd=here)
        (here.parent / "linked" / "states").mkdir()
        parents = [packs, here / ".git/gitstore", here / "states", here, here.parent / "linked" / "states"]
        left = [parent / f".left{number}~new-x" for number, parent in enumerate(parents)]
        for path in left:
            path.mkdir()
            (path / "file").write_bytes(bytes(70))
        with directories.hidden(here / "states", "new") as building:
            done = gc.collect_garbage(repository(here))
            assert building.exists()
        assert {item.name: item.size for item in done.leftovers} == {path.name: 70 for path in left}
        assert not any(path.exists() for path in left)

    def test_locks_of_git_are_named_and_stay(self, here: Path, git: Git) -> None:
        git("worktree", "add", "--quiet", "--detach", "../linked", cwd=here)
        names = ["index.lock", "packed-refs.lock", "refs/tags/v1.lock", "worktrees/linked/HEAD.lock"]
        for name in (*names, "gitstore-files.lock"):
            (here / ".git" / name).touch()
        assert collected(here).locks == [here / ".git" / name for name in names]
        assert all((here / ".git" / name).exists() for name in names)


class TestSideBySide:
    def test_with_a_write(self, here: Path) -> None:
        rm(here, "v2")
        with repository(here).writer(), refuses(f"{here}/.git", "writing", kind=Locked):
            gc.collect_garbage(repository(here))
        assert collected(here).freed > 300_000

    def test_a_base_that_goes_while_a_model_is_derived(self, here: Path, tmp_path: Path, fsck: Fsck) -> None:
        base = find(here, "v2")
        rm(here, "v2")
        collected(here)
        with refuses("v2", "removed"):
            worktree.derive(base, "dogs", tmp_path / "dogs")
        fsck(here)

    def test_a_process_that_knew_the_packs_before(self, here: Path) -> None:
        """It still reads, and its next snapshot writes again what is gone."""
        model = Model.open(here)
        first = find(here, "v1")
        model.repository.objects.refresh()
        rm(here, "v2")
        collected(here)
        assert first.list_state_files()
        again = take(model, "again")
        sound(here)
        assert {str(file.path) for file in again.list_state_files()} == {"base", "more", "weights"}


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "take", "rm", "rm", "gc", "save", "derive"]), st.integers(0, 3)),
    min_size=3,
    max_size=10,
)


@settings(max_examples=examples(4))
@given(STEPS)
def test_every_live_snapshot_stays_what_it_was(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        models = [make(root / "digits")]
        held: dict[str, dict[str, str]] = {}
        here = models[0].directory
        for step, (action, number) in enumerate(steps):
            model = models[number % len(models)]
            names = sorted(held)
            if action == "take":
                put(model, "initial", {f"w{number}": noise(20_000 * (number + 1), step)})
                taken = take(model, f"s{step}")
                held[taken.short_name] = exported(taken, root / "before")
            elif action == "rm" and names:
                gone = names[number % len(names)]
                rm(here, gone)
                del held[gone]
            elif action == "save":
                save_state(Model.open(model.directory), "initial")
            elif action == "derive" and names:
                base = find(here, names[number % len(names)])
                if not base.prefix:
                    models.append(worktree.derive(base, f"m{step}", root / f"m{step}").model)
            elif action == "gc":
                collected(here)
        collected(here)
        assert usage.measure(repository(here)).dead == usage.measure(repository(here)).loose_dead
        for each in snapshot.read_all_snapshots(repository(here)):
            assert exported(each, root / "after") == held.pop(each.short_name)
        assert held == {}
        sound(here)


def exported(found: Snapshot, target: Path) -> dict[str, str]:
    export.export(found, target)
    seen = picture(target)
    shutil.rmtree(target)
    return seen
