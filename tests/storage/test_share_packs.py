"""What a commit needs comes along, linked where it can be, and nothing else does."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.disk import locks
from gitstore.errors import Corrupt, Locked
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects import repack
from gitstore.packs.format import GIT_MARK, KEEP_MARK
from gitstore.packs.oid import Oid
from gitstore.states.save import save_state
from gitstore.storage import gc, linkable, share_packs
from gitstore.storage.share_packs import ImportedBytes
from tests.support import scenes
from tests.support.commands import Fsck, Git, git
from tests.support.failing import refuses
from tests.support.file_systems import directory_elsewhere
from tests.support.models import make, noise, put, take


@pytest.fixture
def new(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / 'größer als "zuvor": new')


@pytest.fixture
def base(tmp_path: Path) -> Snapshot:
    """v1, whose objects are in one pack of git's and in one of ours; beside it lie v0, v2 and a state."""
    scenes.copy(_base, tmp_path)
    return scenes.find(tmp_path)


def _base(root: Path) -> None:
    model = make(root / "digits")
    git("repack", "-adq", cwd=model.directory)
    put(model, "initial", {"old": noise(100_000, 1)})
    take(model, "v0")
    (model.claim_states() / "initial" / "old").unlink()
    put(model, "initial", {"large": noise(2_000_000)})
    take(model, "v1")
    put(model, "initial", {"other": noise(300_000, 2)})
    take(model, "v2")
    save_state(model, "initial")


def listed(repository: Repository) -> set[str]:
    """Every object that a repository has, needed or not."""
    command = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", "--unordered")
    return set(repository.git(*command).decode().split())


def needed(base: Snapshot) -> set[str]:
    """What stock git finds from a snapshot's tag."""
    command = ("rev-list", "--objects", "--no-object-names", str(base.tag_oid))
    return set(base.repository.git(*command).decode().split())


def bring(new: Repository, base: Snapshot) -> ImportedBytes:
    """Bring a snapshot, with a ref to it; nothing else has come, and git has nothing to say."""
    done = share_packs.import_objects(
        new, base.repository, share_packs.list_closure(new, base.repository, base.tag_oid)
    )
    assert listed(new) == needed(base)
    new.refs.change(
        [RefChange("refs/heads/main", None, base.commit), RefChange(base.ref, None, base.tag_oid)], "test"
    )
    return done


def packs(repository: Repository) -> dict[int, tuple[bytes, int]]:
    """The packs by their sizes: what marks them, and how many names they have."""
    found = {}
    for path in (repository.common / "objects" / "pack").glob("*.pack"):
        keep = path.with_suffix(".keep")
        found[path.stat().st_size] = keep.read_bytes() if keep.exists() else b"", path.stat().st_nlink
    return found


def _merge_all(base: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more snapshot, whose pack is merged with that of v1."""
    monkeypatch.setattr(repack, "MEDIUM_PACK", 64 * 1024**2)
    model = Model.open(base.repository.directory)
    put(model, "initial", {"more": noise(1_500_000, 3)})
    take(model, "v3")
    assert max(packs(base.repository)) > 3_500_000


class TestWhatComes:
    def test_packs_that_are_needed_whole_are_linked(
        self, base: Snapshot, new: Repository, fsck: Fsck
    ) -> None:
        done = bring(new, base)
        (large,) = [size for size in packs(new) if size > 1_900_000]
        assert packs(new)[large] == (KEEP_MARK, 2)
        assert GIT_MARK in [mark for mark, _ in packs(new).values()]
        assert done.linked >= large
        assert done.linked + done.copied == sum(packs(new))
        fsck(new)

    def test_others_are_divided_first(
        self, base: Snapshot, new: Repository, monkeypatch: pytest.MonkeyPatch, fsck: Fsck
    ) -> None:
        _merge_all(base, monkeypatch)
        before = sum(packs(base.repository))
        done = bring(new, base)
        assert done.linked > 2_000_000
        assert done.copied < 100_000
        assert sum(packs(base.repository)) < before + 100
        fsck(new)
        fsck(base.repository.directory)

    def test_or_give_what_is_needed_of_them_if_that_is_little(
        self, base: Snapshot, new: Repository, monkeypatch: pytest.MonkeyPatch, fsck: Fsck
    ) -> None:
        _merge_all(base, monkeypatch)
        before = packs(base.repository).keys()
        monkeypatch.setattr(linkable, "COPIED", 2_000_000)
        done = bring(new, base)
        assert 2_000_000 < done.copied < 2_100_000
        assert packs(base.repository).keys() == before
        fsck(new)

    @pytest.mark.parametrize("how", ["loose", "delta", "packed by git"])
    def test_in_whatever_form(self, model: Model, new: Repository, git: Git, fsck: Fsck, how: str) -> None:
        lines = [f"line {number}\n" for number in range(2000)]
        for number in range(5):
            lines[number] = "changed\n"
            (model.directory / "code" / "long.py").write_text("".join(lines))
            git("add", "code", cwd=model.directory)
            git("commit", "-qm", "more", cwd=model.directory)
        base = take(model, "v1")
        git("commit", "-q", "--allow-empty", "-m", "later", cwd=model.directory)
        if how == "delta":
            git("repack", "-adq", "--no-keep-unreachable", cwd=model.directory)
        if how == "packed by git":
            for path in (model.repository.common / "objects" / "pack").glob("*.keep"):
                path.unlink()
            git("repack", "-adqf", cwd=model.directory)
        done = bring(new, Snapshot(**{**vars(base), "repository": Repository(model.repository.common)}))
        assert done.copied > 0
        if how != "loose":  # the deltas stay: five versions of a file are hardly larger than one
            assert done.copied + done.linked < 20_000
        fsck(new)

    def test_from_alternates(self, base: Snapshot, new: Repository, git: Git, tmp_path: Path) -> None:
        git("clone", "-q", "--shared", "--mirror", str(base.repository.directory), "m", cwd=tmp_path)
        borrow_objects = Snapshot(**{**vars(base), "repository": Repository(tmp_path / "m")})
        assert bring(new, borrow_objects).linked > 1_900_000

    def test_no_more_than_what_is_missing(self, base: Snapshot, new: Repository) -> None:
        bring(new, base)
        wanted = share_packs.list_closure(new, base.repository, base.tag_oid)
        assert share_packs.import_objects(new, base.repository, wanted) == share_packs.NOTHING_IMPORTED

    def test_replacements_and_grafts_of_the_source_have_no_say(
        self, base: Snapshot, new: Repository, git: Git, fsck: Fsck
    ) -> None:
        git("replace", "v1^{commit}", "v2^{commit}", cwd=base.repository.directory)
        share_packs.import_objects(
            new, base.repository, share_packs.list_closure(new, base.repository, base.tag_oid)
        )
        assert str(base.state_tree) in listed(new)

    def test_a_missing_object_is_told(self, base: Snapshot, new: Repository) -> None:
        lost = next(file for file in base.list_state_files() if file.path.name == "large").parts[0].oid
        packed = base.repository.objects.find(lost)
        assert packed is not None
        packed.pack.path.unlink()
        packed.pack.index.path.unlink()
        with pytest.raises(Corrupt) as caught:
            share_packs.list_closure(new, Repository(base.repository.common), base.tag_oid)
        assert caught.value.message.startswith(f"{base.repository.common} lacks an object that is needed: ")


class TestWhereNothingCanBeLinked:
    @pytest.fixture(params=[errno.EXDEV, errno.EPERM, errno.EMLINK], ids=errno.errorcode.get)
    def unlinkable(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        def link(*_: object) -> None:
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(os, "link", link)

    @pytest.mark.usefixtures("unlinkable")
    def test_nothing_is_divided(
        self, base: Snapshot, new: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _merge_all(base, monkeypatch)
        before = packs(base.repository)
        assert bring(new, base).linked == 0
        assert packs(base.repository) == before

    @pytest.mark.usefixtures("unlinkable")
    def test_it_is_copied(self, base: Snapshot, new: Repository, fsck: Fsck) -> None:
        done = bring(new, base)
        assert done.linked == 0
        assert done.copied == sum(packs(new))
        assert {links for _, links in packs(new).values()} == {1}
        modes = {path.stat().st_mode & 0o777 for path in (new.common / "objects" / "pack").iterdir()}
        assert modes == {0o444}
        fsck(new)

    def test_another_file_system(self, base: Snapshot, fsck: Fsck) -> None:
        with directory_elsewhere(base.repository.common) as directory:
            assert bring(Repository.create(directory), base).linked == 0
            fsck(directory)


class TestWhileOthersWork:
    def test_git_repacks_the_source(
        self, base: Snapshot, new: Repository, git: Git, monkeypatch: pytest.MonkeyPatch, fsck: Fsck
    ) -> None:
        wanted = share_packs.list_closure(new, base.repository, base.tag_oid)
        link, there = os.link, base.repository.directory

        def repacked(source: Path, target: Path) -> None:
            monkeypatch.setattr(os, "link", link)
            for path in (base.repository.common / "objects" / "pack").glob("*.keep"):
                path.unlink()
            git("repack", "-adq", cwd=there)
            link(source, target)

        monkeypatch.setattr(os, "link", repacked)
        share_packs.import_objects(new, base.repository, wanted)
        assert {str(oid) for oid in wanted} <= listed(new)

    def test_gc_of_the_source_has_to_wait(self, base: Snapshot) -> None:
        with (
            base.repository.reading(),
            refuses(base.repository.common, kind=Locked),
        ):
            gc.collect_garbage(Repository(base.repository.common))

    def test_a_lock_that_we_may_not_open(self, base: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.open

        def refused(path: str | Path, flags: int, *rest: int) -> int:
            if flags & os.O_RDWR:
                raise PermissionError(errno.EACCES, "Permission denied")
            return real(path, flags, *rest)

        monkeypatch.setattr(os, "open", refused)
        with base.repository.reading():
            monkeypatch.setattr(os, "open", real)
            with pytest.raises(Locked), base.repository.collecting():
                pass
        shutil.rmtree(base.repository.private)
        monkeypatch.setattr(Path, "mkdir", lambda *_, **__: os.open("/nowhere", os.O_RDWR))
        with locks.reading(base.repository.private):
            pass


@pytest.fixture
def kept(base: Snapshot, new: Repository) -> Iterator[Repository]:
    """A repository that shares packs, in which v1 is a branch."""
    bring(new, base)
    yield new


class TestAfterwards:
    def test_large_linked_packs_are_not_merged(self, kept: Repository, base: Snapshot) -> None:
        for repository in (kept, base.repository):
            before = {size for size, (_, links) in packs(repository).items() if size > 1024**2 and links > 1}
            assert before
            repack.merge_small_packs(repository.objects, repository.private)
            assert before <= packs(repository).keys()

    def test_nor_rewritten_for_little(self, kept: Repository) -> None:
        """The tag alone dies here: 200 bytes, for which 2 MB would be written."""
        before = packs(kept)
        kept.refs.change([RefChange("refs/tags/v1", kept.refs.get("refs/tags/v1"), None)], "test")
        done = gc.collect_garbage(kept)
        assert {size for size in packs(kept) if size > 1024**2} == {size for size in before if size > 1024**2}
        assert 0 < done.left < 400

    def test_what_nothing_needs_goes_from_here_alone(
        self, kept: Repository, base: Snapshot, git: Git, fsck: Fsck
    ) -> None:
        before = packs(base.repository)
        for ref, oid in list(kept.refs.all()):
            kept.refs.change([RefChange(ref, oid, None)], "test")
        git("reflog", "expire", "--expire=now", "--all", cwd=kept.directory)
        gc.collect_garbage(kept)
        assert packs(kept) == {}
        assert packs(base.repository).keys() == before.keys()
        assert {links for _, links in packs(base.repository).values()} == {1}
        fsck(base.repository)

    def test_git_s_own_gc_leaves_them(self, kept: Repository, git: Git, fsck: Fsck) -> None:
        before = packs(kept)
        git("gc", "-q", "--prune=now", cwd=kept.directory)
        assert packs(kept) == before
        fsck(kept)

    def test_a_time_set_here_is_set_there(self, kept: Repository, base: Snapshot) -> None:
        """One file, one time: gc there takes the pack for one that is relied on, and leaves it for now."""
        pack = next(pack for pack in kept.objects.packs if pack.size > 1024**2)
        there = base.repository.common / "objects" / "pack" / pack.path.name
        os.utime(there, (0, 0))
        assert kept.objects.freshen(Oid(pack.index.oid(0)))
        assert there.stat().st_mtime > 0
