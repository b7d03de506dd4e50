from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.objects.database import BrokenObject, MissingObject, ObjectDatabase
from gitstore.objects.repack import merge_small_packs
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import git
from tests.support.content import noise
from tests.support.failing import refuses
from tests.support.packs import add_blobs, write_pack

WEIGHTS = noise(5000)


def loose(repository: Repository, content: bytes) -> Oid:
    oid = git("hash-object", "-w", "--stdin", cwd=repository.directory, stdin=content).strip()
    return Oid.parse(oid)


def loose_path(repository: Repository, oid: Oid) -> Path:
    return repository.common / "objects" / str(oid)[:2] / str(oid)[2:]


def versions(repository: Repository) -> dict[Oid, bytes]:
    """Objects that stock git stores as deltas of each other."""
    contents = [WEIGHTS + b"version %d" % number for number in range(10)]
    for number, content in enumerate(contents):
        (repository.directory / "weights").write_bytes(content)
        git("add", "weights", cwd=repository.directory)
        git("commit", "--quiet", "-m", f"{number}", cwd=repository.directory)
    git("-c", "core.bigFileThreshold=1g", "repack", "-adfq", cwd=repository.directory)
    repository.objects.refresh()
    return {Oid.of(Kind.BLOB, content): content for content in contents}


def test_packed_and_loose_objects_are_read(repository: Repository) -> None:
    add_blobs(repository.objects, b"packed", b"")
    for content in (b"packed", b"", b"loose"):
        oid = Oid.of(Kind.BLOB, content)
        assert loose(repository, content) == oid
        assert repository.objects.read(oid) == (Kind.BLOB, content)
        assert repository.objects.size(oid) == len(content)
        assert oid in repository.objects


def test_a_large_loose_object_is_measured_by_its_header(repository: Repository) -> None:
    oid = loose(repository, bytes(3_000_000))
    path = loose_path(repository, oid)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:200])  # whoever inflates it all, fails
    assert repository.objects.size(oid) == 3_000_000
    with pytest.raises(BrokenObject):
        repository.objects.read(oid)


def test_the_loose_objects_are_listed(repository: Repository) -> None:
    expected = {loose(repository, content) for content in (b"a", b"b")}
    folder = loose_path(repository, next(iter(expected))).parent
    (folder / "tmp_obj_abcdef").touch()
    (folder / ("x" * 38)).touch()
    assert {oid for oid, _ in repository.objects.list_loose()} == expected


def test_deltas_of_stock_git_are_read(repository: Repository) -> None:
    contents = versions(repository)
    (pack,) = repository.objects.own_packs
    assert sum(pack.header(at).kind is None for at in range(pack.index.count)) >= 8
    for oid, content in contents.items():
        assert repository.objects.read(oid) == (Kind.BLOB, content)
        assert repository.objects.size(oid) == len(content)


def test_reading_deltas_does_not_list_the_packs_again(repository: Repository) -> None:
    """It would for each of them: a listing of all packs for every tag of a repacked repository."""
    contents = versions(repository)
    objects = repository.objects
    packs = objects.packs
    shutil.rmtree(repository.common / "objects" / "info")
    objects.directory = Path("/nonexistent")
    assert [objects.read(oid)[1] for oid in contents] == list(contents.values())
    assert objects.packs == packs


def test_a_broken_delta_is_broken_and_not_missing(repository: Repository) -> None:
    contents = versions(repository)
    (pack,) = repository.objects.own_packs
    at = next(
        at
        for at in range(pack.index.count)
        if pack.header(at).kind is None and pack.index.oid(at) in contents
    )
    pack.path.chmod(0o644)
    with pack.path.open("r+b") as file:
        file.seek(sum(pack.span(at)) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))
    with refuses(pack.index.oid(at), kind=BrokenObject):
        Repository(repository.common).objects.read(pack.index.oid(at))


def test_objects_that_move_to_another_pack_are_found_there(repository: Repository) -> None:
    """Another process merges the packs that this one knows, before and after it has opened them."""
    for number in range(4):
        add_blobs(repository.objects, b"weights %d" % number)
    oids = [Oid.of(Kind.BLOB, b"weights %d" % number) for number in range(4)]
    ours = Repository(repository.common).objects
    ours.read(oids[0])
    assert merge_small_packs(repository.objects, repository.private)
    assert [ours.size(oid) for oid in oids] == [9] * 4
    assert [ours.read(oid)[1][-1:] for oid in oids] == [b"0", b"1", b"2", b"3"]


def test_loose_objects_that_stock_git_packs_are_found(repository: Repository) -> None:
    contents = {Oid.of(Kind.BLOB, content): content for content in (b"a" * 100, b"b" * 100)}
    for content in contents.values():
        loose(repository, content)
    ours = Repository(repository.common).objects
    names = "".join(f"{oid}\n" for oid in contents).encode()
    git("pack-objects", "-q", ".git/objects/pack/pack", cwd=repository.directory, stdin=names)
    git("prune-packed", "-q", cwd=repository.directory)
    assert {oid: ours.read(oid)[1] for oid in contents} == contents


def test_deltas_that_stock_git_packs_again_are_found(repository: Repository) -> None:
    contents = versions(repository)
    ours = Repository(repository.common).objects
    ours.read(next(iter(contents)))
    git("commit", "--quiet", "--allow-empty", "-m", "more", cwd=repository.directory)
    git("-c", "core.bigFileThreshold=1g", "repack", "-adfq", "--depth=3", cwd=repository.directory)
    assert {oid: ours.read(oid)[1] for oid in contents} == contents


@pytest.fixture
def moving(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Moving:
    return Moving(repository, monkeypatch)


class Moving:
    """Stock git packs all anew whenever the packs have been listed, as often as is asked."""

    def __init__(self, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        here = repository.directory
        (here / "weights").write_bytes(WEIGHTS)
        git("add", "weights", cwd=here)
        git("commit", "--quiet", "-m", "first", cwd=here)
        self.listings, self._here, self._left, self._packed = 0, here, 1, 0
        self._pack()
        listing = ObjectDatabase.refresh

        def refresh(database: ObjectDatabase) -> None:
            listing(database)
            self.listings += 1
            if self._left:
                self._pack()

        self.objects = Repository(repository.common).objects
        monkeypatch.setattr(ObjectDatabase, "refresh", refresh)

    def begin(self, times: int) -> None:
        """The first time is now."""
        self._left = times
        self._pack()

    def _pack(self) -> None:
        self._left -= 1
        self._packed += 1
        level = f"pack.compression={self._packed % 2 * 9}"  # another pack each time, of another name
        git("-c", level, "repack", "-adFq", cwd=self._here)


def test_objects_that_move_again_and_again_are_found(moving: Moving) -> None:
    """Stock git packs all anew between each listing of the packs and the look into them that follows."""
    moving.begin(4)
    assert moving.objects.read(Oid.of(Kind.BLOB, WEIGHTS)) == (Kind.BLOB, WEIGHTS)
    assert moving.listings == 4


def test_objects_that_never_stay_are_missing_in_the_end(moving: Moving) -> None:
    moving.begin(100)
    with pytest.raises(MissingObject):
        moving.objects.read(Oid.of(Kind.BLOB, WEIGHTS))
    assert moving.listings == 5


def test_a_missing_object_is_looked_for_twice(moving: Moving) -> None:
    with pytest.raises(MissingObject):
        moving.objects.read(Oid.of(Kind.BLOB, b"nowhere"))
    assert moving.listings == 2


def test_a_pack_that_is_written_by_others_is_found(repository: Repository) -> None:
    ours = Repository(repository.common).objects
    assert ours.packs == []
    add_blobs(repository.objects, b"new")
    assert ours.read(Oid.of(Kind.BLOB, b"new")) == (Kind.BLOB, b"new")


def test_alternates_are_read_through(repository: Repository, tmp_path: Path) -> None:
    """By absolute and relative paths, through one another, in a circle, and with any bytes in their name."""
    first = Repository.create(Path(os.fsdecode(os.fsencode(tmp_path) + b"/fir\xffst")))
    second = Repository.create(tmp_path / "second")
    add_blobs(first.objects, b"first")
    loose(second, b"second")
    info = "objects/info/alternates"
    (repository.common / info).write_bytes(b"# ours\n\n%s/objects\n" % os.fsencode(first.common))
    (first.common / info).write_text("../../../second/.git/objects\n../../.git/objects/\n")
    (second.common / info).write_text(f"{repository.common}/objects\n/nowhere\n")
    objects = Repository(repository.common).objects
    for content in (b"first", b"second"):
        assert objects.read(Oid.of(Kind.BLOB, content)) == (Kind.BLOB, content)
    assert len(objects.packs) == 1
    assert objects.own_packs == []


def test_a_missing_object_is_named(repository: Repository) -> None:
    oid = Oid.of(Kind.BLOB, b"nowhere")
    assert oid not in repository.objects
    for use in (repository.objects.read, repository.objects.size):
        with refuses(oid, kind=MissingObject):
            use(oid)


def test_an_object_of_another_kind_is_broken(repository: Repository) -> None:
    add_blobs(repository.objects, b"blob")
    oid = Oid.of(Kind.BLOB, b"blob")
    with refuses(oid, kind=BrokenObject):
        repository.objects.read_as(Kind.TREE, oid)


def test_content_under_another_id_is_broken(repository: Repository) -> None:
    right, wrong = loose(repository, b"right"), Oid.of(Kind.BLOB, b"wrong")
    loose_path(repository, wrong).parent.mkdir(exist_ok=True)
    loose_path(repository, right).rename(loose_path(repository, wrong))
    with refuses(wrong, "hash", kind=BrokenObject):
        repository.objects.read(wrong)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zlib stream",
        zlib.compress(b"blob 3\0four"),
        zlib.compress(b"blob three\0abc"),
        zlib.compress(b"thing 3\0abc"),
        zlib.compress(b"blob"),
        zlib.compress(b"blob 3 3\0abc"),
        zlib.compress(b"\xff 3\0abc"),
        zlib.compress(b"blob 3\0abc")[:-6],
    ],
)
def test_a_damaged_loose_object_is_broken(repository: Repository, content: bytes) -> None:
    oid = loose(repository, b"abc")
    loose_path(repository, oid).chmod(0o644)
    loose_path(repository, oid).write_bytes(content)
    with refuses(oid, loose_path(repository, oid), kind=BrokenObject):
        repository.objects.read(oid)


@pytest.mark.parametrize("suffix", [".pack", ".idx"])
def test_no_byte_of_a_pack_can_change_unnoticed(
    tmp_path: Path, suffix: str, pytestconfig: pytest.Config
) -> None:
    """Each byte with --flips 0, else each seventh: of all four that a number of an index has."""
    contents = [b"", b"weights " * 20, noise(60), b"bias"]
    written = write_pack(tmp_path / "pack", contents)
    path = written.path.with_suffix(suffix)
    good = path.read_bytes()
    path.chmod(0o644)
    noticed, step = 0, 7 if pytestconfig.getoption("flips") else 1
    for at in range(0, len(good), step):
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
        try:
            database = ObjectDatabase(tmp_path)
            assert [database.read(Oid.of(Kind.BLOB, content))[1] for content in contents] == contents
        except Corrupt:
            noticed += 1
    # Few bits mean nothing: the frame of a pack, padding of a stream, the checksums of an index.
    assert noticed * step > (0.9 * (written.size - 32) if suffix == ".pack" else 24 * len(contents))


def test_an_entry_cannot_be_made_another_object(tmp_path: Path) -> None:
    written = write_pack(tmp_path / "pack", [b"aaaa", b"bbbb"])
    written.path.chmod(0o644)
    content = written.path.read_bytes()
    half = (written.size - 32) // 2 + 12
    written.path.write_bytes(content[:12] + content[half:-20] + content[12:half] + content[-20:])
    oid = Oid.of(Kind.BLOB, b"aaaa")
    with refuses(oid, kind=BrokenObject):
        ObjectDatabase(tmp_path).read(oid)
