"""The environment of git when it serves others: nothing but what is listed here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitstore.store.access import User
from gitstore.store.git_settings import repository_settings
from gitstore.store.store import Store, StoreModel

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "HOME")
_PROTOCOL = re.compile(r"version=[0-9]|[a-z]+(=[a-z0-9]+)?(:[a-z]+(=[a-z0-9]+)?)*")


def service_environment(
    store: Store, model: StoreModel, *, user: User, inherited: Mapping[str, str], protocol: str | None
) -> dict[str, str]:
    """Return the environment of git upload-pack or receive-pack for a user.

    `protocol` is what the client asks for (GIT_PROTOCOL), and is ignored if it is malformed. The store's own
    settings come last, so neither the user's files nor an old configuration of the repository counts.
    """
    variables = {name: inherited[name] for name in _PASSED_ON if name in inherited}
    if protocol and len(protocol) < 100 and _PROTOCOL.fullmatch(protocol):
        variables["GIT_PROTOCOL"] = protocol
    settings = repository_settings(store.hooks_directory, store.config.limits)
    settings["safe.directory"] = str(model.directory)
    for number, (key, value) in enumerate(settings.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables | {
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GITSTORE_USER": user.name,
    }
