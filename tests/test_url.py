"""URLs that start at another one."""

from __future__ import annotations

import pytest

from gitstore.url import is_relative, is_ssh, join_url, url_problem

BASE = "../../ada/digits.git"


@pytest.mark.parametrize(
    ("url", "joined"),
    [
        ("git@host:eve/fine.git", "git@host:ada/digits.git"),
        ("git@host:eve/fine", "git@host:ada/digits.git"),
        ("git@host:/srv/models/eve/fine.git/", "git@host:/srv/models/ada/digits.git"),
        ("host:eve/fine", "host:ada/digits.git"),
        ("ssh://git@host:2222/eve/fine", "ssh://git@host:2222/ada/digits.git"),
        ("ssh://u:p@example.org/models/eve/fine.git", "ssh://u:p@example.org/models/ada/digits.git"),
        ("file:///srv/models/eve/fine.git", "file:///srv/models/ada/digits.git"),
        ("/srv/models/eve/fine.git", "/srv/models/ada/digits.git"),
        ("/eve//fine", "/ada/digits.git"),
        # Too many steps up: a host is never left.
        ("https://example.org/fine", None),
        ("https://example.org", None),
        ("git@host:fine", None),
        ("/fine", None),
        ("git@host:../fine", None),
    ],
)
def test_a_relative_url(url: str, joined: str | None) -> None:
    assert join_url(url, BASE) == joined


def test_other_steps() -> None:
    assert join_url("https://example.org/a/b", "./c/../d") == "https://example.org/a/b/d"
    assert join_url("https://example.org/a/b", "../../..") is None
    assert [is_relative(url) for url in (BASE, "./x", "x", "/x", "..", ".x", "https://example.org/../x")] == [
        True, True, False, False, False, False, False,
    ]  # fmt: skip
    assert url_problem(BASE) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://example.org/a", True),
        ("git+ssh://example.org/a", True),
        ("ada@example.org:a", True),
        ("https://example.org:80/a", False),
        ("file:///a:b", False),
        ("/a/b:c", False),
    ],
)
def test_what_git_reaches_by_ssh(url: str, expected: bool) -> None:
    assert is_ssh(url) is expected
