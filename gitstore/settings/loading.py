"""From the bytes of settings.yaml to `Settings`, or to every problem they have."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gitstore.errors import BadSettings, NotAModel
from gitstore.names import name_problem
from gitstore.settings import document
from gitstore.settings.checking import Checker
from gitstore.settings.nodes import data
from gitstore.settings.schema import Settings

FILE_NAME = "settings.yaml"

# More than a person made by mistake; a hostile file could have a quarter of a million.
MAX_PROBLEMS = 100


@lru_cache(maxsize=32)  # one command meets the same settings in the working copy, a commit and snapshots
def parse(content: bytes, source: str = FILE_NAME) -> Settings:
    """The settings that `content` holds, with the defaults filled in.

    Raises BadSettings with all problems (of hundreds the first 100), in the order of their lines, each
    on one line: `SOURCE:LINE: key.path[2].name: what is wrong, what is allowed`.
    """
    read = document.read(content)
    problems = list(read.problems)
    settings = None
    if read.root is not None and data(read.root) is not None:
        checker = Checker()
        settings = checker.check(read.root, Settings)
        problems += checker.problems
    elif not problems:
        problems.append(
            document.SettingsProblem(1, "is empty; write at least the model's name, like name: digits")
        )
    if settings is None or problems:
        raise BadSettings(_lines(problems, source))
    return settings


def parse_identity(content: bytes) -> Settings:
    """Like `parse`, of `name` and `based_on` only, several times as fast; other keys have their defaults.

    Raises BadSettings if these two cannot be read, whatever is wrong with other keys.
    """
    try:
        return parse(_identity_lines(content))
    except BadSettings:
        return parse(content)  # perhaps it is written in another way


def identify(content: bytes) -> tuple[str, bool] | None:
    """The model's name, and whether it is derived in its repository, of settings that may be invalid.

    `None` if that cannot be read. Nothing else of them is believed.
    """
    for text in (content, _identity_lines(content)):
        values = data(document.read(text).root)
        if isinstance(values, dict):
            name, base = values.get("name"), values.get("based_on")
            if isinstance(name, str) and name_problem(name) is None and isinstance(base, dict | None):
                return name, base is not None and "url" not in base
    return None


def _identity_lines(content: bytes) -> bytes:
    """The lines of `name` and `based_on`."""
    kept, keep = [], False
    for line in content.splitlines(keepends=True):
        if line[:1] not in b" \t#\r\n":  # what stands at the margin begins a key
            keep = line.startswith((b"name:", b"based_on:"))
        if keep:
            kept.append(line)
    return b"".join(kept)


def _lines(problems: list[document.SettingsProblem], source: str) -> list[str]:
    ordered = sorted(problems, key=lambda problem: problem.line)
    lines = [f"{source}:{problem.line}: {problem.message}" for problem in ordered[:MAX_PROBLEMS]]
    if len(ordered) > MAX_PROBLEMS:
        lines.append(f"{source}: there are {len(ordered) - MAX_PROBLEMS} more problems")
    return lines


def load(path: Path, source: str | None = None) -> Settings:
    """Like `parse`, from a file. Problems name it `source`, or by its last part."""
    source = path.name if source is None else source
    if not path.exists():
        raise BadSettings([f"{source}: there is no such file"])
    if not path.is_file():
        raise BadSettings([f"{source}: is not a regular file"])
    with path.open("rb") as file:
        # One more than is allowed is enough to see that it is too much.
        return parse(file.read(document.MAX_BYTES + 1), source)


def find(directory: Path) -> Path:
    """The settings.yaml of the model that `directory` is in: there, or in the nearest parent.

    The search ends where a repository does. Raises NotAModel if there is none.
    """
    start = directory.absolute()
    for parent in (start, *start.parents):
        if (parent / FILE_NAME).is_file():
            return parent / FILE_NAME
        if (parent / ".git").exists():
            break
    raise NotAModel(
        f"{start}: there is no {FILE_NAME} here or above",
        "make a model with `gitstore init`, or name one with -C DIR",
    )
