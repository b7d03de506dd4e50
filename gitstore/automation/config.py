"""Reading rules: automation.yaml of a repository, and the key `automation` of a store's file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from gitstore.automation.rules import AutomationConfig, AutomationRule
from gitstore.errors import BadSettings
from gitstore.git.repository import Repository
from gitstore.settings.checking import Checker
from gitstore.settings.document import MAX_BYTES
from gitstore.settings.nodes import YamlNode
from gitstore.settings.strict import format_problems, parse_strictly

FILE_NAME = "automation.yaml"
"""Beside git's own configuration: like hooks, rules run programs, so a clone must not bring them."""

_EMPTY = "write at least one rule, or remove the file"
_RULES = Annotated[tuple[AutomationRule, ...], Meta(extra={"unique": "name"})]


def find_path(repository: Repository) -> Path:
    """Return where the rules of a repository are: in the directory that all its working copies share."""
    return repository.common / FILE_NAME


def load(path: Path) -> tuple[AutomationRule, ...]:
    """Read the rules of a repository; none if there is no file. Raises `BadSettings` with all problems."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadSettings([f"{path}: cannot be read: {error.strerror}"]) from error
    return parse_strictly(content, AutomationConfig, source=str(path), empty=_EMPTY).automation


def check_node(node: YamlNode | None, source: str) -> tuple[AutomationRule, ...]:
    """Return the rules that a part of a file describes. Raises `BadSettings` with all problems."""
    if node is None:
        return ()
    checker = Checker()
    rules: tuple[AutomationRule, ...] = checker.check_part(node, _RULES, path="automation")
    if checker.problems:
        raise BadSettings(format_problems(checker.problems, source))
    return rules
