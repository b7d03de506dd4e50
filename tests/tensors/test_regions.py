"""Where the tensors of a file lie, for every format that is recognised."""

from __future__ import annotations

from gitstore.tensors.regions import Region, find_regions
from tests.support.tensors import InMemory, safetensors, with_header


def test_safetensors() -> None:
    content = safetensors(
        {
            "half": ("BF16", [2], b"abcd"),
            "empty": ("F32", [0], b""),
            "complex": ("C64", [1], b"abcdefgh"),
            "integer": ("I16", [1], b"ab"),
        },
        {"format": "pt"},
    )
    start = len(content) - 14
    assert find_regions(InMemory(content)) == [
        Region(start, start + 4, 2),
        Region(start + 4, start + 12, 4),
        Region(start + 12, start + 14, 1),
    ]


def test_what_is_no_file_of_tensors() -> None:
    assert find_regions(InMemory(b"")) is None
    assert find_regions(InMemory(with_header({}, b"a"))) is None


def test_a_file_of_tensors_may_have_none() -> None:
    assert find_regions(InMemory(with_header({}))) == []
