from __future__ import annotations

import pytest

from gitstore.packs.oid import Kind, Oid

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # the tree of nothing, as git knows it


@pytest.mark.parametrize("digits", [EMPTY, EMPTY.encode(), EMPTY.upper()])
def test_an_id_is_read_from_its_digits(digits: str | bytes) -> None:
    found = Oid.parse(digits)
    assert found == Oid.of(Kind.TREE, b"") == Oid.of(Kind.TREE, memoryview(b""))
    assert (str(found), repr(found), found.short) == (EMPTY, f"Oid({EMPTY})", EMPTY[:12])


@pytest.mark.parametrize("digits", ["x" * 40, EMPTY[1:], f" {EMPTY}", f"{EMPTY}\n", "é" * 40, b"\xff" * 40])
def test_what_are_no_digits(digits: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"[Hh]exadecimal|Odd-length|ASCII"):
        Oid.parse(digits)


@pytest.mark.parametrize("digits", ["", "1234", EMPTY + "00"])
def test_too_few_digits_or_too_many(digits: str) -> None:
    with pytest.raises(ValueError, match=f"^an object id has 20 bytes, not {len(digits) // 2}$"):
        Oid.parse(digits)
