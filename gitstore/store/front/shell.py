"""What a user may run over ssh: git's two services, and a few verbs of the store.

The user's command is split into words and compared with what is known. No shell reads it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.policy.role import Role
from gitstore.store import hooks
from gitstore.store.access import User, check_model
from gitstore.store.front.environment import service_environment
from gitstore.store.names import parse_model_name
from gitstore.store.store import Store
from gitstore.text import quoted

SERVICES = {"upload-pack": Role.READ, "receive-pack": Role.WRITE}
"""The services of git, and the role that each needs."""

LONGEST = 4096
"""The most characters of a command."""

_JSON, _DRY, _YES = "--json", "--dry-run", "--yes"
VERBS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "create": (frozenset({_JSON}), frozenset()),
    "derive": (frozenset({_JSON}), frozenset()),
    "list": (frozenset({_JSON}), frozenset()),
    "show": (frozenset({_JSON}), frozenset()),
    "usage": (frozenset({_JSON}), frozenset({"--since", "--until", "--month"})),
    "rm": (frozenset({_JSON, _DRY, _YES, "--force", "-n", "-y"}), frozenset()),
    "alias": (frozenset({_JSON, "--force"}), frozenset({"-m", "--message", "--at"})),
}
"""The verbs, with the options that a user may give: those without a value, and those with one."""


class ServiceCall(NamedTuple):
    """git is to serve a repository, with these arguments and this environment."""

    repository: Path
    arguments: tuple[str, ...]
    environment: dict[str, str]


class VerbCall(NamedTuple):
    """A verb of the store with its arguments, which are safe to pass on."""

    verb: str
    arguments: tuple[str, ...]


class BadCommand(GitstoreError):
    """What a user wants to run over ssh is not known, or is not spelled as it must be."""

    exit_code = 2
    kind = "usage"


def parse_command(
    store: Store, command: str, *, user: User, inherited: Mapping[str, str]
) -> ServiceCall | VerbCall:
    """Return what a user's command asks for, if the user's role allows it.

    `inherited` is the environment that sshd made. Raises `BadCommand`, `InvalidName` and `AccessDenied`, and
    `NotAStore` for a push to a store that has lost its hooks.
    """
    words = _split(command)
    if words[0] == "git" and len(words) > 1:
        words = [f"git-{words[1]}", *words[2:]]
    service = words[0].removeprefix("git-")
    if words[0] != service and service in SERVICES:
        if len(words) != 2:
            raise BadCommand(f"{words[0]} needs the path of a repository and nothing else")
        return _call_service(store, service, words[1], user=user, inherited=inherited)
    if words[0] in VERBS:
        return VerbCall(words[0], tuple(_check_arguments(words[0], words[1:])))
    raise BadCommand(f"{quoted(words[0])} is not a command of this store", list_commands())


def list_commands() -> str:
    """Return what can be run, as a hint."""
    return f"it has git's own commands, and {', '.join(VERBS)}"


def _split(command: str) -> list[str]:
    if len(command) > LONGEST or not command.isprintable():
        raise BadCommand("the command is too long, or has characters that are not printable")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadCommand(f"the command cannot be read: {error}") from error
    if not words:
        raise BadCommand("there is no shell here", list_commands())
    return words


def _call_service(
    store: Store, service: str, path: str, *, user: User, inherited: Mapping[str, str]
) -> ServiceCall:
    name = parse_model_name(path.removeprefix(str(store.root)))
    check_model(store.config, user, name, needed=SERVICES[service])
    model = store.find_model(name, user)
    if service == "receive-pack":
        hooks.check_runnable(store.hooks_directory)
    protocol = inherited.get("GIT_PROTOCOL")
    environment = service_environment(store, model, user=user, inherited=inherited, protocol=protocol)
    strict = ("--strict",) if service == "upload-pack" else ()
    return ServiceCall(model.directory, (service, *strict, str(model.directory)), environment)


def _check_arguments(verb: str, words: list[str]) -> list[str]:
    """Return a verb's arguments. Raises `BadCommand` for an option that only the operator may give."""
    flags, valued = VERBS[verb]
    arguments, waiting = [], False
    for word in words:
        name = word.partition("=")[0]
        if not waiting and word.startswith("-") and word not in flags and name not in valued:
            allowed = ", ".join(sorted(flags | valued))
            raise BadCommand(f"{verb} has no option {quoted(word)} here", f"it has {allowed}")
        waiting = not waiting and word in valued
        arguments.append(word)
    if waiting:
        raise BadCommand(f"{words[-1]} needs a value")
    return arguments
