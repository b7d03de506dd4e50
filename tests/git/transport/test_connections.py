"""Connections at the same time: their order, their progress, and what happens when one fails."""

from __future__ import annotations

import threading

import pytest

from gitstore.errors import GitstoreError
from gitstore.git.transport import connections
from gitstore.progress import Progress


def note(log: list[str], word: str) -> connections.Step:
    def step(report: Progress) -> None:
        report(0)
        log.append(word)
        report(len(word))

    return step


def test_steps_of_a_line_keep_their_order() -> None:
    log = list[str]()
    total = list[int]()
    lines = [[note(log, f"{line}{number}") for number in range(5)] for line in "ab"]
    connections.run(lines, progress=total.append)
    assert [word for word in log if word[0] == "a"] == [f"a{number}" for number in range(5)]
    assert [word for word in log if word[0] == "b"] == [f"b{number}" for number in range(5)]
    assert sum(total) == 20


def test_lines_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2)

    def meet(report: Progress) -> None:
        report(0)
        meeting.wait(30)

    connections.run([[meet], [meet]])


def test_the_others_wait_until_the_first_is_connected() -> None:
    log = list[str]()

    def connect(report: Progress) -> None:
        log.append("asks for a password")
        report(0)

    connections.run([[connect], [note(log, "second")], [note(log, "third")]])
    assert log[0] == "asks for a password"


def test_a_first_line_without_steps_keeps_nobody_waiting() -> None:
    log = list[str]()
    connections.run([[], [note(log, "second")]])
    assert log == ["second"]


def test_no_lines() -> None:
    connections.run([])


def test_no_step_begins_after_one_has_failed() -> None:
    log = list[str]()

    def fail(_: Progress) -> None:
        raise ConnectionError("broken")

    with pytest.raises(ConnectionError, match="broken"):
        connections.run([[fail, note(log, "next")], [note(log, "other")]])
    assert log == []


def test_a_step_under_way_ends_when_another_fails() -> None:
    log, failing = list[str](), threading.Event()

    def fail(_: Progress) -> None:
        failing.set()
        raise ConnectionError("broken")

    def last(report: Progress) -> None:
        report(0)
        assert failing.wait(30)
        log.append("under way")

    with pytest.raises(ConnectionError, match="broken"):
        connections.run([[last], [fail]])
    assert log == ["under way"]


@pytest.mark.parametrize(("text", "count"), [(None, 2), ("1", 1), ("16", 16)])
def test_the_number_of_connections(text: str | None, count: int) -> None:
    assert connections.choose_count(text, "https://example.org/digits.git") == count


@pytest.mark.parametrize("url", ["git@example.org:ada/digits", "ssh://example.org/digits", "host:x"])
def test_ssh_takes_cores_of_its_own(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "core_count", lambda: 2)
    assert connections.choose_count(None, url) == 1
    assert connections.choose_count("2", url) == 2
    assert connections.choose_count(None, "file:///host:x") == connections.choose_count(None, "/a/b:c") == 2
    monkeypatch.setattr(connections, "core_count", lambda: 4)
    assert connections.choose_count(None, url) == 2


@pytest.mark.parametrize("text", ["0", "-1", "17", "", "two", "²"])
def test_no_number_of_connections(text: str) -> None:
    with pytest.raises(GitstoreError, match=r"gitstore\.connections must be a number from 1 to 16"):
        connections.choose_count(text, "https://example.org/digits.git")
