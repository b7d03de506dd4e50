"""Whether a snapshot's tag can be trusted: what it says is compared with the objects that it names.

Anybody can write a tag. What is in it becomes names of refs and directories, and is shown to people.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Protocol

from gitstore.layout import CODE, SETTINGS
from gitstore.names import name_problem
from gitstore.objects.tag import Tag
from gitstore.packs.oid import Oid
from gitstore.settings import Settings
from gitstore.text import quoted, shown

MODEL, STATE, BASED_ON, RENAMED_FROM = "Model", "State", "Based-On", "Renamed-From"

_PLAIN = rb" *([\w.-]+) *(?:#.*)?\r?$"
_NAME = re.compile(rb"^name:" + _PLAIN, re.MULTILINE)
_BLOCK = re.compile(rb"^based_on: *\r?\n((?:[ \t]+.*\n?)*)", re.MULTILINE)
_BASE = [re.compile(rb"^[ \t]+%s:" % key + _PLAIN, re.MULTILINE) for key in (b"model", b"snapshot", b"tag")]

_OWN_TRAILERS = (
    MODEL,
    STATE,
    "Code-Tree",
    "State-Tree",
    "Settings-Blob",
    BASED_ON,
    RENAMED_FROM,
    "Gitstore-Format",
)


class DescribedSnapshot(Protocol):
    """What is compared: a snapshot's place among the refs, its tag, and the ids in its tree."""

    @property
    def prefix(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def tag(self) -> Tag: ...
    @property
    def model(self) -> str: ...
    @property
    def code_tree(self) -> Oid: ...
    @property
    def state_tree(self) -> Oid: ...
    @property
    def settings_blob(self) -> Oid: ...


def find_tag_problems(snapshot: DescribedSnapshot) -> list[str]:
    """Return what a snapshot's tag says that its ref or its tree contradicts."""
    return [*_find_name_problems(snapshot), *_find_trailer_problems(snapshot), *_find_id_problems(snapshot)]


def find_settings_problems(snapshot: DescribedSnapshot, settings: Settings) -> list[str]:
    """Return what a snapshot's tag says that its settings contradict."""
    problems = []
    if snapshot.model != settings.name:
        problems.append(f"its tag says {MODEL}: {shown(snapshot.model)}, but {SETTINGS} says {settings.name}")
    base, value = settings.based_on, snapshot.tag.trailers.get(BASED_ON)
    expected = f"{base.full_name} {base.tag}" if base is not None else None
    if value != expected:
        problems.append(f"its tag says {BASED_ON}: {_show_value(value)}, but {SETTINGS} says {expected}")
    return problems


def find_base_problems(snapshot: DescribedSnapshot, settings: Settings, base_code: Oid | None) -> list[str]:
    """Return what is wrong with the code of a derived model that is not detached.

    `base_code` is the code tree of the commit in `based_on.commit`, `None` if it has none.
    """
    base = settings.based_on
    if base is None or base.detached or base_code == snapshot.code_tree:
        return []
    return [f"its {CODE}/ differs from that of its base {base.full_name}"]


def agrees_by_text(snapshot: DescribedSnapshot, content: bytes) -> bool:
    """Whether plain lines of a settings.yaml say what the tag says. Where not, `settings_problems` can tell.

    For thousands of snapshots: YAML takes a hundred times as long to parse.
    """
    if _NAME.findall(content) != [snapshot.model.encode()]:
        return False
    value, block = snapshot.tag.trailers.get(BASED_ON), _BLOCK.search(content)
    if block is None or value is None:
        return value is None and b"based_on" not in content
    values = [pattern.findall(block[1]) for pattern in _BASE]
    return [len(matches) for matches in values] == [1, 1, 1] and value.encode() == b"%s@%s %s" % (
        values[0][0], values[1][0], values[2][0],
    )  # fmt: skip


def suggest_remedy(ref: str) -> str:
    """Say what to do about a tag that cannot be trusted."""
    return (
        f"gitstore verify shows more; if it was made by hand, git update-ref -d {shlex.quote(ref)} removes it"
    )


def _find_name_problems(snapshot: DescribedSnapshot) -> Iterator[str]:
    """Return what is wrong with the name of the ref, and with the name in the tag."""
    steps = [*snapshot.prefix.removesuffix("/").split("/")] if snapshot.prefix else []
    for step in (*steps, snapshot.name):
        problem = name_problem(step)
        if problem is not None:
            yield f"{quoted(step)} {problem}"
    if len(steps) > 1:
        yield f"{quoted(snapshot.prefix.removesuffix('/'))} is not a valid name of a model"
    if snapshot.tag.name != f"{snapshot.prefix}{snapshot.name}":
        yield f"its tag was created as {shown(snapshot.tag.name)}"
    if snapshot.prefix and snapshot.model != snapshot.prefix.removesuffix("/"):
        yield f"its tag says {MODEL}: {shown(snapshot.model)}"


def _find_trailer_problems(snapshot: DescribedSnapshot) -> Iterator[str]:
    """Return the trailers that are missing, repeated, or not valid names."""
    for key in snapshot.tag.repeated:
        if key in _OWN_TRAILERS:
            yield f"its tag says {key} more than once"
    for key in (MODEL, STATE):
        value = snapshot.tag.trailers.get(key)
        problem = name_problem(value) if value is not None else None
        if value is None:
            yield f"its tag does not say {key}"
        elif problem is not None:
            yield f"its tag says {key}: {quoted(value)}, which {problem}"
    before = snapshot.tag.trailers.get(RENAMED_FROM)
    if before is not None and not _is_name_and_id(before):
        yield f"its tag says {RENAMED_FROM}: {quoted(before)}, which is not a name and an id"


def _find_id_problems(snapshot: DescribedSnapshot) -> Iterator[str]:
    is_so = {
        "Code-Tree": str(snapshot.code_tree),
        "State-Tree": str(snapshot.state_tree),
        "Settings-Blob": str(snapshot.settings_blob),
    }
    for key, value in is_so.items():
        recorded = snapshot.tag.trailers.get(key)
        if recorded != value:
            yield f"its tag says {key}: {_show_value(recorded)}, but it is {value}"


def _is_name_and_id(text: str) -> bool:
    name, _, oid = text.partition(" ")
    try:
        Oid.parse(oid)
    except ValueError:
        return False
    return name_problem(name) is None


def _show_value(text: str | None) -> str | None:
    return None if text is None else shown(text)
