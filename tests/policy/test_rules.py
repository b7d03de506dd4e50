"""The rules as data: each has a name, a reason and a remedy, and is asked somewhere in the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import gitstore.policy
from gitstore.policy.limits import PushLimits
from gitstore.policy.push import PathProblem
from gitstore.policy.refusal import Refusal
from gitstore.policy.rules import BY_NAME, RULES, refuse_path
from gitstore.units import parse_size

ROOT = Path(gitstore.policy.__file__).parents[1]


def test_each_rule_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(RULES)
    assert [rule.name for rule in RULES if not re.fullmatch("[a-z]+(-[a-z]+)*", rule.name)] == []
    assert [
        rule.name for rule in RULES if not (rule.text.endswith(".") and rule.reason and rule.remedy)
    ] == []


def test_each_rule_is_asked_somewhere() -> None:
    folders = (ROOT / "policy", ROOT / "store")
    modules = [path for folder in folders for path in folder.rglob("*.py") if path.stem != "rules"]
    text = "".join(path.read_text() for path in modules)
    assert [rule.name for rule in RULES if f'"{rule.name}"' not in text] == []


def test_no_code_names_a_rule_that_does_not_exist() -> None:
    for path in (*(ROOT / "policy").glob("*.py"), *(ROOT / "store" / "receive").glob("*.py")):
        named = re.findall(r'(?:PathProblem|refuse)\(\s*"([^"]+)"', path.read_text())
        assert set(named) <= BY_NAME.keys(), path


def test_a_refusal_says_where_what_and_what_to_do() -> None:
    refusal = refuse_path(PathProblem("link", "refs/heads/main:code/l", "is a link out of its tree"))
    assert str(refusal) == (
        "refs/heads/main:code/l is a link out of its tree [link]; replace the link by a copy of the file"
    )
    assert str(Refusal("ref-count", "", "changes 3 refs", "push in parts")).startswith(
        "the push changes 3 refs"
    )


def test_the_documentation_has_each_rule() -> None:
    page = (ROOT.parent / "docs" / "store.md").read_text()
    rows = [f"| `{rule.name}` | {rule.text} | {rule.reason} |" for rule in RULES]
    assert [row for row in rows if row not in page] == []
    table = page.partition("| rule |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == [rule.name for rule in RULES]


def test_the_documentation_has_each_limit() -> None:
    page = (ROOT.parent / "docs" / "store.md").read_text().partition("`limits` in store.yaml")[2]
    for limit in fields(PushLimits):
        if limit.name != "alias_roles":
            match = re.search(rf"^\| `{limit.name}` \| ([^|]+) \|", page, re.MULTILINE)
            assert match is not None, limit.name
            text = match[1].replace(",", "")
            assert (int(text) if text.isdigit() else parse_size(text)) == limit.default, limit.name


def test_a_rule_that_does_not_exist_is_a_bug() -> None:
    with pytest.raises(KeyError):
        refuse_path(PathProblem("nope", "", ""))
