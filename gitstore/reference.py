"""From what people write to the snapshot they mean: SNAPSHOT, MODEL@SNAPSHOT, PATH@SNAPSHOT."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import NamedTuple

from gitstore import snapshot
from gitstore.errors import GitstoreError, NotAModel
from gitstore.model import Model, is_derived
from gitstore.objects.oid import Oid
from gitstore.objects.repository import Repository
from gitstore.snapshot import Snapshot

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:|[\w.-]{2,}:")


class NoSuchSnapshot(GitstoreError):
    """No snapshot is called so."""


class Place(NamedTuple):
    """Where a reference leads: the tag's ref in a repository, and the tag."""

    repository: Repository
    ref: str
    oid: Oid


def resolve(reference: str, directory: Path) -> Snapshot:
    """The snapshot that `reference` means to a person in `directory`.

    A bare name is of the directory's own model; `MODEL/SNAPSHOT` is accepted too, because git lists
    a derived model's tags so. Raises `NoSuchSnapshot`, with the nearest name there is, or `NotAModel`.
    """
    place = locate(reference, directory)
    found = snapshot.read(place.repository, place.ref, place.oid)
    if found is None:
        raise NoSuchSnapshot(f"{place.ref} is a tag, but no snapshot", "gitstore list shows the snapshots")
    return found


def locate(reference: str, directory: Path) -> Place:
    """Like `resolve`, without reading the tag: it may be broken, or no snapshot at all."""
    where, _, name = reference.rpartition("@")
    elsewhere = (directory / where).is_dir() if where else False
    if not elsewhere and _URL.match(where):
        raise GitstoreError(
            f"{reference}: snapshots are read from a local repository", f"git clone {where} first"
        )
    if elsewhere and not _is_model_name(where, directory):
        return _in_model(Model.open(directory / where), name, reference)
    model = Model.open(directory)
    if not where and "/" in name:
        where, _, name = name.rpartition("/")
    return _in_model(_called(model, where, reference), name, reference)


def _called(model: Model, name: str, reference: str) -> Model:
    """The model of this name in a model's repository, or the model itself for no name."""
    if not name or name == model.name:
        return model
    if is_derived(model.repository, name):
        return Model(model.repository, name, f"{name}/")
    if name == model.root_name():
        return Model(model.repository, name, "")
    raise NoSuchSnapshot(
        f"there is no snapshot {reference}: {name} is neither a model of this repository nor a directory",
        "gitstore list --all shows the snapshots of all its models",
    )


def _in_model(model: Model, name: str, reference: str) -> Place:
    ref = model.tag_ref(name)
    oid = model.repository.refs.get(ref) if name else None
    if oid is not None:
        return Place(model.repository, ref, oid)
    prefix = model.tag_ref("")
    names = [other.removeprefix(prefix) for other, _ in model.repository.refs.below(prefix)]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else "gitstore list shows the snapshots"
    if "@" not in reference and model.base is not None and model.repository.refs.get(f"refs/tags/{name}"):
        hint = f"{model.base.model} has one: {model.base.model}@{name}"
    raise NoSuchSnapshot(f"there is no snapshot {reference}", hint)


def _is_model_name(where: str, directory: Path) -> bool:
    """Whether the directory's repository has such a model, which goes before a directory of that name."""
    try:
        model = Model.open(directory)
    except NotAModel:
        return False
    return where in (model.name, model.root_name()) or is_derived(model.repository, where)
