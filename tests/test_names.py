from __future__ import annotations

from gitstore.names import name_problem
from gitstore.text import quoted

GOOD_NAMES = ["digits", "v1", "v1.2-rc_3", "größe", "数字", "a#b", "x" * 100, "Head2", "states", "1", "a{b}"]


def test_good_names() -> None:
    assert [name for name in GOOD_NAMES if name_problem(name) is not None] == []


BAD_NAMES: list[tuple[str, str]] = [
    ("", "is empty"),
    ("x" * 101, "is longer than 100 characters"),
    ("数" * 81, "is longer than 240 bytes"),
    ("my model", "contains a space"),
    ("a\tb", "contains a space"),
    ("a\n", "contains a space"),
    ("a\u00a0b", "contains a space"),
    ("a\x00b", "contains an invisible character"),
    ("a\x7f", "contains an invisible character"),
    ("a\u200bb", "contains an invisible character"),
    ("\u202eb", "contains an invisible character"),
    ("a\ud800", "contains an invisible character"),
    ("a/b", "contains '/'"),
    ("a@b", "contains '@'"),
    ("@", "contains '@'"),
    ("a:b", "contains ':'"),
    ("a\\b", "contains '\\\\'"),
    ("a~1", "contains '~'"),
    ("gro\u0308\u00dfe", "is not in Unicode's composed form (NFC)"),
    ("-rf", "starts with '-'"),
    (".git", "starts with '.'"),
    ("..", "starts with '.'"),
    ("a.", "ends with '.'"),
    ("a.lock", "ends with '.lock'"),
    ("a..b", "contains '..'"),
    ("HEAD", "is a name that git reserves"),
    ("head", "is a name that git reserves"),
    ("0123456789abcdef" * 2 + "01234567", "looks like an object id"),
]


def test_bad_names() -> None:
    found = [name_problem(name) for name, _ in BAD_NAMES]
    assert found == [problem for _, problem in BAD_NAMES]


QUOTED: list[tuple[str, str]] = [
    ("a b", "'a b'"),
    ("it's", '"it\'s"'),
    ("a\n\x1b[31m", "'a\\n\\x1b[31m'"),
    ("x" * 60, "'" + "x" * 60 + "'"),
    ("x" * 61, "'" + "x" * 59 + "…'"),
]


def test_quoted_is_one_harmless_line() -> None:
    found = [quoted(text) for text, _ in QUOTED]
    assert found == [shown for _, shown in QUOTED]
