"""Fetching one tag of a repository behind a URL, by stock git, into a repository that goes again.

git alone talks to the other side, with the user's credential helpers, ssh and protocol settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from gitstore.disk import directories
from gitstore.disk.permissions import make_directory
from gitstore.errors import GitstoreError
from gitstore.git import process as git
from gitstore.git.process import GitFailed
from gitstore.git.repository import BIG_FILE_THRESHOLD, Repository
from gitstore.packs.oid import Oid

_ONE_PACK = (
    "-c", "transfer.unpackLimit=1", "-c", "fetch.unpackLimit=1",
    "-c", "gc.auto=0", "-c", "maintenance.auto=false",
    "-c", f"core.bigFileThreshold={BIG_FILE_THRESHOLD}",
)  # fmt: skip
"""However few objects come, they come as one pack, and parts are not held in memory."""

_RECEIVED = re.compile(r"Receiving objects: +(\d+)%")
_MISSING = "couldn't find remote ref"


class NoSuchTag(GitstoreError):
    """The other repository has no tag of that name."""


class Fetched(NamedTuple):
    """A tag that was fetched: the repository that holds it for now, its ref, and what that points to."""

    repository: Repository
    ref: str
    oid: Oid


@contextmanager
def fetched(
    url: str,
    names: Sequence[str],
    here: Repository,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[Fetched]:
    """Fetch the first of some tags that is there, with all that it needs and `here` lacks.

    It lies beside the repository `here`, on the same file system, and is gone with the block.
    `progress` hears how much has come, from 0 to 1. Raises `NoSuchTag`, or `GitstoreError` with what
    git says if the other side cannot be read.
    """
    make_directory(here.private)
    with directories.hidden(here.private, "fetch") as room:
        git.run("init", "--quiet", "--bare", *git.FORMAT, "--template=", str(room), cwd=here.private)
        (room / "objects" / "info").mkdir(exist_ok=True)
        (room / "objects" / "info" / "alternates").write_bytes(b"%s\n" % bytes(here.common / "objects"))
        ref = _fetch_first(url, names, room, progress)
        repository = Repository(room)
        oid = repository.refs.get(ref)
        if oid is None:
            raise GitstoreError(f"{shown(url)}: git fetched {ref}, but it is not there")
        yield Fetched(repository, ref, oid)


def shown(url: str) -> str:
    """A URL as it may be shown and recorded: without a password, and for HTTP without a user.

    What stands there for a user is often a token.
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if parts.scheme in ("http", "https"):
        user = ""
    user = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}" if user else host))


def _fetch_first(url: str, names: Sequence[str], room: Path, progress: Callable[[float], None]) -> str:
    for name in names:
        ref = f"refs/tags/{name}"
        if _fetch(url, ref, room, progress):
            return ref
    raise NoSuchTag(
        f"there is no snapshot {names[0]} in {shown(url)}",
        f"git ls-remote --tags {shown(url)} shows what there is",
    )


def _fetch(url: str, ref: str, room: Path, progress: Callable[[float], None]) -> bool:
    """Fetch a tag into a repository; False if there is none."""

    def hear(line: str) -> None:
        received = _RECEIVED.search(line)
        if received is not None:
            progress(int(received[1]) / 100)

    try:
        git.watch(
            *_ONE_PACK, "fetch", "--no-tags", "--no-write-fetch-head", "--progress",
            "--", url, f"{ref}:{ref}", cwd=room, on_progress=hear,
            variables={"GIT_DIR": str(room)},
        )  # fmt: skip
    except GitFailed as error:
        if _MISSING in error.stderr:
            return False
        said = error.message.removeprefix("git fetch: ")
        raise GitstoreError(f"{shown(url)} cannot be read: {_without_password(said, url)}") from error
    return True


def _without_password(said: str, url: str) -> str:
    """What git says, which repeats the URL in some cases, as it may be shown."""
    password = urlsplit(url).password if "://" in url else None
    return said.replace(f":{password}", "") if password else said
