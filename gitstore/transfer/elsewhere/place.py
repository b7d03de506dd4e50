"""What REMOTE:SNAPSHOT and URL@SNAPSHOT mean: a remote, and the tag of a snapshot there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import GitstoreError, NoSuchSnapshot, NotAModel
from gitstore.git.repository import Repository
from gitstore.models import reference as references
from gitstore.models.alias import PREFIX
from gitstore.models.model import Model
from gitstore.names import spell_tag
from gitstore.packs.oid import Oid
from gitstore.transfer.remotes import Remote, find_remote, is_remote
from gitstore.url import is_url

_TAGS = "refs/tags/"


class RemotePlace(NamedTuple):
    """A remote, and the name of a snapshot there; the name is empty if the remote itself is meant.

    `repository` is the one that the person is in, if they are in one: its configuration counts.
    """

    remote: Remote
    name: str
    repository: Repository | None

    def find_ref(self, theirs: Mapping[str, Oid]) -> str:
        """Return the tag of the snapshot, or the alias, among the refs there. Raises `NoSuchSnapshot`.

        A bare name is of the model that the person is in, if there is such a snapshot.
        """
        prefix = _find_prefix(self.repository)
        names = [f"{prefix}{self.name}", self.name.replace("@", "/")]
        refs = [ref for space in (_TAGS, PREFIX) for name in names if (ref := f"{space}{name}") in theirs]
        if refs:
            return refs[0]
        known = [spell_tag(ref) for ref in theirs if ref.startswith(_TAGS)]
        close = difflib.get_close_matches(self.name, known, n=1)
        raise NoSuchSnapshot(
            f"there is no snapshot {self.name} in {self.remote}",
            f"did you mean {close[0]}?" if close else f"git ls-remote --tags {self.remote} lists the tags",
        )


def find_snapshot_place(reference: str, directory: Path) -> RemotePlace | None:
    """Return the place of REMOTE:SNAPSHOT or URL@SNAPSHOT; `None` for a reference to this machine.

    A remote takes precedence over a host of that name. Raises `GitstoreError` for a URL that git must not
    get.
    """
    place = _find_named(reference, directory)
    if place is not None:
        return place if place.name else None
    source = references.resolve_url(reference, directory)
    if source is None:
        return None
    url = Remote.of_url(source.url)
    return RemotePlace(url, source.names[0], _find_repository(directory))


def find_remote_place(text: str, directory: Path) -> RemotePlace | None:
    """Return the place of `REMOTE:`, or of a URL; `None` for anything else."""
    place = _find_named(text, directory)
    if place is not None:
        return None if place.name else place
    if not is_url(text) or (directory / text).is_dir():
        return None
    repository = _find_repository(directory)
    references.check_url(text)
    return RemotePlace(Remote.of_url(text), "", repository)


def _find_named(text: str, directory: Path) -> RemotePlace | None:
    """Return the place of `REMOTE:` or `REMOTE:SNAPSHOT` for a remote of git's configuration."""
    name, colon, rest = text.partition(":")
    repository = _find_repository(directory) if colon and name else None
    if repository is None or rest.startswith("//") or not is_remote(repository, name):
        return None
    return RemotePlace(find_remote(repository, name, directory=directory), rest, repository)


def _find_repository(directory: Path) -> Repository | None:
    try:
        return Repository.discover(directory)
    except NotAModel:
        return None


def _find_prefix(repository: Repository | None) -> str:
    try:
        return Model.identify(repository.directory).prefix if repository is not None else ""
    except GitstoreError:
        return ""
