"""The lines of authorized_keys that let people in over ssh, sshd(8): each key may run `store shell` alone."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from gitstore.disk.atomic import replace_file
from gitstore.errors import GitstoreError
from gitstore.store import hooks
from gitstore.store.names import user_problem
from gitstore.store.store import Store

SUFFIX = ".pub"
_MAX_FILE = 64 * 1024

_KEY = re.compile(
    r"((?:sk-)?(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))(?:@openssh\.com)?)"
    r" +([A-Za-z0-9+/]{16,}={0,2})(?: +(.*))?"
)


class BadKeys(GitstoreError):
    """Files of keys are invalid. The message has a line for each problem."""


def list_lines(store: Store) -> list[str]:
    """Return a line for each key in ROOT/keys/USER.pub, by user. Raises `BadKeys` with all problems."""
    lines: list[str] = []
    problems: list[str] = []
    owners: dict[str, str] = {}
    for path in sorted(store.keys_directory.glob(f"*{SUFFIX}")):
        user = path.name.removesuffix(SUFFIX)
        if problem := user_problem(user):
            problems.append(f"{path}: {user!r} cannot be the name of a user: it {problem}")
            continue
        for number, key, problem in _read(path):
            shown = f"{path}:{number}"
            if key in owners:
                problem = f"is a key of {owners[key]} already"
            if problem:
                problems.append(f"{shown}: {problem}")
            else:
                owners[key] = user
                lines.append(f'command="{_escape(_command(store, user))}",restrict {key} {user}')
    if problems:
        raise BadKeys(
            "\n".join(problems), f"write keys as ssh-keygen makes them, into {store.keys_directory}/USER.pub"
        )
    return lines


def _read(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line with a key, the key, and what is wrong with it."""
    with path.open("rb") as file:
        content = file.read(_MAX_FILE + 1)
    if len(content) > _MAX_FILE:
        yield 1, "", f"is larger than {_MAX_FILE // 1024} KiB"
        return
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            match = _KEY.fullmatch(text)
            if match is None:
                yield number, "", "is not a public key; options are not allowed"
            else:
                yield number, f"{match[1]} {match[2]}", ""


def _command(store: Store, user: str) -> str:
    start = (hooks.find_python(), "-Pm", "gitstore.cli")
    words = (*start, "store", "shell", f"--store={store.root}", "--", user)
    return " ".join(map(shlex.quote, words))


def _escape(command: str) -> str:
    """Return a command as a quoted option: sshd reads `\\"` as `"`, and no other escape."""
    return command.replace('"', '\\"')


def install(store: Store, path: Path) -> int:
    """Replace the lines of this store in an authorized_keys file, and keep all others. Returns their number.

    The file appears whole, and nobody else can read it. Raises `BadKeys`.
    """
    lines = list_lines(store)
    begin, end = f"# gitstore store {store.root}: begin", f"# gitstore store {store.root}: end"
    try:
        others = path.read_text(errors="surrogateescape").splitlines()
    except FileNotFoundError:
        others = []
    if begin in others and end in others[others.index(begin) :]:
        start = others.index(begin)
        others[start : others.index(end, start) + 1] = []
    content = "".join(f"{line}\n" for line in (*others, begin, *lines, end))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, content.encode(errors="surrogateescape"), mode=0o600)
    return len(lines)
