"""From what people write to the snapshot they mean: SNAPSHOT, MODEL@SNAPSHOT, PATH@SNAPSHOT, URL@SNAPSHOT.

After PATH@ and URL@ a snapshot of a derived model there is MODEL/SNAPSHOT. In each of them, SNAPSHOT may be
an alias. The log of this module then says which snapshot has it.
"""

from __future__ import annotations

import difflib
import logging
import shlex
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import Corrupt, GitstoreError, NoSuchSnapshot, NotAModel
from gitstore.git.repository import Repository
from gitstore.models import alias as aliases
from gitstore.models import snapshot
from gitstore.models.alias import Alias
from gitstore.models.base_url import resolve_base_url
from gitstore.models.model import Model, has_derived_model
from gitstore.models.snapshot import Snapshot
from gitstore.names import name_problem, spell_snapshot, spell_tag
from gitstore.objects import tag
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import BasedOn
from gitstore.text import quoted
from gitstore.url import is_url, url_problem, without_credentials

_log = logging.getLogger(__name__)


class SeveralRepositories(GitstoreError):
    """The snapshots that were named are in more than one repository."""

    exit_code = 2
    kind = "usage"


class TagLocation(NamedTuple):
    """Where a reference leads: the tag's ref in a repository, and the tag."""

    repository: Repository
    ref: str
    oid: Oid


class RemoteSnapshot(NamedTuple):
    """A snapshot behind a URL: the first of these names, as git has them below refs/tags/, that is there."""

    url: str
    names: tuple[str, ...]


def resolve_anywhere(reference: str, directory: Path) -> Snapshot | RemoteSnapshot:
    """Resolve a reference that may also be a snapshot behind a URL. Raises like `resolve`."""
    return resolve_url(reference, directory) or resolve(reference, directory)


def resolve_url(reference: str, directory: Path) -> RemoteSnapshot | None:
    """Return the snapshot that URL@SNAPSHOT means; `None` if it is no such reference.

    Raises `GitstoreError` for a URL that git must not get.
    """
    where, _, name = reference.rpartition("@")
    return _make_remote(where, name) if _is_url(where, directory) else None


def is_in_same_repository(target: Snapshot | RemoteSnapshot, directory: Path) -> bool:
    """Whether a snapshot is in the repository of the directory's model."""
    if isinstance(target, RemoteSnapshot):
        return False
    try:
        return Model.identify(directory).repository.common == target.repository.common
    except NotAModel:
        return False


def resolve(reference: str, directory: Path) -> Snapshot:
    """Return the snapshot that `reference` means to a person in `directory`.

    A bare name is of the directory's own model; `MODEL/SNAPSHOT` is accepted too, because git lists
    a derived model's tags so. Raises `NoSuchSnapshot`, with the nearest name there is, or `NotAModel`.
    """
    return _read_snapshot(locate(reference, directory))


def resolve_base(reference: str, model: Model, directory: Path) -> Snapshot | RemoteSnapshot:
    """Resolve a reference to a new base of a model. Raises like `resolve`.

    A bare name is of the base's model; that is looked for in the repository that the base is in.
    """
    where, _, name = reference.rpartition("@")
    if not where and "/" in name:
        where, _, name = name.rpartition("/")
    base = model.base
    if base is None or where not in ("", base.model):
        return resolve_anywhere(reference, directory)
    url = resolve_base_url(model.repository, base)
    if url is None:
        return resolve_anywhere(spell_snapshot(name, base.model), directory)
    if _is_url(url, directory):
        prefix = find_base_prefix(model.repository, base)
        names = (f"{base.model}/{name}", name) if prefix is None else (f"{prefix}{name}",)
        return _make_remote(url, *names)
    if not Path(url).is_dir():
        raise GitstoreError(
            f"the base's repository is no longer in {url}",
            f"gitstore rebase {spell_snapshot(name, 'PATH')} records its new location",
        )
    repository = Model.identify(Path(url)).repository
    prefix = f"{base.model}/" if has_derived_model(repository, base.model) else ""
    return _read_snapshot(_locate_tag(Model(repository, base.model, prefix), name, reference))


def find_base_prefix(repository: Repository, base: BasedOn) -> str | None:
    """The prefix of the base's model in its repository, by the base's tag; `None` if that is not here."""
    try:
        name = tag.parse(repository.objects.read_as(Kind.TAG, Oid.parse(base.tag))).name
    except (Corrupt, ValueError):
        return None
    return name[: name.rfind("/") + 1]


def _read_snapshot(place: TagLocation) -> Snapshot:
    resolved = snapshot.read(place.repository, place.ref, place.oid)
    if resolved is None:
        raise _not_a_snapshot(place)
    return resolved


def check_snapshot(place: TagLocation) -> None:
    """Raise `NoSuchSnapshot` for a tag that never was a snapshot. A damaged tag passes."""
    with suppress(Corrupt):
        if snapshot.read_unchecked(place.repository, place.ref, place.oid) is None:
            raise _not_a_snapshot(place)


def _not_a_snapshot(place: TagLocation) -> NoSuchSnapshot:
    return NoSuchSnapshot(f"{place.ref} is a tag, but not a snapshot", "gitstore list shows the snapshots")


def locate(reference: str, directory: Path) -> TagLocation:
    """Like `resolve`, without reading the tag. It may be damaged, or not a snapshot."""
    where, _, name = reference.rpartition("@")
    if _is_url(where, directory):
        raise GitstoreError(
            f"{reference}: this command reads snapshots from local repositories only",
            f"clone it first: gitstore clone {where}",
        )
    if where and (directory / where).is_dir() and not _is_model_name(where, directory):
        return _locate_in_directory(directory / where, reference)
    return _locate_in_repository(Model.identify(directory), where, name, reference=reference)


def _locate_in_directory(path: Path, reference: str) -> TagLocation:
    """Locate a snapshot of the model in another directory. A hint names that model's snapshots."""
    where, _, name = reference.rpartition("@")
    model = Model.identify(path)
    try:
        return _locate_in_repository(model, "", name, reference=reference)
    except NoSuchSnapshot as error:
        close = _find_similar_name(model, name)
        listing = f"gitstore -C {shlex.quote(str(path))} list --all shows the snapshots there"
        hint = f"did you mean {spell_snapshot(close, where)}?" if close else listing
        raise NoSuchSnapshot(error.message, hint) from error


def _find_similar_name(model: Model, name: str) -> str | None:
    """Return the name of the model's snapshot that is most similar to another name."""
    prefix = model.tag_ref("")
    names = [ref.removeprefix(prefix) for ref in model.repository.refs.list_below(prefix).refs]
    return next(iter(difflib.get_close_matches(name, names, n=1)), None)


def _locate_in_repository(model: Model, where: str, name: str, *, reference: str) -> TagLocation:
    """Locate a snapshot by its name and its model's, which may be in front of the name, as in git."""
    if not where and "/" in name:
        where, _, name = name.rpartition("/")
    named = _find_model(model, where, reference)
    return _locate_tag(named, name, reference, other=named.name != model.name)


def check_url(url: str) -> None:
    """Raise `GitstoreError` for a URL that git must not get."""
    problem = url_problem(url)
    if problem is not None:
        raise GitstoreError(f"{quoted(url)} {problem}", "use an https, ssh, git or file URL")


def _is_url(where: str, directory: Path) -> bool:
    """Whether the text before the last @ is a URL. An existing directory takes precedence."""
    return bool(where and not (directory / where).is_dir() and is_url(where))


def _make_remote(url: str, *names: str) -> RemoteSnapshot:
    """Make a reference to snapshots behind a URL. Raises `GitstoreError` for a URL that git must not get."""
    check_url(url)
    for name in names:
        for step in name.split("/"):
            if name_problem(step) is not None or name.count("/") > 1:
                raise NoSuchSnapshot(
                    f"there is no snapshot {quoted(name)} in {without_credentials(url)}",
                    f"git ls-remote --tags {without_credentials(url)} lists the tags",
                )
    return RemoteSnapshot(url, names)


def _find_model(model: Model, name: str, reference: str) -> Model:
    """Return the model with this name in a model's repository; without a name, the model itself."""
    if not name or name == model.name:
        return model
    if has_derived_model(model.repository, name):
        return Model(model.repository, name, f"{name}/")
    if name == model.find_root_name():
        return Model(model.repository, name, "")
    raise NoSuchSnapshot(
        f"there is no snapshot {reference}: {name} is neither a model of this repository nor a directory",
        "gitstore list --all shows the snapshots of all its models",
    )


def _locate_tag(model: Model, name: str, reference: str, *, other: bool = False) -> TagLocation:
    ref = model.tag_ref(name)
    oid = model.repository.refs.get(ref) if name else None
    if oid is not None:
        return TagLocation(model.repository, ref, oid)
    alias = aliases.find_alias(model, name)
    if alias is not None:
        return _locate_aliased(model.repository, alias)
    close = _find_similar_name(model, name)
    hint = "gitstore list shows the snapshots"
    if other:
        hint = "gitstore list --all shows the snapshots of all models"
    if close:
        hint = f"did you mean {reference.removesuffix(name)}{close}?"
    if "@" not in reference and model.base is not None and model.repository.refs.get(f"refs/tags/{name}"):
        hint = f"did you mean {spell_snapshot(name, model.base.model)}?"
    raise NoSuchSnapshot(f"there is no snapshot {reference}", hint)


def _locate_aliased(repository: Repository, alias: Alias) -> TagLocation:
    """Locate the snapshot that has an alias, and say which one it is."""
    target = alias.move.new
    if repository.refs.get(alias.snapshot_ref) != target.tag:
        raise NoSuchSnapshot(
            f"{alias.short_name} is the alias of {target.snapshot}, which was removed",
            f"gitstore alias set {alias.name} SNAPSHOT moves it",
        )
    _log.info("%s is %s", alias.short_name, spell_tag(alias.snapshot_ref))
    return TagLocation(repository, alias.snapshot_ref, target.tag)


def _is_model_name(where: str, directory: Path) -> bool:
    """Whether the repository has a model of this name. It takes precedence over a directory."""
    try:
        model = Model.identify(directory)
    except NotAModel:
        return False
    return where in (model.name, model.find_root_name()) or has_derived_model(model.repository, where)
