"""docs/format.md, "Files of tensors": a writer made from the page alone makes the trees that we make."""

from __future__ import annotations

from io import FileIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitstore.bigfiles.cut_file import cut_file
from gitstore.bigfiles.parts import Part, part_name, suffix_of
from gitstore.bigfiles.stored import identify_part
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.tensors.regions import find_regions
from tests.support import combinations, second_tensors, second_writer, tensor_files, tensor_samples
from tests.support.examples import examples
from tests.support.models import put
from tests.support.second_writer import Region
from tests.support.stock import Stock
from tests.support.tensors import InMemory

either_valid_or_not = pytest.mark.parametrize("kind", tensor_files.valid)


def our_regions(content: bytes) -> list[Region]:
    return [(region.start, region.end, region.width) for region in find_regions(InMemory(content)) or []]


@combinations.sample(2)
@either_valid_or_not
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_both_find_the_same_regions(kind: str, data: st.DataObject) -> None:
    files = tensor_files.valid[kind]
    content = data.draw(files | tensor_files.mutated(files))
    assert our_regions(content) == second_tensors.find_regions(content)


def test_the_samples_have_regions() -> None:
    """Else the tests below would compare nothing with nothing."""
    regions = {
        name: second_tensors.find_regions(content) for name, content in tensor_samples.samples().items()
    }
    counts = {name: len(found) for name, found in regions.items()}
    assert sorted(counts) == list(tensor_samples.NAMES)
    assert counts == {"safetensors": 5, "many": 1300, "npy": 1, "gguf": 5, "zip": 4, "raw": 0}


# Trees of whole files


def second_tree(content: bytes) -> tuple[str, list[second_writer.NamedPart]]:
    """The suffix and the blobs that the second writer makes of a large file."""
    return second_writer.write_parts(content, second_tensors.find_regions(content))


def our_parts(path: Path) -> list[Part]:
    with FileIO(path) as file:
        parts = cut_file(file, path.stat().st_size)
        return [identify_part(content, width) for content, width in parts]


@combinations.rest
@settings(max_examples=examples(10), suppress_health_check=list(HealthCheck))
@given(st.sampled_from(tensor_samples.NAMES), st.data())
def test_both_make_the_same_parts_of_a_large_file(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    """Some bytes of the headers and directories are changed, as a rule so that they lie."""
    content = bytearray(tensor_samples.samples()[kind])
    for _ in range(data.draw(st.integers(0, 2))):
        near_an_end = st.integers(0, 200) | st.integers(len(content) - 200, len(content) - 1)
        content[data.draw(near_an_end)] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("large") / "file"
    path.write_bytes(content)
    suffix, named = second_tree(bytes(content))
    ours = our_parts(path)
    assert suffix_of(ours).decode() == suffix
    assert [(part_name(number, part.width).decode(), part.oid) for number, part in enumerate(ours)] == [
        (part.name, second_writer.hash_object("blob", part.content)) for part in named
    ]


# One file of each format, whose tree must never change: other ids are another Gitstore-Format


@combinations.sample(2)
@pytest.mark.parametrize(
    ("kind", "tree"),
    [
        ("safetensors", "4693c1ca7bb743ca566f3a1af9d57d4812d8c20f"),
        ("many", "16de1e0cba7ee0b0a61a3acac1fefe3329f84dc6"),
        ("npy", "b20437320e190d16fc3ffe843476bcdd58f46343"),
        ("gguf", "6362c7f3c1e67ae90bd5b6478275fba2e8b4b4d6"),
        ("zip", "cf0a76866943449cece3417499031e8395b7b90e"),
        ("raw", "19c067fb24784942072568aca583ac57882dc46e"),
    ],
)
def test_the_trees_are_those_of_format_1(model: Model, kind: str, tree: str) -> None:
    content = tensor_samples.samples()[kind]
    suffix, parts = second_tree(content)
    put(model, "initial", {"file": content})
    save_state(model, "initial")
    stock = Stock(model.directory)
    entries = stock.entries("refs/states/initial^{tree}")
    assert entries[f"file{suffix}"] == f"040000 {tree}"
    assert second_writer.tree_id(parts) == tree
