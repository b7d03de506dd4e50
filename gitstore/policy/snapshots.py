"""Rules for snapshots: what the tag, the settings and the base say agrees with what the tree has."""

from __future__ import annotations

from collections.abc import Iterator

from gitstore import settings
from gitstore.errors import BadSettings
from gitstore.models import trust
from gitstore.models.shape import FORMAT
from gitstore.objects.tag import Tag
from gitstore.policy.push import PathProblem, PushedSnapshot
from gitstore.settings import Settings
from gitstore.text import harmless, shown

_MOST_PROBLEMS = 5


def find_format_problem(tag: Tag) -> str | None:
    """Return why a tag is no snapshot by its own account; `None` if it says that it is one of format 1."""
    written_by = tag.trailers.get("Gitstore-Format")
    if tag.target_kind != "commit":
        return f"is a tag of a {shown(tag.target_kind)}, not of a commit"
    if written_by is None:
        return "is a tag, but not a snapshot: it has no trailer Gitstore-Format"
    if written_by != FORMAT:
        return f"is of format {shown(written_by)}, which this store does not know"
    return None


def find_problems(snapshot: PushedSnapshot) -> Iterator[PathProblem]:
    """Yield what is wrong with a snapshot whose tree has the right shape."""
    for problem in trust.find_tag_problems(snapshot)[:_MOST_PROBLEMS]:
        yield PathProblem("snapshot-trailers", shown(snapshot.ref), f"cannot be trusted: {problem}")
    if snapshot.settings is None:
        yield PathProblem("settings", f"{shown(snapshot.ref)}:settings.yaml", "is too large to be read")
        return
    try:
        parsed = settings.parse(snapshot.settings)
    except BadSettings as error:
        for problem in error.problems[:_MOST_PROBLEMS]:
            text = harmless(problem.removeprefix("settings.yaml:"))
            yield PathProblem(
                "settings", f"{shown(snapshot.ref)}:settings.yaml", f"is invalid in line {text}"
            )
        return
    for problem in trust.find_settings_problems(snapshot, parsed):
        yield PathProblem("settings", shown(snapshot.ref), f"cannot be trusted: {problem}")
    yield from _find_base_problems(snapshot, parsed)


def _find_base_problems(snapshot: PushedSnapshot, parsed: Settings) -> Iterator[PathProblem]:
    base, facts = parsed.based_on, snapshot.base
    if base is None or base.detached:
        return
    if facts is None or not facts.is_ancestor:
        problem = f"is based on {base.full_name}, whose commit is not among its ancestors"
        yield PathProblem("base-ancestor", shown(snapshot.ref), problem)
        return
    for problem in trust.find_base_problems(snapshot, parsed, facts.code_tree):
        yield PathProblem("derived-code", f"{shown(snapshot.ref)}:code", f"is not the base's: {problem}")
