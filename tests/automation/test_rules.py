"""Rules: what a file may say, and each problem with its line."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from gitstore.automation.config import check_node, load
from gitstore.automation.rules import EventType
from gitstore.errors import BadSettings
from gitstore.outbox.events import EVENT_TYPES
from gitstore.settings import document
from gitstore.settings.nodes import Mapping

GOOD = """\
automation:
  - name: tell-ci
    on: [snapshot.created, alias.moved]
    match: "v*"
    webhook: {url: "https://ci.example.org/hooks?x=1", secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0}
  - name: bench
    on: [snapshot.created]
    evaluate: {record: bench, inputs: ["images=@test.npz:images"]}
  - name: promote
    on: [evaluation.finished]
    alias: {name: staging, require: [bench, "bench.accuracy >= current"]}
  - name: notify
    on: [quota.warning]
    run: {command: [/usr/bin/logger, gitstore], timeout: 10s}
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "automation.yaml").write_text(text)
    with pytest.raises(BadSettings) as error:
        load(tmp_path / "automation.yaml")
    return [line.replace(f"{tmp_path}/", "") for line in error.value.problems]


def test_rules_are_read(tmp_path: Path) -> None:
    (tmp_path / "automation.yaml").write_text(GOOD)
    rules = load(tmp_path / "automation.yaml")
    assert [rule.name for rule in rules] == ["tell-ci", "bench", "promote", "notify"]
    assert rules[0].webhook is not None and not rules[0].webhook.allow_private
    root = document.read(GOOD.encode()).root
    assert isinstance(root, Mapping)
    assert check_node(root.entries["automation"].value, "store.yaml") == rules


def test_no_file_is_no_rules(tmp_path: Path) -> None:
    assert load(tmp_path / "automation.yaml") == ()
    assert check_node(None, "store.yaml") == ()


def test_the_types_of_events_are_those_of_the_outbox() -> None:
    assert set(get_args(EventType)) == set(EVENT_TYPES)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("on: [snapshot.created]", "name: a rule has exactly one of webhook, evaluate, alias and run"),
        ("on: []\n    run: {command: [/x]}", "on: is an empty list"),
        ("on: [snapshot.made]\n    run: {command: [/x]}", "snapshot.made' is not known"),
        ("on: [alias.moved]\n    run: {command: [x]}", "begins with x, which is not an absolute path"),
        (
            "on: [alias.moved]\n    run: {command: [/x]}\n    alias: {name: a}",
            "run: a rule has exactly one of webhook, evaluate, alias and run",
        ),
        ("on: [state.created]\n    alias: {name: a}", "needs a snapshot, which state.created has not"),
        ("on: [snapshot.created]\n    alias: {name: a b}", "contains a space"),
        ("on: [snapshot.created]\n    alias: {name: a, require: ['x >= 1']}", "names no output"),
        ("on: [snapshot.created]\n    evaluate: {record: b}", "exactly one of them must be given"),
        ("on: [snapshot.created]\n    evaluate: {record: b, like: v1, inputs: [x]}", "exactly one of them"),
        ("on: [alias.moved]\n    webhook: {url: https://example.org}", "exactly one of them must be given"),
        ("on: [alias.moved]\n    webhook: {url: ftp://x, secret_file: /x}", "not an http or https URL"),
        (
            "on: [alias.moved]\n    webhook: {url: 'https://example.org:p@example.com', secret_file: /x}",
            "has a user or a password",
        ),
        ("on: [alias.moved]\n    webhook: {url: 'https://example.org:99999', secret_file: /x}", "not a URL"),
        ("on: [alias.moved]\n    webhook: {url: https://example.org, secret: short}", "is not a secret"),
        ("on: [alias.moved]\n    webhook: {url: https://example.org, secret_file: x}", "not an absolute"),
        ("on: [alias.moved]\n    attempts: 0\n    run: {command: [/x]}", "must be at least 1"),
    ],
)
def test_a_problem_has_its_line(tmp_path: Path, rule: str, problem: str) -> None:
    (line,) = problems(tmp_path, f"automation:\n  - name: one\n    {rule}\n")
    assert line.startswith("automation.yaml:")
    assert problem in line


def test_names_of_rules_differ(tmp_path: Path) -> None:
    rule = "  - {name: a, on: [alias.moved], run: {command: [/x]}}\n"
    (line,) = problems(tmp_path, f"automation:\n{rule}{rule}")
    assert "automation[1].name: 'a' is also automation[0]" in line


@pytest.mark.parametrize("text", ["", "automation: 1", "rules: []", "automation:\n\t- x", "\xff" * 300_000])
def test_what_is_no_file_of_rules(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)
