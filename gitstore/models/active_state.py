"""Which state of a model is the active one: a choice that belongs to one repository, and to no other.

It is in the repository's own configuration, as `gitstore.activeState` of the root model and
`gitstore.MODEL.activeState` of a derived one, where no clone, fetch or push takes it along or changes
it. While there is no such line, the active state is `initial`. The state need not be there.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.names import name_problem
from gitstore.text import quoted

FIRST_STATE = "initial"
"""The active state of a new model, unborn like git's first branch."""

_SECTION, _VARIABLE = "gitstore", "activeState"


def read(repository: Repository, prefix: str) -> str:
    """Return the active state of the model with this prefix. Raises `Corrupt` like `read_chosen`."""
    return read_chosen(repository, prefix) or FIRST_STATE


def read_chosen(repository: Repository, prefix: str) -> str | None:
    """The active state that was chosen; `None` if none was.

    The name becomes a path on disk. Raises `Corrupt` if no state can have it.
    """
    model = prefix.removesuffix("/") or None
    name = repository.local_config.subsections(_SECTION, _VARIABLE).get(model)
    if name is not None:
        _check_name(repository, model, name)
    return name


def choose(repository: Repository, prefix: str, name: str) -> None:
    """Make a state the active one. Atomic and durable. Raises `Locked` if git is changing the file."""
    model = prefix.removesuffix("/") or None
    if repository.local_config.subsections(_SECTION, _VARIABLE).get(model) != name:
        repository.local_config.set(_config_key(model), name)


def forget(repository: Repository, prefix: str) -> None:
    """Go back to `initial`, as if nothing had been chosen. Atomic and durable. Raises `Locked`."""
    model = prefix.removesuffix("/") or None
    if model in repository.local_config.subsections(_SECTION, _VARIABLE):
        repository.local_config.unset(_config_key(model))


def find_problems(repository: Repository) -> Iterator[str]:
    """Return a line for each chosen name, of any model, that cannot be the name of a state."""
    for model, name in repository.local_config.subsections(_SECTION, _VARIABLE).items():
        try:
            _check_name(repository, model, name)
        except Corrupt as error:
            yield f"{error.message}; {error.hint}"


def _check_name(repository: Repository, model: str | None, name: str) -> None:
    problem = name_problem(name)
    if problem is not None:
        key = (
            quoted(_config_key(model))
            if model is not None and name_problem(model) is not None
            else _config_key(model)
        )
        raise Corrupt(
            f"{repository.local_config.path}: {key} is {quoted(name)}, which cannot be the name of a state:"
            f" it {problem}",
            "gitstore state use NAME sets the active state; without that line it is initial",
        )


def _config_key(model: str | None) -> str:
    return f"{_SECTION}.{_VARIABLE}" if model is None else f"{_SECTION}.{model}.{_VARIABLE}"
