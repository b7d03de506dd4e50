"""What a snapshot reuses of the repository is looked at: a damaged object is not taken over unread."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.models.model import Model
from gitstore.objects.database import BrokenObject
from gitstore.packs.oid import Kind, Oid
from gitstore.states.save import save_state
from tests.support.failing import refuses
from tests.support.models import again, noise, put, refs, take


def flip(model: Model, oid: Oid, *, at: int) -> None:
    """Change one byte of an object's entry in its pack, `at` bytes from its start."""
    packed = again(model).repository.objects.find(oid)
    assert packed is not None
    with packed.pack.path.open("r+b") as file:
        file.seek(packed.pack.span(packed.position)[0] + at)
        (byte,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 0x10]))


def empty_loose(model: Model, content: bytes) -> Path:
    """A loose object that a crash has left without its bytes."""
    name = str(Oid.of(Kind.BLOB, content))
    path = model.directory / ".git" / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.touch()
    return path


def test_code_that_is_damaged_in_a_pack(model: Model) -> None:
    content = noise(300_000)
    (model.directory / "code" / "table.bin").write_bytes(content)
    take(model, "v1")
    flip(model, Oid.of(Kind.BLOB, content), at=200_000)
    with refuses(Oid.of(Kind.BLOB, content), hint=".pack; gitstore verify --all", kind=BrokenObject):
        take(model, "v2")
    assert "refs/tags/v2" not in refs(model.directory)


@pytest.mark.parametrize("where", ["code", "states/initial"])
def test_a_loose_object_without_bytes(model: Model, where: str) -> None:
    (model.directory / where / "new").write_bytes(b"new")
    path = empty_loose(model, b"new")
    with pytest.raises(Corrupt):
        take(model, "v1")
    path.unlink()
    take(model, "v1")


def test_weights_that_are_known_and_damaged(model: Model) -> None:
    """They are not read, for the files have not changed."""
    put(model, "initial", {"w.bin": b"weights"})
    save_state(again(model), "initial")
    flip(model, Oid.of(Kind.BLOB, b"weights"), at=0)
    with refuses(Oid.of(Kind.BLOB, b"weights"), kind=BrokenObject):
        take(model, "v1")


def test_large_weights_that_are_read_again(model: Model) -> None:
    """Of a part that the repository has, the header is compared, not the content."""
    content = noise(200_000)
    put(model, "initial", {"w.bin": content})
    take(model, "v1")
    (model.directory / "states" / "initial" / "w.bin").touch()
    flip(model, Oid.of(Kind.BLOB, content), at=1)
    with refuses(Oid.of(Kind.BLOB, content), "blob", "200,000", kind=BrokenObject):
        take(model, "v2")
