"""Git's configuration from all its files, as one git process lists it.

Values are those of the instant at which they were first asked for, as in a git command.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import NamedTuple

import pygit2

from gitstore.git import process as git

_TRUE = (None, "true", "yes", "on", "1")
_FALSE = ("", "false", "no", "off", "0")

LIST = ("config", "--list", "--show-scope", "-z")
"""The arguments of the git command whose output `GitConfig` reads."""


def keys(config: pygit2.Config) -> list[str]:
    """The keys that libgit2 finds, without a process for it."""
    return [entry.name for entry in config]


def keys_of_variables() -> list[str]:
    """Those in files that variables name, which git reads and libgit2 does not."""
    paths = filter(None, map(git.variable, ("GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL")))
    return [key for path in paths for key in _keys_of_file(path)]


def _keys_of_file(path: str) -> list[str]:
    try:
        return keys(pygit2.Config(path))
    except (OSError, pygit2.GitError):  # git itself complains
        return []


class Value(NamedTuple):
    """A value, and the scope of the file that has it: `system`, `global`, `local`, `worktree`, `command`.

    The text is `None` if the line has no `=`, which means true.
    """

    scope: str
    text: str | None


class GitConfig:
    """What `git config --list` printed."""

    def __init__(self, listing: bytes) -> None:
        self._values: dict[str, list[Value]] = defaultdict(list)
        fields = os.fsdecode(listing).split("\0")
        for scope, entry in zip(fields[::2], fields[1::2], strict=False):
            key, separator, text = entry.partition("\n")
            self._values[key].append(Value(scope, text if separator else None))

    def values(self, key: str) -> list[Value]:
        """All values of a key in small letters, the one that counts last."""
        return list(self._values.get(key, ()))

    def below(self, *sections: str) -> dict[str, str | None]:
        """The text that counts of each key in some sections, by keys as git lists them."""
        starts = tuple(f"{section}." for section in sections)
        return {key: values[-1].text for key, values in self._values.items() if key.startswith(starts)}

    def boolean(self, key: str) -> bool | None:
        """The truth of a key's last value; `None` if there is no value.

        Raises `ValueError` if its text is none of the usual words.
        """
        values = self._values.get(key)
        if not values:
            return None
        text = values[-1].text
        word = text.lower() if text else text
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError(f"{key} is {text!r}, which is neither true nor false")
