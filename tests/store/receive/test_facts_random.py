"""Objects that no git would accept: collecting the facts of them raises nothing but errors of ours."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.policy.decide import decide
from gitstore.policy.limits import PushLimits
from gitstore.policy.role import Role
from gitstore.store.receive import facts
from gitstore.store.receive.asked import AskedChange
from gitstore.store.receive.facts import Facts
from gitstore.store.receive.needed import list_needed
from tests.support import crafting
from tests.support.crafting import Craft

LIMITS = PushLimits()
REFS = (
    "refs/heads/x", "refs/tags/x", "refs/states/x", "refs/notes/x", "refs/gitstore/transit/x",
    f"refs/records/{'1' * 40}/x",
)  # fmt: skip

NAMES = st.sampled_from(
    [
        b"a", b"A", b"code", b"state", b"settings.yaml", b"w", b"w.parts", b"w.planes", b"00000000",
        b"00000000.2", b"00000001", b".git", b".gitattributes", b"\xff", b"a\\b", b"x" * 300,
    ]
)  # fmt: skip
MODES = st.sampled_from([0o40000, 0o100644, 0o100755, 0o120000, 0o160000, 0o100664])
NUMBERS = st.integers(0, 50)
BLOBS = st.tuples(st.just("blob"), st.sampled_from([b"", b"../..", b"name: x\n", b"p" * 5000, b"\xff\0"]))
TREES = st.tuples(st.just("tree"), st.dictionaries(NAMES, st.tuples(MODES, NUMBERS), max_size=4))
COMMITS = st.tuples(st.just("commit"), st.lists(NUMBERS, min_size=1, max_size=3))
LINES = st.sampled_from(
    ["Gitstore-Format: 1\n", "Model: x\n", "Model: y\n", "State: \udcff\n", "Code-Tree: x\n", "\n"]
)
TAGS = st.tuples(
    st.just("tag"), st.sampled_from(["blob", "tree", "commit", "tag"]), NUMBERS, st.lists(LINES, max_size=5)
)
OBJECTS = st.lists(BLOBS | TREES | COMMITS | TAGS, min_size=1, max_size=8)


def build(craft: Craft, objects: list[Any]) -> dict[str, list[Oid]]:
    """Add objects that refer to earlier ones, of the kinds that git insists on."""
    made = {"blob": [craft.blob(b"b")]}
    made["tree"] = [craft.tree({"f": b"f"})]
    made["commit"] = [craft.commit(made["tree"][0])]
    made["tag"] = [craft.tag("x", made["commit"][0], "x")]

    def pick(kind: str, number: int) -> Oid:
        return made[kind][-1 - number % len(made[kind])]

    for kind, *rest in objects:
        if kind == "blob":
            oid = craft.blob(rest[0])
        elif kind == "tree":
            kinds = {0o40000: "tree", 0o160000: "commit"}
            entries = [
                (mode, name, pick(kinds.get(mode, "blob"), at)) for name, (mode, at) in rest[0].items()
            ]
            entries.sort(key=lambda entry: entry[1] + (b"/" if entry[0] == 0o40000 else b""))
            oid = craft.raw_tree(entries)
        elif kind == "commit":
            first, *parents = rest[0]
            oid = craft.commit(pick("tree", first), *(pick("commit", parent) for parent in parents))
        else:
            oid = craft.tag("x", pick(rest[0], rest[1]), "x\n\n" + "".join(rest[2]), kind=rest[0])
        made[kind].append(oid)
    return made


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of a store, with main and v1."""
    return crafting.make_bare(tmp_path_factory.mktemp("store"))


def receive(bare: Path, quarantine: Path, craft: Craft) -> None:
    """Put a pack into a quarantine, without git's checks."""
    (quarantine / "pack").mkdir(parents=True)
    variables = {**os.environ, "GIT_OBJECT_DIRECTORY": str(quarantine)}
    command = ["git", "index-pack", "--stdin"]
    subprocess.run(command, input=craft.pack(), cwd=bare, env=variables, check=True, capture_output=True)


def collect(bare: Path, quarantine: Path, changes: list[AskedChange]) -> Facts:
    return facts.collect(Repository(bare), changes, quarantine=quarantine, role=Role.WRITE, limits=LIMITS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OBJECTS)
def test_random_objects(bare: Path, tmp_path_factory: pytest.TempPathFactory, objects: list[Any]) -> None:
    craft = Craft()
    made = build(craft, objects)
    quarantine = tmp_path_factory.mktemp("quarantine") / "objects"
    receive(bare, quarantine, craft)
    kinds = ("commit", "tag", "commit", "commit", "commit", "tree")
    changes = [AskedChange(ref, None, made[kind][-1]) for ref, kind in zip(REFS, kinds, strict=True)]
    try:
        found = collect(bare, quarantine, changes)
    except GitstoreError as error:
        event(type(error).__name__)  # of git, which found what it cannot follow: the push is refused
        return
    assert decide(found.push, LIMITS)
    needed = list_needed(found, lambda _: ())
    assert sum(len(objects) for _, _, objects in needed) <= len(found.push.objects)
