"""Fetching one tag from a URL, by stock git, into a temporary repository.

Only git talks to the other side, with the user's credential helpers, ssh and protocol settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gitstore.disk import directories
from gitstore.disk.permissions import make_directory
from gitstore.errors import GitstoreError
from gitstore.git import process as git
from gitstore.git.config import ONE_PACK
from gitstore.git.process import GitFailed
from gitstore.git.repository import Repository
from gitstore.objects.received import flushing
from gitstore.packs.oid import Oid
from gitstore.transfer.wire import report_fraction
from gitstore.url import remove_password, without_credentials

_MISSING = "couldn't find remote ref"

OnFraction = Callable[[float], None]
"""Called with the fraction of a fetch that has arrived, from 0 to 1."""


class NoSuchTag(GitstoreError):
    """The other repository has no tag of that name."""


class Fetched(NamedTuple):
    """A fetched tag: the temporary repository that holds it, its ref, and the id that the ref points to."""

    repository: Repository
    ref: str
    oid: Oid


@contextmanager
def fetch_tag(
    url: str, names: Sequence[str], *, into: Repository, on_fraction: OnFraction = lambda _: None
) -> Iterator[Fetched]:
    """Fetch the first tag of some names that exists, with all objects that it needs and `into` lacks.

    They are in a temporary repository beside `into`, on the same file system, which the end of the block
    removes. Raises `NoSuchTag`, or `GitstoreError` with git's message if the other side cannot be read.
    """
    make_directory(into.private)
    with directories.hidden(into.private, "fetch") as directory:
        git.run("init", "--quiet", "--bare", *git.FORMAT, "--template=", str(directory), cwd=into.private)
        (directory / "objects" / "info").mkdir(exist_ok=True)
        alternates = directory / "objects" / "info" / "alternates"
        alternates.write_bytes(b"%s\n" % bytes(into.common / "objects"))
        ref = _fetch_first(url, names, directory=directory, on_fraction=on_fraction)
        repository = Repository(directory)
        oid = repository.refs.get(ref)
        if oid is None:
            raise GitstoreError(f"{without_credentials(url)}: git fetched {ref}, but it does not exist")
        yield Fetched(repository, ref, oid)


def _fetch_first(url: str, names: Sequence[str], *, directory: Path, on_fraction: OnFraction) -> str:
    for name in names:
        ref = f"refs/tags/{name}"
        if _fetch_ref(url, ref, directory=directory, on_fraction=on_fraction):
            return ref
    raise NoSuchTag(
        f"there is no snapshot {names[0]} in {without_credentials(url)}",
        f"git ls-remote --tags {without_credentials(url)} lists the tags",
    )


def _fetch_ref(url: str, ref: str, *, directory: Path, on_fraction: OnFraction) -> bool:
    """Fetch a ref into the repository `directory`. Return whether the other side has it."""
    try:
        options = ("--no-tags", "--no-write-fetch-head", "--progress")
        arguments = (*ONE_PACK, "fetch", *options, "--", url, f"{ref}:{ref}")
        variables = {"GIT_DIR": str(directory)}
        report = flushing(directory / "objects", report_fraction(on_fraction))
        fetched = git.watch(*arguments, cwd=directory, on_progress=report, variables=variables)
        git.check(fetched, arguments, cwd=directory)
    except GitFailed as error:
        if _MISSING in error.stderr:
            return False
        reason = remove_password(error.message.removeprefix("git fetch: "), url)
        raise GitstoreError(f"{without_credentials(url)} cannot be read: {reason}") from error
    return True
