"""What differs between states, file by file and tensor by tensor."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path, PurePosixPath

import pytest

from gitstore.bigfiles import fastcdc, parts, ranges, stored
from gitstore.bigfiles.parts import Part
from gitstore.diff import diff
from gitstore.diff.diff import Diff
from gitstore.diff.settings import KeyChange
from gitstore.diff.state import StateFileChange
from gitstore.diff.tensors import TensorDiff
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects.database import BrokenObject, ObjectDatabase
from gitstore.objects.tree import Mode, TreeEntry, encode
from gitstore.packs.oid import Kind
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support import combinations, scenes
from tests.support.commands import Git
from tests.support.commands import git as run_git
from tests.support.failing import refuses
from tests.support.models import again, noise, put, take
from tests.support.tensors import safetensors, with_header

MIB = 1024**2


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    return scenes.model(tmp_path, request.fixturenames)


@pytest.fixture
def v1(model: Model, tmp_path: Path) -> Snapshot:
    return scenes.find(tmp_path)


def cut_otherwise(model: Model, name: str, content: bytes) -> None:
    """Make a file, in parts of 3 MiB as some other tool may cut it, the model's active state."""
    with model.repository.writer() as writer:
        blobs = [writer.add(Kind.BLOB, content[at : at + 3 * MIB]) for at in range(0, len(content), 3 * MIB)]
        named = [TreeEntry(Mode.FILE, parts.part_name(number), blob) for number, blob in enumerate(blobs)]
        joined = TreeEntry(Mode.TREE, f"{name}.parts".encode(), writer.add(Kind.TREE, encode(named)))
        tree = writer.add(Kind.TREE, encode([joined]))
        writer.finish()
    commit = run_git("commit-tree", "-m", "foreign", str(tree), cwd=model.directory).strip()
    run_git("update-ref", "refs/states/foreign", commit, cwd=model.directory)
    use_state(again(model), "foreign")


def files(found: Diff) -> dict[str, StateFileChange]:
    return {str(file.path): file for file in found.state.files}


class TestState:
    def test_nothing(self, v1: Snapshot, model: Model) -> None:
        found = diff.compare(v1, again(model))
        assert not found.differs
        assert (found.state.unchanged, found.state.size_before, found.state.size_after) == (1, 8, 8)
        assert not diff.compare(v1, v1).differs

    def test_files(self, model: Model) -> None:
        put(model, "initial", {"same": b"s", "gone": b"gone", "moved": b"moved away", "sub dir/ü": b"u"})
        first = take(model, "v1")
        states = model.directory / "states" / "initial"
        (states / "gone").unlink()
        (states / "moved").rename(states / "here")
        put(model, "initial", {"weights": b"\0" * 9, "new": b"new", "sub dir/ü": b"U"})
        expected = [
            StateFileChange(PurePosixPath("gone"), 4, None, 0, 4),
            StateFileChange(PurePosixPath("here"), None, 10, 10, 0),
            StateFileChange(PurePosixPath("moved"), 10, None, 10, 0),
            StateFileChange(PurePosixPath("new"), None, 3, 0, 3),
            StateFileChange(PurePosixPath("sub dir/ü"), 1, 1, 0, 1),
            StateFileChange(PurePosixPath("weights"), 8, 9, 0, 9),
        ]
        on_disk = diff.compare(first, again(model))
        assert list(on_disk.state.files) == expected
        assert (on_disk.state.unchanged, on_disk.state.changed) == (1, 13)
        assert diff.compare(first, take(model, "v2")).state == on_disk.state

    def test_a_large_file_shares_all_but_what_changed(self, model: Model, git: Git) -> None:
        content = bytearray(noise(12 * MIB))
        put(model, "initial", {"w": bytes(content)})
        first = take(model, "v1")
        content[7 * MIB] ^= 1
        put(model, "initial", {"w": bytes(content)})
        packs = sorted((model.directory / ".git" / "objects").rglob("*"))
        on_disk = files(diff.compare(first, again(model)))["w"]
        assert packs == sorted((model.directory / ".git" / "objects").rglob("*"))
        assert 0 < on_disk.changed <= 2 * fastcdc.PART_MAX
        assert on_disk.shared + on_disk.changed == on_disk.before == on_disk.after == 12 * MIB
        assert files(diff.compare(first, take(model, "v2")))["w"] == on_disk

    def test_a_state_that_is_not_on_disk(self, v1: Snapshot, model: Model) -> None:
        put(model, "other", {"weights": b"other!"})
        save_state(again(model), "other")
        use_state(again(model), "other")
        (model.directory / "states" / "other" / "weights").unlink()
        (model.directory / "states" / "other").rmdir()
        found = diff.compare(v1, again(model)).state
        assert (found.before, found.after) == ("initial", "other")
        assert found.files == (StateFileChange(PurePosixPath("weights"), 8, 6, 0, 6),)

    def test_no_state_at_all(self, v1: Snapshot, model: Model) -> None:
        (model.directory / "states" / "initial" / "weights").unlink()
        (model.directory / "states" / "initial").rmdir()
        assert diff.compare(v1, again(model)).state.files == (
            StateFileChange(PurePosixPath("weights"), 8, None, 0, 8),
        )

    def test_a_file_that_a_state_cannot_hold(self, v1: Snapshot, model: Model) -> None:
        path = model.directory / "states" / "initial" / "pipe"
        os.mkfifo(path)
        with refuses(path):
            diff.compare(v1, again(model))

    def test_what_others_cut_otherwise_is_the_same(self, model: Model) -> None:
        content = noise(5 * MIB)
        put(model, "initial", {"weights": content})
        first = take(model, "v1")
        cut_otherwise(model, "weights", content)
        found = diff.compare(first, again(model)).state
        assert (found.files, found.unchanged) == ((), 1)

    def test_a_part_that_is_damaged(self, model: Model) -> None:
        put(model, "initial", {"weights": noise(5 * MIB)})
        first = take(model, "v1")
        put(model, "initial", {"weights": noise(5 * MIB, seed=1)})
        (pack,) = (model.directory / ".git" / "objects" / "pack").glob("*.pack")
        pack.chmod(0o600)
        with pack.open("r+b") as file:
            file.seek(100_000)  # in the first part: code and settings before it are small
            file.write(b"damaged")
        with pytest.raises(BrokenObject):
            diff.compare(first, again(model))


def tensors_of(model: Model, before: bytes, after: bytes) -> StateFileChange:
    """What differs in a file, stored and on disk alike."""
    put(model, "initial", {"m.safetensors": before})
    first = take(model, "before")
    put(model, "initial", {"m.safetensors": after})
    on_disk = files(diff.compare(first, again(model)))["m.safetensors"]
    assert files(diff.compare(first, take(model, "after")))["m.safetensors"] == on_disk
    return on_disk


def kinds(found: TensorDiff | None) -> list[tuple[str, str]]:
    assert found is not None
    return [(change.name, change.kind) for change in found.tensors]


class TestTensors:
    def test_every_kind(self, model: Model) -> None:
        """In a file in parts, where tensors have moved."""
        big, other = noise(4 * MIB), bytearray(noise(MIB, seed=1))
        before = safetensors(
            {
                "a same": ("F32", [MIB], big),
                "gone": ("U8", [3], b"abc"),
                "retyped": ("F16", [2], b"1234"),
                "reshaped": ("F16", [2, 3], b"123456789012"),
                "resized": ("U8", [1], b"1"),
                "values": ("U8", [MIB], bytes(other)),
                "empty": ("U8", [0], b""),
            },
            {"format": "pt", "step": "1"},
        )
        other[-1] ^= 1
        after = safetensors(
            {
                "new": ("I64", [], b"12345678"),
                "a same": ("F32", [MIB], big),
                "values": ("U8", [MIB], bytes(other)),
                "resized": ("U8", [2], b"12"),
                "reshaped": ("F16", [3, 2], b"123456789012"),
                "retyped": ("BF16", [2], b"1234"),
                "empty": ("U8", [0], b""),
            },
            {"format": "pt", "step": "2"},
        )
        found = tensors_of(model, before, after)
        assert found.note is None
        assert kinds(found.tensors) == [
            ("gone", "removed"),
            ("new", "added"),
            ("reshaped", "shape"),
            ("resized", "shape"),
            ("retyped", "dtype"),
            ("values", "values"),
        ]
        assert found.tensors is not None
        assert found.tensors.unchanged == 2
        assert found.tensors.metadata == (KeyChange("step", "1", "2"),)

    def test_only_the_order(self, model: Model) -> None:
        a, b = ("U8", [1], b"a"), ("U8", [1], b"b")
        found = tensors_of(model, safetensors({"a": a, "b": b}), safetensors({"b": b, "a": a}))
        assert found.tensors == TensorDiff((), 2, ())

    def test_how_much_of_each_is_shared(self, model: Model) -> None:
        """All tensors move, because the header grows; their parts are the same all the same."""
        table, tied, frozen = noise(3 * MIB), noise(MIB, seed=1), noise(2 * MIB, seed=2)
        found = tensors_of(
            model,
            safetensors({"frozen": ("F32", [MIB // 2], frozen), "table": ("F16", [1536, 1024], table)}),
            safetensors(
                {
                    "frozen": ("F32", [MIB // 2], frozen),
                    "copy": ("F32", [MIB // 2], frozen),
                    "table": ("F16", [1537, 1024], table + tied[:2048]),
                    "tied": ("F32", [MIB // 4], tied),
                }
            ),
        )
        assert found.tensors is not None
        assert [(change.name, change.shared, change.changed) for change in found.tensors.tensors] == [
            ("copy", 2 * MIB, 0),
            ("table", 3 * MIB, 2048),
            ("tied", 0, MIB),
        ]
        assert found.changed < MIB + 4096

    def test_equal_tensors_that_moved_are_not_read(
        self, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[Part] = []

        def read_part(database: ObjectDatabase, part: Part) -> bytes | memoryview:
            read.append(part)
            return stored.read_part(database, part)

        names = {f"layer{number}": ("F32", [MIB // 2], noise(2 * MIB, seed=number)) for number in range(3)}
        put(model, "initial", {"m.safetensors": safetensors(names)})
        first = take(model, "v1")
        put(model, "initial", {"m.safetensors": safetensors(dict(reversed(names.items())), {"step": "2"})})
        second = take(model, "v2")
        monkeypatch.setattr(ranges, "read_part", read_part)
        (change,) = diff.compare(first, second).state.files
        assert change.tensors is not None
        assert (change.tensors.tensors, change.tensors.unchanged) == ((), 3)
        assert {part.width for part in read} == {1}, "only the headers"

    def test_a_malformed_file_is_compared_as_a_whole(self, model: Model) -> None:
        outside = with_header({"a": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}, b"12")
        contents = [b"junk", safetensors({}), outside]
        notes = [
            "the old file is malformed: it is shorter than a header's length",
            "the new file is malformed: its tensor 'a' lies outside the file",
        ]
        for before, after, note in zip(contents, contents[1:], notes, strict=False):
            put(model, "initial", {"m.safetensors": before})
            first = take(model, f"v{len(before)}")
            put(model, "initial", {"m.safetensors": after})
            found = files(diff.compare(first, again(model)))["m.safetensors"]
            assert (found.tensors, found.note) == (None, f"not compared by tensor: {note}")
            assert (found.before, found.after, found.changed) == (len(before), len(after), len(after))

    @combinations.rest
    def test_a_large_file_is_not_held_in_memory(self, model: Model) -> None:
        """Some parts at a time, even if nothing is shared and the very last byte is the first to differ."""
        content = bytearray(noise(4 * MIB) * 10)
        put(model, "initial", {"m.safetensors": safetensors({"w": ("U8", [len(content)], bytes(content))})})
        first = take(model, "v1")
        content[-1] ^= 1
        cut_otherwise(model, "m.safetensors", safetensors({"w": ("U8", [len(content)], bytes(content))}))
        read: list[int] = []
        expected: list[int] = []
        tracemalloc.start()
        compared = diff.compare(first, again(model), progress=read.append, expect=expected.append)
        found = files(compared)["m.safetensors"]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kinds(found.tensors) == [("w", "values")]
        assert (found.shared, found.changed) == (0, found.after)
        assert sum(read) == expected[-1] > 2 * len(content), "compared, and compared by tensor"
        assert peak < 32 * MIB
