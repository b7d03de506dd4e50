"""Whatever is put in comes out again, through gitstore and through stock git alike."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitstore.models.model import Model
from gitstore.objects import tree
from gitstore.snapshots import export, verify
from tests.support.commands import fsck, git
from tests.support.examples import examples
from tests.support.models import joined, make, noise, put, take

LARGE = 4 * 1024 * 1024


def may_be(name: str) -> bool:
    raw = name.encode()
    return len(raw) < 200 and not name.endswith(".parts") and tree.name_problem(raw) is None


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    may_be
)
SIZES = st.one_of(
    st.integers(0, 3000),
    st.sampled_from([0, 1, 65_535, 65_536]),
    st.sampled_from([LARGE - 1, LARGE, LARGE + 1, LARGE + 300_000]),
)
CONTENTS = st.builds(
    lambda size, seed, repeats: (
        (noise(max(size // 50, 1), seed) * 51)[:size] if repeats else noise(size, seed)
    ),
    SIZES,
    st.integers(0, 3),
    st.booleans(),
)
TREES = st.recursive(
    CONTENTS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4), max_leaves=8
)


def flat(content: object, at: str = "") -> dict[str, bytes]:
    if isinstance(content, bytes):
        return {at or "file": content}
    assert isinstance(content, dict)
    return {
        path: data
        for name, inner in content.items()
        for path, data in flat(inner, f"{at}/{name}" if at else name).items()
    }


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@settings(max_examples=examples(5), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(TREES)
def test_any_tree_of_files_comes_back(content: object) -> None:
    contents = flat(content)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        model = make(root / "m")
        (model.claim_states() / "initial" / "weights").unlink()
        put(model, "initial", contents)
        found = take(model, "v1")

        export.export(found, root / "exported")
        assert files(root / "exported" / "state") == contents
        assert files(root / "exported" / "code") == files(model.directory / "code")
        assert verify.verify(found.repository, [(found.ref, found.tag_oid)]).problems == ()

        git("clone", "--quiet", "--no-local", str(model.directory), "clone", cwd=root)
        git("checkout", "--quiet", "v1", cwd=root / "clone")
        assert joined(root / "clone" / "state") == contents
        fsck(model.directory)
        fsck(root / "clone")


@settings(max_examples=examples(2))
@given(st.integers(0, LARGE), st.integers(1, 50_000))
def test_an_insertion_adds_a_few_parts(at: int, length: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        model = make(Path(name) / "m")
        content = noise(12_000_000)
        put(model, "initial", {"w": content})
        first = take(model, "v1")
        put(model, "initial", {"w": content[:at] + noise(length, 1) + content[at:]})
        second = take(model, "v2")
        parts = [
            {part for file in each.list_state_files() for part in file.parts} for each in (first, second)
        ]
        assert len(parts[1] - parts[0]) <= 3
        assert Model.open(model.directory).name == "digits"
