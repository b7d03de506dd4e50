"""Git's configuration, git-config(1): all files together, the user's alone, and the repository's alone.

Stock git reads and writes it. libgit2 only lists keys, where a process would cost too much. Likewise, what a
new repository needs that nobody else uses yet is appended here.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gitstore.disk.atomic import sync_directory, sync_file
from gitstore.errors import GitstoreError, Locked
from gitstore.git import process as git
from gitstore.git.process import Completed, GitFailed

if TYPE_CHECKING:
    import pygit2

BIG_FILE_THRESHOLD = "256k"
"""`core.bigFileThreshold` of our repositories: git never searches deltas between parts."""

ONE_PACK = (
    "-c", "transfer.unpackLimit=1", "-c", "fetch.unpackLimit=1", "-c", "gc.auto=0",
    "-c", "maintenance.auto=false", "-c", f"core.bigFileThreshold={BIG_FILE_THRESHOLD}",
)  # fmt: skip
"""Options that store even a few fetched objects as one pack, and keep parts out of memory."""

PATIENCE = 1.0
"""Seconds that a change of a file waits for another change of it, which takes milliseconds."""

LIST = ("config", "--list", "--show-scope", "-z")
"""The arguments of the git command whose output `GitConfig` reads."""

_PLAIN = re.compile("[0-9A-Za-z](?:[0-9A-Za-z @._+-]*[0-9A-Za-z])?")
"""A name or an address in which git finds nothing to strip (ident.c)."""

_RAW_DATE = re.compile("[1-9][0-9]{8,9} [+-][01][0-9][0-5][0-9]")
"""Seconds since 1970, with so many digits that git takes them for that, and a zone."""

_RETRY_INTERVAL = 0.02
_NOT_FOUND = 1  # exit codes of git config
_NOTHING_TO_UNSET = 5
_LOCK_MESSAGE = "could not lock config file"

_TRUE = (None, "true", "yes", "on", "1")
_FALSE = ("", "false", "no", "off", "0")


def list_keys(config: pygit2.Config) -> list[str]:
    """List the keys that libgit2 finds. This takes no process."""
    return [entry.name for entry in config]


def list_keys_from_environment() -> list[str]:
    """List the keys in files that environment variables name. git reads these files, libgit2 does not."""
    paths = filter(None, map(git.environment_variable, ("GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL")))
    return [key for path in paths for key in _list_keys_of_file(path)]


def _list_keys_of_file(path: str) -> list[str]:
    import pygit2

    try:
        return list_keys(pygit2.Config(path))
    except (OSError, pygit2.GitError):  # git itself reports it
        return []


def read_file(path: Path) -> dict[str, list[str]]:
    """Return all values in a file of configuration, by keys in lower case except for subsections.

    This takes no process. Raises `GitstoreError` if the file is missing, or is no configuration.
    """
    import pygit2

    values: dict[str, list[str]] = defaultdict(list)
    try:
        path.stat()  # to libgit2, a missing file is an empty one
        for entry in pygit2.Config(str(path)):
            values[entry.name].append(entry.value or "")
    except (OSError, pygit2.GitError, ValueError) as error:
        raise GitstoreError(f"{path} cannot be read: {error}") from error
    return dict(values)


def fold_key(key: str) -> str:
    """Return a key as git lists it: section and variable in lower case, a subsection as it is."""
    section, dot, rest = key.partition(".")
    middle, other_dot, variable = rest.rpartition(".")
    return f"{section.lower()}{dot}{middle}{other_dot}{variable.lower()}"


def render(values: Mapping[str, str]) -> str:
    """Return configuration as text for a file, with a section for each key. Values are quoted."""
    lines = []
    for key, value in values.items():
        section, _, rest = key.partition(".")
        middle, _, variable = rest.rpartition(".")
        heading = f'{section} "{_escape(middle)}"' if middle else section
        lines.append(f'[{heading}]\n\t{variable} = "{_escape(value)}"\n')
    return "".join(lines)


def append(path: Path, values: Iterable[tuple[str, str]]) -> None:
    """Append keys and values to a file of configuration that nobody else uses yet. This takes no process.

    Not durable: a new repository is synced as a whole.
    """
    text = "".join(render({key: value}) for key, value in values)
    gap = b"" if path.read_bytes().endswith(b"\n") else b"\n"
    with path.open("ab") as file:
        file.write(gap + os.fsencode(text))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")


class ConfigValue(NamedTuple):
    """A value, and the scope of its file: `system`, `global`, `local`, `worktree`, `command`.

    The text is `None` if the line has no `=`, which means true.
    """

    scope: str
    text: str | None


class GitConfig:
    """All of git's configuration at one instant: the output of `git config --list`."""

    def __init__(self, listing: bytes) -> None:
        self._values: dict[str, list[ConfigValue]] = defaultdict(list)
        fields = os.fsdecode(listing).split("\0")
        for scope, entry in zip(fields[::2], fields[1::2], strict=False):
            key, separator, text = entry.partition("\n")
            self._values[key].append(ConfigValue(scope, text if separator else None))

    def values(self, key: str) -> list[ConfigValue]:
        """Return all values of a key in lower case. The last one counts."""
        return list(self._values.get(key, ()))

    def text(self, key: str) -> str | None:
        """Return the text that counts of a key in lower case; `None` if there is none."""
        values = self._values.get(key)
        return values[-1].text if values else None

    def sections(self, *names: str) -> dict[str, str | None]:
        """Return the text that counts of each key in some sections, by keys as git lists them."""
        starts = tuple(f"{name}." for name in names)
        return {key: values[-1].text for key, values in self._values.items() if key.startswith(starts)}

    def boolean(self, key: str) -> bool | None:
        """Return the truth of a key's last value; `None` if there is no value.

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


def read_user_config(section: str, directory: Path, *, keys: Sequence[str]) -> dict[str, str]:
    """Return paths, or other values, in one section of the user's own configuration, by keys in lower case.

    Values in a repository's files do not count. The last value of a key counts. A `~` at its start is the
    home directory. Raises `GitFailed` if git cannot read its configuration.
    """
    arguments = (
        "config",
        "--show-scope",
        "-z",
        "--type=path",
        "--get-regexp",
        rf"^{section}\.({'|'.join(keys)})$",
    )
    completed = git.attempt(*arguments, cwd=directory)
    if completed.returncode not in (0, _NOT_FOUND):
        raise GitFailed(arguments, completed.returncode, stderr=completed.stderr)
    fields = completed.stdout.decode(errors="surrogateescape").split("\0")
    pairs = [
        entry.partition("\n")
        for scope, entry in zip(fields[::2], fields[1::2], strict=False)
        if scope not in ("local", "worktree")
    ]
    return {key.removeprefix(f"{section}."): value for key, _, value in pairs}


def read_identity(cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """Return the user's name, mail, and the time and zone, as git would record them in a commit now.

    git is not asked if the environment says it plainly. Raises `GitstoreError` if git knows no identity.
    """
    keys = (f"GIT_COMMITTER_{key}" for key in ("NAME", "EMAIL", "DATE"))
    name, email, date = (git.environment_variable(key) or "" for key in keys)
    if _PLAIN.fullmatch(name) and _PLAIN.fullmatch(email) and _RAW_DATE.fullmatch(date):
        return f"{name} <{email}> {date}"
    try:
        return git.read_line("var", "GIT_COMMITTER_IDENT", cwd=cwd, variables=variables)
    except GitFailed as error:
        raise GitstoreError(
            "git does not know who you are",
            'run once: git config --global user.name "Your Name"; '
            "git config --global user.email you@example.org",
        ) from error


class AttemptGit(Protocol):
    """Runs stock git in a repository, like `Repository.attempt`."""

    def __call__(self, *arguments: str) -> Completed:
        """Return its exit code and output."""


class LocalConfig:
    """The repository's own configuration: the file `config` in its common directory, and no other.

    The user's files do not count, nor does an included file, which a pull could change.
    """

    def __init__(self, path: Path, attempt: AttemptGit) -> None:
        self.path = path
        self._attempt = attempt
        self._stamp: tuple[int, ...] | None = None
        self._cached: tuple[str, dict[str | None, str]] = ("", {})

    def subsections(self, section: str, variable: str) -> dict[str | None, str]:
        """Return `SECTION.SUBSECTION.VARIABLE` for each subsection, and without one (`None`).

        The last of several values counts. Raises `GitFailed` if git cannot read the file.
        """
        try:
            status = self.path.stat()
            is_mentioned = variable.lower().encode() in self.path.read_bytes().lower()
        except FileNotFoundError:
            return {}
        if not is_mentioned:  # the usual case, which needs no process
            return {}
        key = f"{section}.*.{variable}"
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if (self._stamp, self._cached[0]) != (stamp, key):
            self._cached, self._stamp = (key, self._read(section.lower(), variable.lower())), stamp
        return self._cached[1]

    def _read(self, section: str, variable: str) -> dict[str | None, str]:
        pattern = rf"^{section}\.(.*\.)?{variable}$"
        arguments = ("config", "--file", str(self.path), "-z", "--get-regexp", pattern)
        completed = self._attempt(*arguments)
        if completed.returncode not in (0, _NOT_FOUND):
            raise GitFailed(arguments, completed.returncode, stderr=completed.stderr)
        values: dict[str | None, str] = {}
        for entry in os.fsdecode(completed.stdout).split("\0")[:-1]:
            key, _, value = entry.partition("\n")  # without a value there is no newline either
            middle = key.removeprefix(section).removesuffix(variable)
            values[middle[1:-1] if len(middle) > 1 else None] = value
        return values

    def set(self, key: str, value: str) -> None:
        """Replace all values of a key by one. Atomic and durable. Raises `Locked`."""
        self._change("--replace-all", key, value)

    def unset(self, key: str) -> None:
        """Remove all values of a key, if there are any. Atomic and durable. Raises `Locked`."""
        self._change("--unset-all", key)

    def _change(self, *arguments: str) -> None:
        deadline, failures = time.monotonic() + PATIENCE, 0
        lock = Path(f"{os.path.realpath(self.path)}.lock")
        while True:
            completed = self._attempt("config", "--file", str(self.path), *arguments)
            if completed.returncode in (0, _NOTHING_TO_UNSET):
                break
            failures += 1
            # A lock may have gone since git found it. If git fails again without one, that was not the cause.
            if _LOCK_MESSAGE not in completed.stderr or (failures > 1 and not lock.exists()):
                raise GitFailed(("config",), completed.returncode, stderr=completed.stderr)
            if time.monotonic() > deadline:
                raise Locked(
                    f"{self.path} is locked by another git process",
                    f"if no git process is running, a crash left the lock: remove {lock}",
                )
            time.sleep(_RETRY_INTERVAL)
        self._stamp = None
        sync_file(self.path)  # git syncs neither
        sync_directory(Path(os.path.realpath(self.path)).parent)
