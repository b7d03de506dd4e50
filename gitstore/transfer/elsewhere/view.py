"""A temporary repository with what reading some snapshots of a remote needs: tags, code, settings, records.

Stock git fetches, and leaves out large files where the server can do that: they are fetched when something
reads them. What a repository on this machine has is not fetched. The end of the block removes everything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitstore.disk import directories
from gitstore.errors import GitstoreError, NoSuchSnapshot
from gitstore.git import config as git_config
from gitstore.git import process as git
from gitstore.git.config import ONE_PACK
from gitstore.git.repository import Repository
from gitstore.models import alias
from gitstore.models import snapshot as snapshots
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid
from gitstore.records import combine
from gitstore.transfer import wire
from gitstore.transfer.clone import NO_FILTER, SMALL, make_whole
from gitstore.transfer.elsewhere.place import RemotePlace
from gitstore.transfer.remotes import Remote, list_refs, read_address
from gitstore.url import without_credentials

_log = logging.getLogger(__name__)

Choose = Callable[[Mapping[str, Oid]], Sequence[str]]
"""Chooses the refs to fetch from those of a remote."""

_ORIGIN = "origin"
_SECTIONS = ("core.sshcommand", "credential.", "http.", "protocol.", "ssh.")
"""What a repository's own configuration says about reaching others."""


@contextmanager
def open_snapshot(place: RemotePlace, scratch: Path) -> Iterator[Snapshot]:
    """Open a snapshot of a remote for reading while the block runs.

    The temporary repository is in `scratch`. Raises `NoSuchSnapshot`, and `GitstoreError` if the remote
    cannot be read.
    """
    chosen: list[str] = []

    def choose(theirs: Mapping[str, Oid]) -> list[str]:
        chosen.append(place.find_ref(theirs))
        spaces = ("refs/tags/",) if chosen[0].startswith(alias.PREFIX) else ()
        return [*chosen, *(ref for ref in theirs if ref in combine.NOTES or ref.startswith(spaces))]

    with open_view(place, choose, scratch) as repository:
        yield _read_snapshot(repository, chosen[0], place.remote)


def _read_snapshot(repository: Repository, ref: str, remote: Remote) -> Snapshot:
    """Return the snapshot of a tag or an alias."""
    oid = repository.refs.get(ref)
    if oid is not None and ref.startswith(alias.PREFIX):
        ref = alias.read_alias(repository, ref, oid).snapshot_ref
        oid = repository.refs.get(ref)
    snapshot = snapshots.read(repository, ref, oid) if oid is not None else None
    if snapshot is None:
        raise NoSuchSnapshot(f"{ref} is no snapshot in {remote}", f"gitstore list {remote}: lists those")
    return snapshot


@contextmanager
def open_view(
    place: RemotePlace, choose: Choose, scratch: Path, *, borrowing: bool = True
) -> Iterator[Repository]:
    """Open a repository that has the chosen refs of a remote while the block runs.

    A repository on this machine is opened itself. With `borrowing`, objects that are here are not fetched.
    """
    near = _find_local(place)
    if near is not None:
        choose(dict(near.refs.all()))
        yield near
        return
    with directories.scratch(scratch, "remote") as directory:
        repository = _create(place, directory, borrowing=borrowing)
        remote = Remote(place.remote.name, _ORIGIN, place.remote.url)
        refs = choose(list_refs(repository, remote).refs)
        _fetch(repository, place.remote, refs)
        yield Repository(directory)


def _find_local(place: RemotePlace) -> Repository | None:
    """Return the repository of a remote that is a directory on this machine."""
    if place.repository is None:
        return None  # only a URL can be named there
    path = place.repository.directory / place.remote.url
    return Repository.discover(path) if path.is_dir() else None


def _create(place: RemotePlace, directory: Path, *, borrowing: bool) -> Repository:
    git.run("init", "--quiet", "--bare", *git.FORMAT, "--template=", str(directory), cwd=directory)
    origin = place.repository
    address = read_address(origin, place.remote) if origin is not None else place.remote.address
    settings = [
        (f"remote.{_ORIGIN}.url", address),
        (f"remote.{_ORIGIN}.promisor", "true"),
        (f"remote.{_ORIGIN}.partialCloneFilter", f"blob:limit={SMALL}"),
        *(_list_own_settings(origin) if origin is not None else ()),
    ]
    git_config.append(directory / "config", settings)
    if origin is not None and borrowing:
        (directory / "objects" / "info").mkdir(exist_ok=True)
        alternates = directory / "objects" / "info" / "alternates"
        alternates.write_bytes(b"%s\n" % bytes(origin.common / "objects"))
    return Repository(directory)


def _list_own_settings(repository: Repository) -> Iterator[tuple[str, str]]:
    """Yield what the repository's own configuration says about reaching others, in the order of its lines."""
    for key in repository.git_config.sections(*{section.partition(".")[0] for section in _SECTIONS}):
        if key.startswith(_SECTIONS):
            for value in repository.git_config.values(key):
                if value.scope in ("local", "worktree"):
                    yield key, value.text if value.text is not None else "true"


def _fetch(repository: Repository, remote: Remote, refs: Sequence[str]) -> None:
    """Let git fetch refs, without large files if the server can leave them out."""
    options = (
        "--no-tags",
        "--no-write-fetch-head",
        "--recurse-submodules=no",
        f"--filter=blob:limit={SMALL}",
    )
    command = ("-c", "fetch.fsckObjects=true", "fetch", "--progress", *options, "--stdin", _ORIGIN)
    arguments = [*ONE_PACK, *repository.without_hooks, *command]
    fetched = git.watch(
        *arguments,
        cwd=repository.directory,
        on_progress=lambda _: None,
        variables=repository.variables,
        stdin="".join(f"{ref}:{ref}\n" for ref in refs).encode(),
    )
    if fetched.returncode:
        raise wire.explain(fetched, arguments, remote=remote)
    objects = repository.objects
    if NO_FILTER in fetched.stderr or (objects.own_packs and not objects.is_partial):
        _log.info("%s cannot leave out large files; everything was fetched", without_credentials(remote.url))
        make_whole(repository)
    missing = [ref for ref in refs if repository.refs.get(ref) is None]
    if missing:
        raise GitstoreError(f"{remote}: git fetched {missing[0]}, but it does not exist")
