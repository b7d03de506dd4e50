"""The answer to a push that was stopped (gitprotocol-pack(5)). In test_http.py, stock git reads it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitstore.policy.push_stream import AskedRefs
from gitstore.policy.refusal import Refusal
from gitstore.store.front.report import render_report

REFUSAL = Refusal("pack-size", "", "has a pack of over 5 bytes", "push in batches")
BAND = b"report-status side-band-64k agent=git/2"


def ask(*refs: bytes, words: bytes = BAND) -> AskedRefs:
    asked = AskedRefs()
    for number, ref in enumerate(refs):
        line = b"%040d %040d %s" % (0, 1, ref)
        asked.add(line if number else line + b"\0 " + words, is_first=not number)
    return asked


def list_packets(answer: bytes) -> Iterator[bytes]:
    """The packets up to the flush, which must be the end."""
    while (length := int(answer[:4], 16)) != 0:
        assert 4 < length <= 65_520
        yield answer[4:length]
        answer = answer[length:]
    assert answer == b"0000"


def read_bands(answer: bytes) -> tuple[bytes, list[bytes]]:
    """The messages, and the lines of the report."""
    bands = {1: b"", 2: b""}
    for packet in list_packets(answer):
        bands[packet[0]] += packet[1:]
    return bands[2], list(list_packets(bands[1]))


def test_with_a_side_band() -> None:
    message, lines = read_bands(render_report(ask(b"refs/heads/main", b"refs/tags/v1"), REFUSAL) or b"")
    assert message == b"error: the push has a pack of over 5 bytes [pack-size]; push in batches\n"
    assert lines == [
        b"unpack stopped [pack-size]\n", b"ng refs/heads/main stopped [pack-size]\n",
        b"ng refs/tags/v1 stopped [pack-size]\n",
    ]  # fmt: skip


def test_without_a_side_band() -> None:
    """The report itself says it all."""
    answer = render_report(ask(b"refs/heads/main", words=b"report-status-v2"), REFUSAL)
    told = b"the push has a pack of over 5 bytes [pack-size]; push in batches\n"
    assert list(list_packets(answer or b"")) == [b"unpack " + told, b"ng refs/heads/main " + told]


@pytest.mark.parametrize("words", [b"", b"side-band-64k", b"report-statusx"])
def test_for_a_client_that_reads_none(words: bytes) -> None:
    assert render_report(ask(b"refs/heads/main", words=words), REFUSAL) is None


def test_before_any_command_has_come() -> None:
    assert render_report(AskedRefs(), REFUSAL) is None


def test_many_refs_take_many_packets() -> None:
    refs = [b"refs/heads/%0100d" % number for number in range(3000)]
    _, lines = read_bands(render_report(ask(*refs), REFUSAL) or b"")
    assert [line.split()[1] for line in lines[1:]] == refs


def test_names_are_kept_up_to_a_size() -> None:
    """Each may have 64 KiB, and a push may ask for thousands."""
    asked = ask(*(b"refs/heads/" + bytes([97 + number % 26]) * 60_000 for number in range(200)))
    assert 60 < len(asked.refs) < 70
    assert sum(map(len, asked.refs)) <= 4 << 20
