"""Names of files that a store refuses, beside those that git itself refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.policy.names import find_collision, find_link_problem, find_name_problem, fold, show_path


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"model.py", None),
        ("Gewichte größer.bin".encode(), None),
        ("模型".encode(), None),
        (b".gitignore", None),
        (b"a:b", None),
        (b"x" * 255, None),
        (b"x" * 256, "path-length"),
        (b"", "name"),
        (b".", "name"),
        (b"..", "name"),
        (b"a/b", "name"),
        (b"a\0b", "name"),
        (b".git", "name"),
        (b".GIT", "name"),
        (b".git ", "name"),
        (b".git.", "name"),
        (b".git::$INDEX_ALLOCATION", "name"),
        (b"git~1", "name"),
        (b"a\\.git", "name"),
        (".g\u200cit".encode(), "name"),
        (b".gitmodules", "submodule"),
        (b"GI7EBA~1", "submodule"),
        (b"a\\b", "name"),
        (b"a\tb", "name"),
        (b"a\nb", "name"),
        (b"a\x7f", "name"),
        ("a\u0085b".encode(), "name"),
        ("a\u2028b".encode(), "name"),
        ("a\u2066b".encode(), "name"),
        (b"a\xff", "name"),
        (b"a\xc0\x80", "name"),
        (b"a\xed\xa0\x80", "name"),
    ],
)
def test_names(name: bytes, rule: str | None) -> None:
    problem = find_name_problem(name)
    assert (problem and problem.rule) == rule


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("README", "readme"),
        ("\u00e9", "e\u0301"),
        ("\u212a", "k"),
        ("\ufb01le", "FILE"),
        ("\u00c5", "\u212b"),
    ],
)
def test_collisions(first: str, second: str) -> None:
    assert find_collision([first.encode(), b"x", second.encode()]) == (first.encode(), second.encode())


def test_no_collisions() -> None:
    assert find_collision([b"a", b"b", "ä".encode(), b"\xff", b"\xfe", b"A.b", b"a.c"]) is None


@pytest.mark.parametrize(
    ("target", "is_refused"),
    [
        (b"a", False),
        (b"../a/b", False),
        (b"./a", False),
        ("größer".encode(), False),
        (b"", True),
        (b"/a", True),
        (b"a/../b", True),
        (b"../a/../b", True),
        (b".git/config", True),
        (b"a/.GIT", True),
        (b"git~1", True),
        (b"..\\x", True),
        (b"a\nb", True),
        (b"\xff", True),
    ],
)
def test_links(target: bytes, is_refused: bool) -> None:
    assert (find_link_problem(target) is not None) is is_refused


@given(st.binary(max_size=40))
def test_any_bytes_can_be_shown(name: bytes) -> None:
    assert show_path(name).isprintable()
    problem = find_name_problem(name)
    assert problem is None or problem.path.isprintable()
    find_link_problem(name)
    find_collision([name, name.lower(), name.upper()])


@given(st.text(max_size=20))
def test_folding_is_done_once(text: str) -> None:
    assert fold(fold(text)) == fold(text) == fold(text.lower()) or not text.isascii()


def test_a_long_path_is_cut() -> None:
    assert len(show_path(b"a" * 10_000)) < 300
