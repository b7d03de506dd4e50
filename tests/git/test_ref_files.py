"""packed-refs: all lines are parsed at once, with the same result as each by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.git.ref_files import PackedRefs, is_ref_name
from gitstore.packs.oid import Oid

OIDS = [f"{number:040x}" for number in (1, 10, 0xFFFF)]
BROKEN = [
    "..", "a..b", "@{", "a//b", "a/.b", "a.lock", "a.lock/b", ".a", "/a", "a.", "a/", "@", "", "a b", "~",
    "a\\",
]  # fmt: skip
GOOD = ["refs/tags/v1", "refs/heads/a.lock.b", "refs/tags/@", "refs/tags/ä", "refs/tags/\udcff", "a@b", "a.b"]

names = st.sampled_from(BROKEN + GOOD) | st.text("ab./@{lock\x7f\x00\r\x85é", min_size=1).map("refs/".__add__)
digits = st.sampled_from([*OIDS, "0" * 40, "f" * 39, "F" * 40])
lines = st.builds("{} {}\n".format, digits, names) | st.builds("{0} {1}\n^{0}\n".format, digits, names)


def parse(text: str) -> PackedRefs:
    return PackedRefs(Path("packed-refs"), text.encode(errors="surrogateescape"))


@given(st.lists(lines, max_size=5))
def test_all_lines_and_each(chosen: list[str]) -> None:
    """What is wrong with one line changes nothing about the others."""
    whole = parse("# pack-refs with: peeled fully-peeled sorted \n" + "".join(chosen))
    each = [parse(line) for line in chosen]
    assert whole.refs == {name: oid for one in each for name, oid in one.refs.items()}
    assert len(whole.problems) == sum(len(one.problems) for one in each)
    assert all(whole.get(name) is not None for name in whole.refs)


@pytest.mark.parametrize("name", [*BROKEN, "a\nb", "a\n"])
def test_no_name_of_a_ref(name: str) -> None:
    assert not is_ref_name(name)


@pytest.mark.parametrize("name", GOOD)
def test_a_name_of_a_ref(name: str) -> None:
    assert is_ref_name(name)


def test_what_tags_lead_to() -> None:
    packed = parse(f"{OIDS[0]} refs/tags/a\n^{OIDS[1]}\n{OIDS[2]} refs/tags/b\n")
    assert packed.list_peeled() == {"refs/tags/a": Oid.parse(OIDS[1])}
    assert packed.refs == {"refs/tags/a": Oid.parse(OIDS[0]), "refs/tags/b": Oid.parse(OIDS[2])}
