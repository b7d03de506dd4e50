"""Any bytes with any header go in and come out the same, whole and range by range."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitstore.bigfiles import stored
from gitstore.bigfiles.parts import LARGE
from gitstore.bigfiles.ranges import Joined, OnDisk
from gitstore.git.repository import Repository
from tests.bigfiles.test_ranges import on_disk
from tests.support import tensor_files, tensor_samples
from tests.support.examples import examples
from tests.support.files import fetch, make, store
from tests.support.weights import weights


@st.composite
def large_files(draw: st.DrawFn) -> bytes:
    """A sample with some bytes changed near its ends, or what any header is followed by enough bytes."""
    if draw(st.booleans()):
        content = bytearray(tensor_samples.samples()[draw(st.sampled_from(tensor_samples.NAMES))])
        for _ in range(draw(st.integers(0, 3))):
            near_an_end = st.integers(0, 200) | st.integers(len(content) - 200, len(content) - 1)
            content[draw(near_an_end)] = draw(st.integers(0, 255))
        return bytes(content)
    files = draw(st.sampled_from(sorted(tensor_files.valid)))
    header = draw(tensor_files.valid[files] | tensor_files.mutated(tensor_files.valid[files]) | st.binary())
    dtype = draw(st.sampled_from(["bfloat16", "<f4", "<f8"]))
    return header + weights(dtype, LARGE // 2)[: LARGE - draw(st.sampled_from([0, 1, len(header)]))]


@settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
@given(large_files(), st.lists(st.tuples(st.integers(0, 9 << 20), st.integers(0, 3 << 20)), max_size=4))
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ranges: list[tuple[int, int]]
) -> None:
    directory = tmp_path_factory.mktemp("round")
    repository = Repository.create(directory / "repository")
    tree = store(repository, make(directory / "from", {b"file": content}))
    assert fetch(repository, tree, directory / "to").joinpath("file").read_bytes() == content
    check_ranges(repository, directory / "from", content, ranges)


def check_ranges(
    repository: Repository, directory: Path, content: bytes, ranges: list[tuple[int, int]]
) -> None:
    """Ranges of the stored file and of that on disk are slices of the content, also around each cut."""
    tree = store(repository, directory)
    (file,) = stored.list_files(repository.objects, tree, joined=True)
    joined, disk = Joined(repository.objects, file), on_disk(repository, directory)
    assert isinstance(disk, OnDisk)
    assert (joined.size, joined.parts, joined.pieces) == (len(content), disk.parts, disk.pieces)
    for offset, length in [*ranges, *((max(0, piece.start - 3), 7) for piece in joined.pieces)]:
        expected = content[offset : offset + length]
        assert joined.read(offset, length) == disk.read(offset, length) == expected
