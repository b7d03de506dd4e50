"""What events tell of recorded evaluations: scalars, with bounded work, whatever was pushed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitstore.errors import Corrupt
from gitstore.objects import commit, tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs.oid import Kind, Oid
from gitstore.records import outputs
from gitstore.records.outputs import OutputReader

TREE = Oid(bytes(20))


class Objects:
    """Objects by their numbers. It counts the bytes that are read."""

    def __init__(self) -> None:
        self.contents: list[tuple[Kind, bytes]] = []
        self.read = 0

    def add(self, kind: Kind, content: bytes) -> Oid:
        self.contents.append((kind, content))
        return Oid(len(self.contents).to_bytes(20, "big"))

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int = 0) -> bytes:
        number = int(str(oid), 16)
        if not 0 < number <= len(self.contents) or self.contents[number - 1][0] is not kind:
            raise Corrupt(f"{oid} cannot be read")
        self.read += len(self.contents[number - 1][1])
        return self.contents[number - 1][1]

    def add_notes(self, notes: dict[Oid, bytes], *, blob: Oid | None = None) -> Oid:
        """A commit of notes; with `blob`, it is the note of all of them."""
        entries = [
            TreeEntry(Mode.FILE, str(target).encode(), blob or self.add(Kind.BLOB, note))
            for target, note in sorted(notes.items(), key=lambda item: str(item[0]))
        ]
        root = self.add(Kind.TREE, tree.encode(entries))
        return self.add(Kind.COMMIT, commit.encode(root, (), identity="A <a@b.c> 1 +0000", message="x"))


def make_note(values: dict[str, Any], name: str = "bench") -> bytes:
    value = {"type": "f64", "shape": [], "size": 1, "sha256": "0"}
    described = [
        value | {"name": key} | ({} if one is None else {"value": one}) for key, one in values.items()
    ]
    facts = {"date": "2026-01-01", "user": "A", "gitstore": "1", "durations": {}}
    record = {
        "record": "EvaluationRecord",
        "name": name,
        "inputs": [],
        "outputs": described,
        "tree": str(TREE),
    }
    return json.dumps(record | {"circumstances": facts}).encode() + b"\n"


def read(note: bytes, name: str = "bench") -> dict[str, Any]:
    objects = Objects()
    return OutputReader(objects, objects.add_notes({TREE: note})).read(TREE, name)


def test_scalars_are_told() -> None:
    note = make_note({"loss": 0.5, "label": "good", "count": 10**30, "ok": True, "image": None})
    assert read(note) == {"loss": 0.5, "label": "good", "count": 10**30, "ok": True}
    assert read(note + make_note({"loss": 1}, "other"), "other") == {"loss": 1}


@pytest.mark.parametrize("note", [b"", b"no record\n", b"{" * 100_000, make_note({"x": 1}, "other")])
def test_what_is_not_there_is_left_out(note: bytes) -> None:
    assert read(note) == {}


def test_notes_that_are_missing_or_broken() -> None:
    objects = Objects()
    blob = objects.add(Kind.BLOB, b"x")
    broken = objects.add(Kind.COMMIT, b"no commit")
    absent = objects.add_notes({TREE: b""}, blob=Oid(b"\1" * 20))
    for tip in (None, TREE, blob, broken, absent):
        assert OutputReader(objects, tip).read(TREE, "bench") == {}


def test_what_somebody_wrote_by_hand_is_not_told() -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    long = "x" * outputs.MOST_SHOWN
    assert read(make_note({"a": 1, "deep": deep, "map": {"a": 1}, "long": long, "b": 2})) == {"a": 1}


def test_a_note_that_is_there_a_thousand_times_is_not_read_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MOST_READ", 100_000)
    objects = Objects()
    blob = objects.add(Kind.BLOB, make_note({"loss": 1}) + b"#" * 5000)
    targets = [Oid(number.to_bytes(20, "big")) for number in range(200)]
    reader = OutputReader(objects, objects.add_notes(dict.fromkeys(targets, b""), blob=blob))
    found = [reader.read(target, "bench") for target in [*targets, *targets]]
    assert found[0] == {"loss": 1} and found[-1] == {}
    assert objects.read < 120_000
