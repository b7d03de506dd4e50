"""Other repositories: finding the one that is meant, and listing its refs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from gitstore.disk.cores import long_turns
from gitstore.errors import GitstoreError
from gitstore.git import process as git
from gitstore.git.config import GitConfig
from gitstore.git.process import GitFailed
from gitstore.git.repository import Repository
from gitstore.git.transport.sharing import sharing
from gitstore.packs.oid import Oid
from gitstore.url import is_url, remove_password, url_problem, without_credentials

DEFAULT = "origin"
_TELLING = ("fatal: ", "error: ", "ssh: ", "remote: ")
"""How the lines of a failed git begin that say why."""

_PUSH_INSTEAD_OF = ".pushinsteadof"

_BASE = "base"  # of a reference model; nothing is pushed to it, see derive/base_repository.py


@dataclass(frozen=True)
class Remote:
    """Another repository. `name` is that of a remote in git's configuration, if it is one.

    `address` is what git is given to reach it, `url` what may be shown. A git that connects to it gets
    `variables`, see `connected`.
    """

    name: str | None
    address: str
    url: str
    variables: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name or self.url

    @property
    def apart(self) -> Remote:
        """The same remote, reached over a connection of its own."""
        return replace(self, variables={})

    @classmethod
    def of_url(cls, url: str) -> Remote:
        """Make a remote that has no name."""
        return cls(None, url, without_credentials(url))


@dataclass(frozen=True)
class RemoteRefs:
    """The refs of another repository, without peeled tags and HEAD."""

    refs: dict[str, Oid]


class Conflicting(GitstoreError):
    """Refs have other values on the other side than here. Nothing is forced."""

    kind = "conflict"


def find_remote(
    repository: Repository, name: str | None, *, directory: Path, to_push: bool = False
) -> Remote:
    """Return the remote of this name, URL or path; without one, the remote that git would choose.

    A path is relative to `directory`. Raises `GitstoreError` if there is none.
    """
    if name is None:
        return _make_named(repository, _find_default(repository, to_push=to_push), to_push=to_push)
    if is_remote(repository, name):
        return _make_named(repository, name, to_push=to_push)
    problem = url_problem(name)
    if problem is not None:
        raise GitstoreError(f"{name!r} {problem}")
    path = directory / name
    if path.is_dir():
        return Remote(None, str(path.absolute()), str(path.absolute()))
    if is_url(name):
        return Remote.of_url(name)
    raise GitstoreError(
        f"there is no remote {name}, and no directory of that name", "git remote -v lists the remotes"
    )


@contextmanager
def connected(remote: Remote, read_config: Callable[[], GitConfig]) -> Iterator[Remote]:
    """Give a remote that is reached over one connection in the block, if that is possible, see `sharing`."""
    with sharing(remote.url, read_config) as variables:
        yield replace(remote, variables=variables)


def connect(remote: Remote, directory: Path) -> None:
    """Open the connection that is to be shared, for the repository in a `.git` directory.

    That it fails is no error: what uses it next says so.
    """
    variables = {**remote.variables, "GIT_DIR": str(directory)}
    with long_turns():
        git.attempt("ls-remote", "--", remote.address, "HEAD", cwd=directory, variables=variables)


def is_remote(repository: Repository, name: str) -> bool:
    """Whether git's configuration has a remote of this name."""
    return f"remote.{name}.url" in repository.git_config.sections("remote")


def read_address(repository: Repository, remote: Remote) -> str:
    """Return the URL or path with which git reaches a remote from anywhere, with credentials."""
    if remote.name is None or remote.address != remote.name:
        return remote.address
    return _read_url(repository, remote.name)


def read_push_url(repository: Repository, remote: Remote) -> str:
    """Return the URL or path that a push to a remote goes to, rewritten as git does: git-config(1), url.*."""
    address, config = read_address(repository, remote), repository.git_config
    if remote.name is not None or not config.sections("url"):
        return address
    keys = [key for key in config.sections("url") if key.endswith(_PUSH_INSTEAD_OF)]
    bases = {value.text: key for key in keys for value in config.values(key) if value.text is not None}
    prefix = max((text for text in bases if address.startswith(text)), key=len, default=None)
    if prefix is not None:
        base = bases[prefix].removeprefix("url.").removesuffix(_PUSH_INSTEAD_OF)
        return base + address.removeprefix(prefix)
    url = repository.git("ls-remote", "--get-url", "--", address)
    return url.decode(errors="surrogateescape").rstrip("\n")


def _read_url(repository: Repository, name: str, *, to_push: bool = False) -> str:
    """Return the URL that git uses. `git remote get-url` is asked only where that is not plain.

    git-config(1): remote.<name>.pushurl, url.<base>.insteadOf and pushInsteadOf.
    """
    config = repository.git_config
    pushed = config.values(f"remote.{name}.pushurl") if to_push else []
    values = pushed or config.values(f"remote.{name}.url")
    if len(values) == 1 and values[0].text and not config.sections("url"):
        return values[0].text
    options = ("--push",) if to_push else ()
    url = repository.git("remote", "get-url", *options, "--", name)
    return url.decode(errors="surrogateescape").rstrip("\n")


def list_refs(repository: Repository, remote: Remote) -> RemoteRefs:
    """Ask another repository for its refs. Raises `GitstoreError` with git's message if that fails."""
    try:
        with long_turns():  # the connection may stay for what follows
            listing = repository.git("ls-remote", "--refs", "--", remote.address, variables=remote.variables)
    except GitFailed as error:
        raise explain_failure(error, remote) from error
    lines = listing.decode(errors="surrogateescape").split("\n")[:-1]  # "<id>\t<ref>"
    oids = Oid.parse_all([line[:40] for line in lines])
    return RemoteRefs(dict(zip([line[41:] for line in lines], oids, strict=True)))


def explain_failure(error: GitFailed, remote: Remote) -> GitstoreError:
    """Make the error for a git that could not reach another repository."""
    lines = [line.removeprefix("fatal: ") for line in error.stderr.splitlines() if line.startswith(_TELLING)]
    reason = remove_password("; ".join(lines) or error.message, remote.address)
    return GitstoreError(f"{remote} cannot be reached: {reason}")


def _make_named(repository: Repository, name: str, *, to_push: bool) -> Remote:
    """Make a remote of the configuration. `to_push` takes the URL for pushing, if there is one."""
    fetch_url = _read_url(repository, name)
    push_url = _read_url(repository, name, to_push=True) if to_push else fetch_url
    if push_url != fetch_url:
        return Remote(name, push_url, without_credentials(push_url))
    return Remote(name, name, without_credentials(fetch_url))


def _find_default(repository: Repository, *, to_push: bool) -> str:
    """Return the remote that git chooses: git-config(1), branch.<name>.pushRemote and others."""
    branch = f"branch.{repository.head()}"
    keys = [f"{branch}.pushRemote", "remote.pushDefault"] if to_push else []
    configured = (repository.config(key) for key in [*keys, f"{branch}.remote"])
    chosen = next((name for name in configured if name and name != "."), None)
    if chosen is not None:
        return chosen
    names = list_names(repository)
    if DEFAULT in names:
        return DEFAULT
    if len(names) == 1:
        return names[0]
    raise GitstoreError(
        "there is no remote to use" if not names else f"there are several remotes: {', '.join(names)}",
        f"git remote add {DEFAULT} URL adds one" if not names else "name one of them",
    )


def list_names(repository: Repository) -> Sequence[str]:
    """Return the names of the remotes that may be pushed to."""
    keys = (key for key in repository.git_config.sections("remote") if key.endswith(".url"))
    names = (key.removeprefix("remote.").removesuffix(".url") for key in keys)
    return [name for name in names if name != _BASE]
