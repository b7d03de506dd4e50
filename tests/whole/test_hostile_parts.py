"""Directories of parts that no writer may make: each command refuses them by name, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.objects import commit
from gitstore.objects.tree import Mode
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from tests.support import combinations
from tests.support.commands import Run
from tests.support.content import MIB
from tests.support.forging import TIB, add, claim, directory, forge, little_memory
from tests.support.models import again, picture, put, take

Maker = Callable[[Repository], Oid]


def state(**files: Mapping[str, bytes | Maker]) -> Maker:
    """A state with these directories of parts. In a name, `__` stands for the dot.

    Each part has a content to add, or is what adds it.
    """

    def make(repository: Repository) -> Oid:
        entries = {}
        for name, parts in files.items():
            blobs = {part: (int(Mode.FILE), _find(repository, held)) for part, held in parts.items()}
            entries[name.replace("__", ".")] = (int(Mode.TREE), directory(repository, blobs))
        return directory(repository, entries)

    return make


def _find(repository: Repository, held: bytes | Maker) -> Oid:
    return held(repository) if callable(held) else add(repository, Kind.BLOB, held)


def beside(*names: str) -> Maker:
    """A state in which one file exists in several forms."""

    def make(repository: Repository) -> Oid:
        blob = (int(Mode.FILE), add(repository, Kind.BLOB, b"abcd"))
        forms = {
            "w": blob,
            "w.parts": (int(Mode.TREE), directory(repository, {"00000000": blob})),
            "w.planes": (int(Mode.TREE), directory(repository, {"00000000.2": blob})),
        }
        return directory(repository, {name: forms[name] for name in names})

    return make


def many(repository: Repository) -> Oid:
    """450 parts, as those of five files that are equal."""
    blob = (int(Mode.FILE), add(repository, Kind.BLOB, b"x"))
    parts = directory(repository, {f"{number:08}": blob for number in range(90)})
    return directory(repository, {f"w{number}.parts": (int(Mode.TREE), parts) for number in range(5)})


def endless(repository: Repository) -> Oid:
    """A tree of parts that is larger than any that is read."""
    parts = claim(repository, Kind.TREE, limits.TREE + 1)
    return directory(repository, {"w.parts": (Mode.TREE, parts)})


HOSTILE: dict[str, tuple[Maker, str]] = {
    "less than a word": (state(w__planes={"00000000.8": b"1234567"}), "too short for words of 8"),
    "nothing in planes": (state(w__planes={"00000000.2": b""}), "too short for words of 2"),
    "an unknown width": (state(w__planes={"00000000.3": b"abc"}), "00000000.3"),
    "planes in .parts": (state(w__parts={"00000000.2": b"abcd"}), "a part with planes"),
    "no planes in .planes": (state(w__planes={"00000000": b"abcd"}), "no part with planes"),
    "no parts": (state(w__parts={}), "it has no parts"),
    "no planes": (state(w__planes={}), "it has no parts"),
    "a gap": (
        state(w__planes={"00000000.2": b"ab", "00000002.2": b"ab"}),
        "b'00000002.2' stands where part 00000001 should",
    ),
    "one number twice": (
        state(w__planes={"00000000.2": b"ab", "00000000.4": b"abcd"}),
        "b'00000000.4' stands where part 00000001 should",
    ),
    "whole and in parts": (beside("w", "w.parts"), "b'w' is there twice"),
    "whole and in planes": (beside("w", "w.planes"), "b'w' is there twice"),
    "in parts and planes": (beside("w.parts", "w.planes"), "b'w' is there twice"),
    "a long part": (
        state(w__parts={"00000000": bytes(limits.PART + 1)}),
        "a part of 4,194,305 bytes",
    ),
    "long planes": (
        state(w__planes={"00000000.2": bytes(limits.PART + 2)}),
        "a part of 4,194,306 bytes",
    ),
    "4 TiB": (
        state(w__planes={"00000000.4": lambda repository: claim(repository, Kind.BLOB, 4 * TIB)}),
        str(4 * TIB),
    ),
    "a part that is a tree": (
        state(w__planes={"00000000.4": lambda repository: add(repository, Kind.TREE, b"")}),
        "is a tree",
    ),
    "too many parts": (many, "450 parts, where at most 400 are read"),
    "a long list of parts": (endless, "33,554,433 bytes"),
}

COMMANDS = (
    ("show", "v2"),
    ("export", "v2", "{out}"),
    ("evaluate", "v2", "-p", "values=[1.0]"),
    ("verify", "v2"),
    ("diff", "v1", "v2"),
    ("restore", "v2", "--force"),
    ("state", "export", "bad", "{out}"),
)
THIRDS = 3


@pytest.fixture
def place(model: Model) -> Model:
    """A model with a snapshot v1 that is sound."""
    put(model, "initial", {"w": b"weights"})
    take(model, "v1")
    return again(model)


@combinations.sample(6)
@pytest.mark.parametrize(("name", "third"), combinations.each_pair(HOSTILE, range(THIRDS), every=THIRDS))
def test_each_command_refuses_it_by_name(
    place: Model, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, third: int
) -> None:
    make, why = HOSTILE[name]
    monkeypatch.setattr(limits, "PARTS", 400)
    root = make(place.repository)
    forge(place, "v2", state=root)
    who = "A <a@example.org> 1700000000 +0000"
    saved = add(place.repository, Kind.COMMIT, commit.encode(root, [], identity=who, message="forged"))
    (place.repository.common / "refs" / "states").mkdir(exist_ok=True)
    (place.repository.common / "refs" / "states" / "bad").write_text(f"{saved}\n")
    before = picture(place.directory)
    with little_memory(24 * MIB):
        for command in COMMANDS[third::THIRDS]:
            words = [word.format(out=tmp_path / "out") for word in command]
            outcome = run(*words, cwd=place.directory)
            named = why.replace(",", "") in outcome.stderr.replace(",", "")
            assert (outcome.code, named) == (12, True), (words, outcome)
            assert len(outcome.stderr.splitlines()) <= 2, (words, outcome)
    assert picture(place.directory) == before
    assert list(tmp_path.glob("out*")) == []
