"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from gitstore.text import counted


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("object",), "0 objects"),
        (1, ("object",), "1 object"),
        (2, ("object",), "2 objects"),
        (1234, ("object",), "1,234 objects"),
        (-1, ("byte",), "-1 bytes"),
        (1, ("delivery", "deliveries"), "1 delivery"),
        (3, ("delivery", "deliveries"), "3 deliveries"),
        (1, ("push is", "pushes are"), "1 push is"),
        (2, ("push is", "pushes are"), "2 pushes are"),
    ],
)
def test_a_number_agrees_with_its_noun(number: int, words: tuple[str, ...], text: str) -> None:
    assert counted(number, *words) == text
