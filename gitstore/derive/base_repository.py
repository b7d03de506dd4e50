"""The repository of a reference model's base: open it, import the base from it, and record where it is.

It may be a directory, whose packs are linked, or a URL, from which stock git fetches. Nothing is ever
written to it, and it can be removed afterwards: what was imported stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gitstore.derive.first_commit import check_exists
from gitstore.errors import GitstoreError, NoSuchSnapshot
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.models.base_url import resolve_url
from gitstore.models.reference import RemoteSnapshot
from gitstore.models.snapshot import Snapshot
from gitstore.objects.walk import walk
from gitstore.storage import share_packs
from gitstore.storage.share_packs import ImportedBytes
from gitstore.transfer.elsewhere import fetch_tag
from gitstore.url import url_problem, without_credentials

REMOTE = "base"
"""The remote of a reference model that points to its base's repository."""

_SETUP = {
    "fetch": "^refs/*",  # a plain fetch would import the weights of every branch there
    "tagOpt": "--no-tags",  # the snapshots there are not this model's
    "skipFetchAll": "true",
    "pushurl": "the-base-is-only-read",  # a push of this branch would be a fast-forward of the base's
}


class OpenedBase(NamedTuple):
    """A base that can be read, and the URL or path that is recorded for its repository.

    `is_shared` says that the packs stay where they are, so that they can be linked.
    """

    base: Snapshot
    url: str
    is_shared: bool


def repository_path(repository: Repository) -> str:
    """Return what is recorded for a repository on this machine: its root working copy, or itself if bare.

    Raises `GitstoreError` if the path cannot be recorded as a URL.
    """
    common = repository.common.resolve()
    path = common.parent if common.name == ".git" else common
    problem = url_problem(str(path))
    if problem is not None:
        raise GitstoreError(f"{str(path)!r} {problem}, so it cannot be recorded as the base's repository")
    return str(path)


@contextmanager
def open_base(
    source: Snapshot | RemoteSnapshot, target: Repository, progress: Callable[[float], None] = lambda _: None
) -> Iterator[OpenedBase]:
    """Open a base for reading while the block runs. No gitstore gc removes its objects meanwhile.

    From a URL, what `target` does not have is fetched; `progress` is called with the fraction that has
    arrived, from 0 to 1. Raises `NoSuchSnapshot`, and `GitstoreError` for a repository that cannot be
    read, or that lacks a part of its history.
    """
    if isinstance(source, Snapshot):
        with source.repository.reading():
            check_exists(source)
            _complete(source)
            yield OpenedBase(source, repository_path(source.repository), is_shared=True)
        return
    try:
        with fetch_tag.fetch_tag(source.url, source.names, into=target, on_fraction=progress) as fetched:
            base = snapshot.read(fetched.repository, fetched.ref, fetched.oid)
            if base is None:
                url = without_credentials(source.url)
                raise NoSuchSnapshot(f"{fetched.ref} in {url} is a tag, but not a snapshot")
            yield OpenedBase(base, without_credentials(source.url), is_shared=False)
    except fetch_tag.NoSuchTag as error:
        raise NoSuchSnapshot(error.message, error.hint) from error


def import_base(repository: Repository, opened: OpenedBase) -> ImportedBytes:
    """Import the base's tag, and all objects that it needs, into a repository.

    No ref points to it yet: the caller must hold the repository's lock until one does. Raises `Corrupt`
    if an object is missing or damaged.
    """
    source = opened.base.repository
    imported = share_packs.import_objects(
        repository, source, share_packs.list_closure(repository, source, opened.base.tag_oid)
    )
    # Fetched packs are linked from a scratch directory that is removed next, so they count as copied.
    return imported if opened.is_shared else ImportedBytes(0, imported.linked + imported.copied)


def ref_changes(repository: Repository, base: Snapshot) -> list[RefChange]:
    """Return the changes that keep the base's tag, whose message and signature no commit has."""
    ref = f"refs/remotes/{REMOTE}/{base.model}/{base.name}"
    old = repository.refs.get(ref)
    return [RefChange(ref, old, base.tag_oid)] if old != base.tag_oid else []


def set_remote(repository: Repository, url: str, *, is_new: bool = False) -> None:
    """Point the remote `base` to the base's repository. Nothing can be fetched from it, or pushed to it.

    `is_new` says that nobody else uses the repository yet.
    """
    address = without_credentials(resolve_url(repository, url))
    values = {f"remote.{REMOTE}.{key}": value for key, value in {"url": address, **_SETUP}.items()}
    missing = {key: value for key, value in values.items() if repository.config(key) != value}
    if is_new:
        repository.configure_new(missing)
        return
    for key, value in missing.items():
        repository.set_config(key, value)


def _complete(base: Snapshot) -> None:
    """Fetch what a partial clone lacks of a base. Raises `GitstoreError` for a shallow clone."""
    repository = base.repository
    shallow = repository.common / "shallow"
    if shallow.exists() and shallow.read_bytes().strip():
        raise GitstoreError(
            f"{repository.directory} is a shallow clone: it lacks a part of the base's history",
            f"git -C {repository.directory} fetch --unshallow fetches it",
        )
    objects = repository.objects
    if objects.is_partial:
        objects.provide(walk(objects, [base.tag_oid], lambda _: True))
