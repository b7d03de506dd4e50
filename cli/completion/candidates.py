"""What a shell can suggest for an argument or an option: the names of snapshots, states, inputs, examples.

Names come from refs alone, so that ten thousand tags need not be read to be listed. If anything fails,
`completion` suggests nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gitstore.names import spell_snapshot

if TYPE_CHECKING:
    from gitstore.models.model import Model
    from gitstore.settings import Parameter
    from gitstore.store.store import Store

_TAGS = "refs/tags/"


def snapshots(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For a REF: own snapshots by name, those of other models as MODEL@SNAPSHOT, or of PATH@."""
    from gitstore.models.model import Model

    directory = _directory(ctx)
    path = incomplete.rpartition("@")[0]
    model = Model.identify(directory)
    names = [*_list_own(model), *_list_aliases(model), *_list_of_others(model)]
    if path:
        names += [spell_snapshot(name, model.name) for name in _list_own(model)]
        if (directory / path).is_dir() and not any(name.startswith(f"{path}@") for name in names):
            names = [spell_snapshot(name, path) for name in _list_own(Model.identify(directory / path))]
    return _matching(names, incomplete)


def own_snapshots(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For a snapshot of the model itself, by its name alone."""
    from gitstore.models.model import Model

    return _matching(list(_list_own(Model.identify(_directory(ctx)))), incomplete)


def aliases(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The aliases of the model itself, by their names."""
    from gitstore.models.model import Model

    return _matching(list(_list_aliases(Model.identify(_directory(ctx)))), incomplete)


def states(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For a state of the model, saved or on disk."""
    from gitstore.models import state
    from gitstore.models.model import Model

    return _matching(state.list_names(Model.identify(_directory(ctx))), incomplete)


def remotes(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For [REMOTE] [SNAPSHOT...]: the remotes, and then the model's own snapshots."""
    from gitstore.models.model import Model
    from gitstore.transfer.remotes import list_names

    model, named = Model.identify(_directory(ctx)), ctx.params.get("names") or ()
    return _matching([*(() if named else list_names(model.repository)), *_list_own(model)], incomplete)


def models(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The derived models of the repository."""
    from gitstore.models import catalog
    from gitstore.models.model import Model

    models = catalog.list_models(Model.identify(_directory(ctx))).models
    return _matching([model.name for model in models if model.prefix], incomplete)


def store_models(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The models of a store, as OWNER/MODEL."""
    return _matching([model.full_name for model in _find_store(ctx).models()], incomplete)


def store_owners(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The owners of models in a store."""
    return _matching(_find_store(ctx).owners(), incomplete)


def store_snapshots(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The models of a store, and after `@` the snapshots of one."""
    store = _find_store(ctx)
    name, at, _rest = incomplete.partition("@")
    if not at:
        return _matching([model.full_name for model in store.models()], incomplete)
    refs = store.find_model(name).repository.refs.below(_TAGS)
    return _matching([f"{name}@{ref.removeprefix(_TAGS)}" for ref, _ in refs], incomplete)


def _find_store(ctx: click.Context) -> Store:
    from gitstore.store.store import Store

    root = ctx.params.get("root")
    return Store.open(_directory(ctx) / root) if root is not None else Store.discover(_directory(ctx))


def environments(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The keys of the user's environments."""
    from gitstore.run.cache.user_cache import find_user_cache
    from gitstore.run.conditions import find_environments

    store = find_environments(find_user_cache(_directory(ctx)))
    return _matching([environment.key for environment in store.list_environments()], incomplete)


def evaluation_records(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The names of the evaluation records of the model's snapshots."""
    from gitstore.models import snapshot
    from gitstore.models.model import Model
    from gitstore.records import evaluations

    own = snapshot.read_own_snapshots(Model.identify(_directory(ctx)))
    names = {record.name for one in own for record in evaluations.list_records(one)}
    return _matching(sorted(names), incomplete)


def metrics(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The metrics that the training of the state reported that is named already, or of the active one."""
    from gitstore.models import state
    from gitstore.models.model import Model
    from gitstore.records import trainings

    model = Model.identify(_directory(ctx))
    name = ctx.params.get("name") or model.active_state
    tree = state.find_saved_tree(model, name)
    record = trainings.find_record(model.repository, tree, name) if tree is not None else None
    return _matching([series.name for series in record.metrics] if record is not None else [], incomplete)


def first_states(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For the first state of a derived model."""
    words = ["copy", "none", "create"]
    return _matching(words, incomplete) or list(_files(_directory(ctx), incomplete))


def inputs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For NAME=VALUE: what the operation takes by the model's settings, then files after NAME=@."""
    from gitstore.models.model import Model

    name, at, path = incomplete.partition("=@")
    if at:
        # Not left to the shells: none of them takes what is after the @ for a path.
        return [f"{name}{at}{file}" for file in _files(_directory(ctx), path)]
    types = Model.open(_directory(ctx)).settings.types
    operations: dict[str | None, tuple[Parameter, ...]] = {
        "create": types.create_state,
        "derive": types.create_state,
        "train": types.train,
        "evaluate": types.evaluate.inputs,
    }
    names = [f"{parameter.name}=" for parameter in operations.get(ctx.info_name, ())]
    return _matching(names, incomplete)


def examples(_ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For what a model can start from."""
    from gitstore.models.examples import list_names

    return _matching(list_names(), incomplete)


def _directory(ctx: click.Context) -> Path:
    """Where the command would act. Raises `LookupError` if -C names no directory."""
    root = ctx.find_root()
    directory: Path | None = root.params.get("directory")
    if directory is None and root.get_parameter_source("directory") is ParameterSource.COMMANDLINE:
        raise LookupError
    return directory or Path()


def _files(directory: Path, incomplete: str) -> Iterator[str]:
    """The files that a path from a directory may lead to, and directories with a slash."""
    folder, slash, start = incomplete.rpartition("/")
    for path in sorted((directory / f"{folder}{slash}").iterdir()):
        if path.name.startswith(start) and (start or not path.name.startswith(".")):
            yield f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"


def _list_own(model: Model) -> Iterator[str]:
    space = model.tag_ref("")
    names = (ref.removeprefix(space) for ref in model.repository.refs.list_below(space).refs)
    return (name for name in names if _is_name(name))


def _list_aliases(model: Model) -> Iterator[str]:
    space = model.alias_ref("")
    names = (ref.removeprefix(space) for ref in model.repository.refs.list_below(space).refs)
    return (name for name in names if _is_name(name))


def _list_of_others(model: Model) -> Iterator[str]:
    root = model.find_root_name()
    for ref in model.repository.refs.list_below(_TAGS).refs:
        prefix, _, name = ref.removeprefix(_TAGS).rpartition("/")
        if f"{prefix}/" != (model.prefix or "/") and _is_name(name) and "/" not in prefix:
            yield spell_snapshot(name, prefix or root)


def _is_name(name: str) -> bool:
    """Whether a snapshot can be called so; stock git makes other tags too, with anything in their names."""
    from gitstore.names import name_problem

    return name_problem(name) is None


def _matching(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
