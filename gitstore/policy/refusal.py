"""A refusal: which rule forbids what, where, and what the pusher can do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_RULE = re.compile(r" \[([a-z]+(?:-[a-z]+)*)\]; ")


class Refusal(NamedTuple):
    """A reason not to accept a push.

    `rule` is the name of a rule in `rules.RULES`. `path` is a ref, or a ref and a path in its tree, such as
    `refs/tags/v1:code/aux`; empty if the push as a whole is meant. `problem` continues a sentence that
    begins with the path. All texts are harmless on a terminal.
    """

    rule: str
    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        subject = f"{self.path} " if self.path else "the push "
        return f"{subject}{self.problem} [{self.rule}]; {self.remedy}"


def read_rules(lines: Iterable[str]) -> set[str]:
    """Return the rules that refusals name, as the pusher sees them: lines that a store prints."""
    return {rule for line in lines for rule in _RULE.findall(line)}
