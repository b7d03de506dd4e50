"""One flipped bit in a pack's index: nothing is copied under a wrong id, and nothing that is needed goes."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.objects import prune
from gitstore.packs.format import INDEX_HEADER_SIZE
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack
from gitstore.storage import gc, share_packs
from tests.support.commands import fsck, git
from tests.support.content import noise
from tests.support.failing import refuses
from tests.support.models import put, take
from tests.support.packs import add_blobs, pack_names, write_pack

A, B, C = noise(3000, 1), noise(4000, 2), noise(30_000, 3)


def oid(content: bytes) -> Oid:
    return Oid.of(Kind.BLOB, content)


def flip(index: Path, at: int) -> None:
    """Flip the last bit of a byte."""
    index.chmod(0o644)
    with index.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def misname(pack: Pack, content: bytes) -> None:
    """Flip a bit of an object's id in the index, so that it still is in order."""
    position = pack.index.find(oid(content))
    assert position is not None
    flip(pack.index.path, INDEX_HEADER_SIZE + 20 * position + 19)


def seal(pack: Pack) -> None:
    """Give an index the checksum of what is in it: as if it had been written so."""
    content = pack.index.path.read_bytes()[:-20]
    pack.index.path.write_bytes(content + hashlib.sha1(content).digest())


def having(repository: Repository, content: bytes) -> Pack:
    repository.objects.refresh()
    return next(pack for pack in repository.objects.own_packs if pack.index.find(oid(content)) is not None)


def mended(repository: Repository) -> Repository:
    """The same after what the hint says."""
    for pack in sorted((repository.common / "objects" / "pack").glob("*.pack")):
        git("index-pack", str(pack), cwd=repository.directory)
    return Repository(repository.common)


def test_a_merge_leaves_everything(repository: Repository) -> None:
    for content in (A, B, C):
        add_blobs(repository.objects, content)
    misname(having(repository, B), B)
    before = pack_names(repository.common / "objects")
    fresh = Repository(repository.common)
    fresh.maintain()
    assert pack_names(repository.common / "objects") == before
    fresh = mended(repository)
    assert [fresh.objects.read(oid(content))[1] for content in (A, B, C)] == [A, B, C]
    fsck(repository)


def test_a_merge_goes_on_without_a_damaged_index(repository: Repository) -> None:
    """Else one of them would let packs become too many."""
    for number in range(4):
        add_blobs(repository.objects, noise(3000 + number, number))
    damaged = having(repository, noise(3001, 1))
    misname(damaged, noise(3001, 1))
    fresh = Repository(repository.common)
    fresh.maintain()
    assert damaged.path.exists()
    assert len(fresh.objects.own_packs) == 2


@pytest.mark.parametrize("at", [8 + 3, INDEX_HEADER_SIZE + 19, -45, -30, -1], ids=str)
def test_a_collection_refuses(repository: Repository, at: int) -> None:
    """A bit of the fanout, an id, an offset, the pack's checksum, its own."""
    index = write_pack(repository.common / "objects" / "pack", [A, B, C]).path.with_suffix(".idx")
    before = pack_names(repository.common / "objects")
    flip(index, at if at >= 0 else index.stat().st_size + at)
    with pytest.raises(Corrupt) as caught:
        objects = Repository(repository.common).objects
        survey = prune.survey(objects)
        prune.carry_out(objects, prune.plan(survey, {oid(A), oid(C)}), survey)
    assert str(index) in caught.value.message
    assert "git index-pack" in (caught.value.hint or "")
    assert pack_names(repository.common / "objects") == before


def test_a_collection_refuses_to_copy_what_has_another_id(repository: Repository) -> None:
    write_pack(repository.common / "objects" / "pack", [A, B, C])
    pack = having(repository, B)
    misname(pack, B)
    seal(pack)
    objects = Repository(repository.common).objects
    wrong = next(each for each in objects.own_packs[0].index.oids() if each not in (oid(A), oid(C)))
    survey = prune.survey(objects)
    with refuses(oid(B), kind=Corrupt):
        prune.carry_out(objects, prune.plan(survey, {oid(A), wrong}), survey)
    assert pack.path.exists()


@pytest.mark.parametrize("sealed", [False, True])
def test_what_git_knows_and_we_do_not_stops_gc(model: Model, *, sealed: bool) -> None:
    """A multi-pack-index names an object that the pack's own index has lost."""
    put(model, "initial", {"base": C})
    take(model, "v1")
    git("multi-pack-index", "write", cwd=model.directory)
    pack = having(model.repository, C)
    misname(pack, C)
    if sealed:
        seal(pack)
    before = pack_names(model.repository.common / "objects")
    with pytest.raises(Corrupt):
        gc.collect_garbage(Repository(model.repository.common))
    assert pack_names(model.repository.common / "objects") == before
    assert gc.collect_garbage(mended(model.repository)).freed == 0
    fsck(model.directory)


def test_the_last_sound_copy_stays(repository: Repository) -> None:
    """Of an object that is there twice the copy in the larger pack would stay: not if it is damaged."""
    directory = repository.common / "objects" / "pack"
    large, small = (write_pack(directory, contents).path for contents in ([A, C], [A, B]))
    flip(large, 12 + 100)
    objects = repository.objects
    survey = prune.survey(objects)
    with refuses(oid(A), kind=Corrupt):
        prune.carry_out(objects, prune.plan(survey, {oid(A), oid(B), oid(C)}), survey)
    assert small.exists()


def test_a_pack_whose_index_cannot_be_read_is_done_without(repository: Repository) -> None:
    packs = [write_pack(repository.common / "objects" / "pack", [content]).path for content in (A, B)]
    index = packs[0].with_suffix(".idx")
    flip(index, 0)
    objects = Repository(repository.common).objects
    assert objects.read(oid(B))[1] == B
    with pytest.raises(Corrupt) as caught:
        objects.read(oid(A))
    assert (caught.value.hint or "").startswith(
        f"{index}: not a pack index of version 2; if the pack is sound"
    )


def sealed_wrong(source: Repository) -> None:
    misname(having(source, B), B)
    seal(having(Repository(source.common), A))


def unsealed_wrong(source: Repository) -> None:
    misname(having(source, B), B)


@pytest.mark.parametrize(
    ("damage", "whole"), [(unsealed_wrong, True), (unsealed_wrong, False), (sealed_wrong, False)]
)
def test_nothing_damaged_is_brought(
    repository: Repository, tmp_path: Path, damage: Callable[[Repository], None], *, whole: bool
) -> None:
    source = Repository.create(tmp_path / "source")
    write_pack(source.common / "objects" / "pack", [A, B])
    damage(source)
    source = Repository(source.common)
    (pack,) = source.objects.own_packs
    needed = set(pack.index.oids()) - (set() if whole else {oid(A)})
    with pytest.raises(Corrupt):
        share_packs.import_objects(repository, source, needed)
    assert pack_names(repository.common / "objects") == []


def test_the_hint_works_as_it_stands(repository: Repository) -> None:
    write_pack(repository.common / "objects" / "pack", [A, B])
    pack = having(repository, A)
    misname(pack, A)
    with pytest.raises(Corrupt) as caught:
        Pack(pack.index.path).check_index()
    command = (caught.value.hint or "").partition("git index-pack")[2].partition(" creates")[0]
    subprocess.run(f"git index-pack{command}", shell=True, check=True, capture_output=True)
    Pack(pack.index.path).check_index()
