"""Parsing settings.yaml: from its bytes to `Settings`, or to all problems in it."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import BadSettings, NotAModel
from gitstore.names import name_problem
from gitstore.settings import document, strict
from gitstore.settings.document import SettingsProblem
from gitstore.settings.nodes import to_plain
from gitstore.settings.schema import BasedOn, Settings

FILE_NAME = "settings.yaml"

_CACHED = 32 * 1024
"""The most bytes of settings that are cached. Only hostile repositories have larger ones."""

_KEY = re.compile(rb"^[a-z_]+:(?=[ \r\n])", re.MULTILINE)
"""The beginning of a top-level key."""

_FIRST_KEY = re.compile(rb"(?: *(?:#[^\n]*)?\r?\n)*([a-z_]+):")
"""A top-level key, possibly after comments."""

_ODD_LINE = re.compile(rb"^(?![a-z_]+:[ \r\n]|[ #\r\n]|- |\Z)", re.MULTILINE)
"""A line that is neither a top-level key nor belongs to the key above it, in ordinary documents."""


class ModelIdentity(NamedTuple):
    """The model that settings belong to. `base` is `None` without a valid base.

    `is_derived` says whether the base is in the model's own repository.
    """

    name: str
    base: BasedOn | None
    is_derived: bool

    @property
    def local_base(self) -> BasedOn | None:
        """The base of a model that is derived in its repository."""
        return self.base if self.is_derived else None


def parse(content: bytes, source: str = FILE_NAME) -> Settings:
    """Parse the content of settings.yaml, and fill in the defaults.

    Raises BadSettings with at most 100 problems, in the order of their lines, each on one line:
    `SOURCE:LINE: key.path[2].name: what is wrong, what is allowed`.
    """
    settings, problems = _parse(content) if len(content) <= _CACHED else _parse_whole(content)
    if settings is None:
        raise BadSettings(strict.format_problems(problems, source))
    return settings


# Commands for thousands of models parse the same settings from working copies, commits and snapshots.
@lru_cache(maxsize=1024)
def _parse(content: bytes) -> tuple[Settings | None, tuple[SettingsProblem, ...]]:
    """Return the settings, or `None` and all problems in them."""
    settings = _parse_by_keys(content)
    return (settings, ()) if settings is not None else _parse_whole(content)


def _parse_whole(content: bytes) -> tuple[Settings | None, tuple[SettingsProblem, ...]]:
    return strict.parse_or_explain(
        content, Settings, empty="write at least the model's name, like name: digits"
    )


def _parse_by_keys(content: bytes) -> Settings | None:
    """Return the settings if they are valid and each key can be parsed by itself; else `None`.

    The settings of a thousand derived models differ in two keys, so the others are parsed once.
    """
    if _ODD_LINE.search(content):
        return None
    starts = [match.start() for match in _KEY.finditer(content)]
    values: dict[str, object] = {}
    for start, end in zip([0, *starts[1:]], [*starts[1:], len(content)], strict=True):
        entry = _parse_key(content[start:end])
        if entry is None or entry[0] in values:
            return None
        values[entry[0]] = entry[1]
    return Settings(**values) if "name" in values else None  # type: ignore[arg-type]


@lru_cache(maxsize=512)
def _parse_key(lines: bytes) -> tuple[str, object] | None:
    """Parse one key and its value; `None` if there is any problem."""
    match = _FIRST_KEY.match(lines)
    if match is None:
        return None
    key = match[1].decode()
    settings, _ = _parse_whole(lines if key == "name" else b"name: any\n" + lines)
    return (key, getattr(settings, key)) if settings is not None else None


def identify(content: bytes) -> ModelIdentity | None:
    """Return the model that settings belong to, even if keys other than `name` and `based_on` are invalid.

    `None` if these two cannot be read. Nothing else in invalid settings is used.
    """
    for text in (content, _select_identity_lines(content)):
        with suppress(BadSettings):
            settings = parse(text)
            base = settings.based_on
            return ModelIdentity(settings.name, base, base is not None and base.url is None)
    for text in (content, _select_identity_lines(content)):
        values = to_plain(document.read(text).root)
        if isinstance(values, dict):
            name, mapping = values.get("name"), values.get("based_on")
            if isinstance(name, str) and name_problem(name) is None and isinstance(mapping, dict | None):
                return ModelIdentity(name, None, mapping is not None and "url" not in mapping)
    return None


def _select_identity_lines(content: bytes) -> bytes:
    """Return the lines of `name` and `based_on`."""
    lines, is_identity = [], False
    for line in content.splitlines(keepends=True):
        if line[:1] not in b" \t#\r\n":  # a line without indentation begins a key
            is_identity = line.startswith((b"name:", b"based_on:"))
        if is_identity:
            lines.append(line)
    return b"".join(lines)


def load(path: Path, source: str | None = None) -> Settings:
    """Parse a file, like `parse`. In messages it is called `source`; by default, its name."""
    source = path.name if source is None else source
    if not path.exists():
        raise BadSettings([f"{source}: there is no such file"])
    if not path.is_file():
        raise BadSettings([f"{source}: is not a regular file"])
    with path.open("rb") as file:
        # One byte more than the limit shows that the file is too large.
        return parse(file.read(document.MAX_BYTES + 1), source)


def find(directory: Path) -> Path:
    """Return the path of the settings.yaml in a directory or its nearest parent with one.

    The search ends at the top of a repository. Raises NotAModel if there is none.
    """
    start = directory.absolute()
    for parent in (start, *start.parents):
        if (parent / FILE_NAME).is_file():
            return parent / FILE_NAME
        if (parent / ".git").exists():
            break
    raise NotAModel(
        f"{start}: there is no {FILE_NAME} here or above",
        "create a model with `gitstore init`, or name one with -C DIR",
    )
