"""Which refs of a repository a push is to send: the branch, the snapshots and the states of models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gitstore.git.repository import Repository
from gitstore.models import snapshot as snapshots
from gitstore.models.catalog import list_models
from gitstore.models.model import Model, identify_branch
from gitstore.models.snapshot import Snapshot
from gitstore.models.state import not_saved_error
from gitstore.names import name_problem, spell_snapshot, spell_tag
from gitstore.packs.oid import Oid
from gitstore.settings import BasedOn
from gitstore.transfer.aliases import list_aliases
from gitstore.transfer.push_plan import RefKind, WantedRef

_HEADS, _STATES, _TAGS = "refs/heads/", "refs/states/", "refs/tags/"


@dataclass(frozen=True)
class Selection:
    """What to send. Without `snapshots`, the branch and all snapshots; with them, these alone.

    `states` are names of saved states of the model. `all_states` sends every one that is saved, and
    `all_models` the repository's other models, too. `all_aliases` sends the aliases of the models.
    """

    snapshots: tuple[Snapshot, ...] = ()
    states: tuple[str, ...] = ()
    all_states: bool = False
    all_models: bool = False
    all_aliases: bool = False


def list_wanted(model: Model, selection: Selection, *, theirs: Mapping[str, Oid]) -> list[WantedRef]:
    """List the refs that a push sends: states first, then snapshots, then branches.

    A snapshot comes with the snapshots that its model is based on. Tags that `theirs` has with the same id
    are not read. Raises `NoSuchState`, and `Corrupt` for a ref that cannot be read.
    """
    models = _list_models(model) if selection.all_models else {model.prefix: model.repository.head()}
    wanted = list(_list_states(model, list(models), selection=selection))
    if selection.snapshots:
        wanted += [
            WantedRef(snapshot.ref, snapshot.tag_oid, RefKind.SNAPSHOT, snapshot.short_name, is_named=True)
            for snapshot in selection.snapshots
        ]
    else:
        wanted += _list_bases(model)
        for prefix in models:
            wanted += _list_snapshots(model.repository, prefix, theirs=theirs)
        wanted += _list_branches(model.repository, models.values())
    if selection.all_aliases:
        wanted += list_aliases(model.repository, models)
    return list({ref.ref: ref for ref in wanted}.values())


def _list_models(model: Model) -> dict[str, str | None]:
    """Return the branches of all models of a repository, by the models' prefixes."""
    repository = model.repository
    main = repository if not model.prefix else Repository(repository.common)
    branches = {
        listed.prefix: listed.name if listed.prefix else main.head() for listed in list_models(model).models
    }
    return branches | {model.prefix: repository.head()}


def _list_states(model: Model, prefixes: list[str], *, selection: Selection) -> Iterator[WantedRef]:
    for name in selection.states:
        oid = model.repository.refs.get(model.state_ref(name)) if name_problem(name) is None else None
        if oid is None:
            raise not_saved_error(model, name)
        yield WantedRef(model.state_ref(name), oid, RefKind.STATE, name, is_named=True)
    if selection.all_states:
        for prefix in prefixes:
            space = f"{_STATES}{prefix}"
            for ref, oid in model.repository.refs.list_below(space).directly_in(space).refs.items():
                name = ref.removeprefix(space)
                if name_problem(name) is None:
                    yield WantedRef(ref, oid, RefKind.STATE, spell_snapshot(name, prefix.rstrip("/")))


def _list_snapshots(repository: Repository, prefix: str, *, theirs: Mapping[str, Oid]) -> list[WantedRef]:
    space = f"{_TAGS}{prefix}"
    tags = repository.refs.list_below(space).directly_in(space)
    equal = {ref: oid for ref, oid in tags.refs.items() if theirs.get(ref) == oid}
    rest = {ref: oid for ref, oid in tags.refs.items() if ref not in equal}
    read = snapshots.read_snapshots(repository, tags._replace(refs=rest))
    different = [
        WantedRef(snapshot.ref, snapshot.tag_oid, RefKind.SNAPSHOT, spell_tag(snapshot.ref))
        for snapshot in read
    ]
    # Nobody reads the names of thousands of snapshots that are equal.
    return [WantedRef(ref, oid, RefKind.SNAPSHOT, ref) for ref, oid in equal.items()] + different


def _list_bases(model: Model) -> Iterator[WantedRef]:
    """Yield the snapshots of this repository that a model is based on, directly or not, nearest first."""
    base, passed = model.base if model.prefix else None, set[str]()
    while base is not None and base.url is None and base.model not in passed:
        passed.add(base.model)
        ref = _find_tag(model.repository, base)
        if ref is not None:
            yield WantedRef(ref, Oid.parse(base.tag), RefKind.SNAPSHOT, spell_tag(ref))
        identity = identify_branch(model.repository, base.model)
        base = identity.base if identity is not None else None


def _find_tag(repository: Repository, base: BasedOn) -> str | None:
    """Return the ref of a base's tag; `None` if it was removed or renamed."""
    refs = (f"{_TAGS}{base.model}/{base.snapshot}", f"{_TAGS}{base.snapshot}")
    return next((ref for ref in refs if str(repository.refs.get(ref)) == base.tag), None)


def _list_branches(repository: Repository, names: Iterable[str | None]) -> Iterator[WantedRef]:
    for name in names:
        tip = repository.refs.get(f"{_HEADS}{name}") if name is not None else None
        if name is not None and tip is not None:
            yield WantedRef(f"{_HEADS}{name}", tip, RefKind.BRANCH, name)
