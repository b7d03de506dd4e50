"""The repository that a reference model's base is in: reaching it, bringing the base here, remembering it.

It may be a directory, whose packs are linked, or a URL, from which stock git fetches. Nothing is ever
written to it. It can go: what was brought stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gitstore.derive.first_commit import check_there
from gitstore.errors import GitstoreError, NoSuchSnapshot
from gitstore.git import fetch
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.models.reference import Elsewhere
from gitstore.models.snapshot import Snapshot
from gitstore.storage import share_packs
from gitstore.storage.share_packs import ImportedBytes
from gitstore.url import url_problem, without_credentials

REMOTE = "base"
"""The remote of a reference model that leads to its base's repository."""

_SETUP = {
    "fetch": "^refs/*",  # a plain fetch would bring weights: those that branches there are based on
    "tagOpt": "--no-tags",  # snapshots there are none of this model
    "skipFetchAll": "true",
    "pushurl": "the-base-is-only-read",  # a push of this branch would be a fast-forward of the base's
}


class Reached(NamedTuple):
    """A base where it can be read, and what is recorded of its place. `is_shared` if its packs stay there."""

    base: Snapshot
    url: str
    is_shared: bool


def url_of(repository: Repository) -> str:
    """What is recorded of a repository on this machine: its root working copy, or itself if bare."""
    common = repository.common.resolve()
    path = common.parent if common.name == ".git" else common
    problem = url_problem(str(path))
    if problem is not None:
        raise GitstoreError(f"{str(path)!r} {problem}, so it cannot be recorded as the base's place")
    return str(path)


@contextmanager
def reach(
    source: Snapshot | Elsewhere, here: Repository, progress: Callable[[float], None] = lambda _: None
) -> Iterator[Reached]:
    """Have a base at hand, for as long as the block runs: no gitstore gc takes it away meanwhile.

    From a URL it is fetched, but for what `here` has; `progress` hears how much of it has come, from 0
    to 1. Raises `NoSuchSnapshot`, and `GitstoreError` for a repository that cannot be read, or lacks a
    part of its history.
    """
    if isinstance(source, Snapshot):
        with source.repository.reading():
            check_there(source)
            _check_complete(source.repository)
            yield Reached(source, url_of(source.repository), is_shared=True)
        return
    try:
        with fetch.fetch_tag(source.url, source.names, into=here, on_fraction=progress) as found:
            base = snapshot.read(found.repository, found.ref, found.oid)
            if base is None:
                where = without_credentials(source.url)
                raise NoSuchSnapshot(f"{found.ref} in {where} is a tag, but no snapshot")
            yield Reached(base, without_credentials(source.url), is_shared=False)
    except fetch.NoSuchTag as error:
        raise NoSuchSnapshot(error.message, error.hint) from error


def bring(here: Repository, reached: Reached) -> ImportedBytes:
    """Bring the base's tag, with all that it needs, into a repository.

    Nothing refers to it yet: the caller holds the repository's lock until something does. Raises
    `Corrupt` if an object is missing or damaged.
    """
    source = reached.base.repository
    brought = share_packs.import_objects(
        here, source, share_packs.list_closure(here, source, reached.base.oid)
    )
    # What was fetched is linked from where it was received, which is about to go.
    return brought if reached.is_shared else ImportedBytes(0, brought.linked + brought.copied)


def changes(here: Repository, base: Snapshot) -> list[RefChange]:
    """The refs that keep the base's tag: it tells of the base what no commit does, a signature too."""
    ref = f"refs/remotes/{REMOTE}/{base.model}/{base.name}"
    before = here.refs.get(ref)
    return [RefChange(ref, before, base.oid)] if before != base.oid else []


def remember(here: Repository, url: str) -> None:
    """Let the remote `base` lead to the base's repository: to look at, not to fetch from, nor to push to."""
    wanted = {"url": url, **_SETUP}
    for key, value in wanted.items():
        if here.config(f"remote.{REMOTE}.{key}") != value:
            here.set_config(f"remote.{REMOTE}.{key}", value)


def _check_complete(repository: Repository) -> None:
    """Raise `GitstoreError` for a repository that was cloned without some of its objects."""
    shallow = repository.common / "shallow"
    if shallow.exists() and shallow.read_bytes().strip():
        raise GitstoreError(
            f"{repository.directory} is a shallow clone: it lacks a part of the base's history",
            f"git -C {repository.directory} fetch --unshallow brings it",
        )
    if repository.config("extensions.partialClone") or any(repository.common.glob("objects/pack/*.promisor")):
        raise GitstoreError(
            f"{repository.directory} is a partial clone: it may lack some of the base's files",
            "derive from the repository that it was cloned from: URL@SNAPSHOT",
        )
