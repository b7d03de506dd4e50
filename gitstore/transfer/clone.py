"""Cloning a model: its code, settings and snapshots now, the weights when they are first needed.

Stock git clones. From a URL whose server allows it, that is a partial clone without large files
(gitprotocol-v2(5), `filter`). A clone with all weights is whole, and does not depend on the server any more.
It begins as a partial one where weights come faster over several connections. A directory on the same file
system is cloned whole, with linked packs. The new repository is built out of sight, and appears whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Self

from gitstore.disk.construction import check_free, construction
from gitstore.errors import GitstoreError, NotAModel
from gitstore.git import process as git
from gitstore.git.config import BIG_FILE_THRESHOLD, LIST, ONE_PACK, GitConfig
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.git.transport import connections
from gitstore.models import active_state, shape, snapshot
from gitstore.models.model import SETTINGS, Model
from gitstore.models.snapshot import Snapshot
from gitstore.names import name_problem
from gitstore.objects.received import flushing, own_packs
from gitstore.packs.oid import Oid
from gitstore.states.save import save_tree
from gitstore.transfer import seen, wire
from gitstore.transfer.aliases import receive_aliases
from gitstore.transfer.provide import Weights, list_roots, provide
from gitstore.transfer.records import receive_records
from gitstore.transfer.remotes import Remote, connect, connected, list_refs
from gitstore.url import is_url, url_problem, without_credentials

SMALL = 65536
"""Files up to this size come with a partial clone: settings, code, the configuration of weights."""

_ORIGIN = "origin"
_SPARSE = f"/*\n!/{shape.STATE}/\n"
"""gitignore patterns with which a checkout of a snapshot leaves out the weights, git-sparse-checkout(1)."""
NO_FILTER = "filtering not recognized by server"
_KEYS = ("extensions.partialClone", f"remote.{_ORIGIN}.promisor", f"remote.{_ORIGIN}.partialCloneFilter")


@dataclass(frozen=True)
class Cloned:
    """A new clone. `is_partial` says that weights are fetched when they are needed."""

    model: Model
    remote: Remote
    snapshots: int
    active_state: str
    is_partial: bool


def clone(
    url: str,
    target: Path,
    *,
    weights: Weights = Weights.NONE,
    directory: Path,
    progress: Callable[[float], None] = lambda _: None,
) -> Cloned:
    """Clone the model at a URL, or at a path relative to `directory`, into a new directory `target`.

    It appears whole and durable, or not at all. With all `weights`, it is no partial clone. `progress` is
    called with the fraction that has arrived, from 0 to 1. The active state is that of the newest snapshot.
    Raises `NotAModel`, and `GitstoreError` if the other side cannot be read or `target` exists.
    """
    target = target.absolute()
    check_free(target, "choose another directory")
    source = find_source(url, directory)
    with construction(target) as hidden:
        _fill(hidden, source, weights=weights, progress=progress)
    model = Model.open(target)
    snapshots = sum(1 for _ in model.repository.refs.below("refs/tags/"))
    origin = replace(source, address=_ORIGIN)
    return Cloned(model, origin, snapshots, model.active_state, model.repository.objects.is_partial)


def _fill(hidden: Path, source: Remote, *, weights: Weights, progress: Callable[[float], None]) -> None:
    """Clone into a directory that nobody else sees."""
    read_config = cache(lambda: GitConfig(git.run(*LIST, cwd=hidden.parent)))
    origin = replace(source, address=_ORIGIN)
    with connected(origin, read_config) as remote, _Ahead(hidden, remote) as ahead:
        if weights is not Weights.ALL or connections.read_count(read_config(), source.url) > 1:
            first = replace(source, variables=remote.variables)
            repository = _run_clone(first, hidden, filtering=True, progress=progress)
        else:
            # The shared connection is a session of its own, with which the others have to share the cores:
            # all weights come faster over another one.
            repository = _run_clone(source, hidden, filtering=False, progress=ahead.connect_and(progress))
        if weights is Weights.ALL and repository.objects.is_partial:
            _complete(repository)
        _check_out(repository, source)
        model = Model.open(hidden)
        ahead.wait()
        _receive_rest(model, remote)
        if repository.objects.is_partial:
            provide(repository, list_roots(model, weights))


class _Ahead:
    """Opens the connection that is to be shared while git receives over one of its own.

    Not before that one is open: a person may have to type a password, for one of them at a time.
    """

    def __init__(self, hidden: Path, remote: Remote) -> None:
        self._directory, self._remote = hidden / ".git", remote
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="gitstore-ahead")
        self._connecting: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def connect_and(self, progress: Callable[[float], None]) -> Callable[[float], None]:
        """Return a `progress` that connects with its first call."""

        def report(fraction: float) -> None:
            if self._connecting is None and self._remote.variables:
                self._connecting = self._pool.submit(connect, self._remote, self._directory)
            progress(fraction)

        return report

    def wait(self) -> None:
        """Wait until it is open, or has failed."""
        wait([self._connecting] if self._connecting is not None else [])


def _receive_rest(model: Model, remote: Remote) -> None:
    """Fetch what git clone leaves out: the state that becomes the active one, aliases and records."""
    theirs = list_refs(model.repository, remote).refs
    newest = _find_newest(model)
    if newest is not None:
        _activate_state(model, remote, newest, theirs=theirs)
    receive_aliases(model.repository, remote, theirs)
    receive_records(model.repository, remote, theirs)


def find_source(url: str, directory: Path) -> Remote:
    """Return the place to clone from. Raises `GitstoreError` if there is no such directory."""
    problem = url_problem(url)
    if problem is not None:
        raise GitstoreError(f"{url!r} {problem}")
    path = directory / url
    if path.is_dir():
        return Remote(_ORIGIN, str(path.resolve()), str(path.resolve()))
    if not is_url(url):
        raise GitstoreError(f"{path.absolute()} does not exist", "gitstore clone takes a URL or a directory")
    return Remote(_ORIGIN, url, without_credentials(url))


def name_directory(url: str) -> str:
    """Return the name of the directory for a clone of a URL, as git chooses it. Raises `GitstoreError`."""
    path = url.rstrip("/").removesuffix("/.git").rstrip("/").removesuffix(".git")
    name = re.split(r"[/:]", path)[-1]
    if not name or name in (".", ".."):
        raise GitstoreError(f"{without_credentials(url)} has no name for a directory", "name the directory")
    return name


def _run_clone(
    remote: Remote, hidden: Path, *, filtering: bool, progress: Callable[[float], None]
) -> Repository:
    """Let git clone into a new directory, without checking anything out; if `filtering`, without weights."""
    options = ["--progress", "--no-checkout", f"--origin={_ORIGIN}"]
    options += [f"--filter=blob:limit={SMALL}"] if filtering else []
    options += ["--config", f"core.bigFileThreshold={BIG_FILE_THRESHOLD}"]
    command = ("-c", "fetch.fsckObjects=true", "clone", *options, "--", remote.address, str(hidden))
    arguments = [*ONE_PACK, *command]

    report = flushing(hidden / ".git" / "objects", wire.report_fraction(progress))
    completed = git.watch(*arguments, cwd=hidden.parent, on_progress=report, variables=remote.variables)
    if completed.returncode:
        raise wire.explain(completed, arguments, remote=remote)
    repository = Repository.discover(hidden)
    if NO_FILTER in completed.stderr or not repository.objects.is_partial:  # plain HTTP says nothing
        make_whole(repository)
    own_packs(repository.common / "objects")
    return repository


def _complete(repository: Repository) -> None:
    """Fetch all that a partial clone lacks, and let it be a whole one."""
    listing = repository.git("rev-list", "--objects", "--all", "--missing=print", "--no-object-names")
    missing = (Oid.parse(line[1:]) for line in listing.split() if line.startswith(b"?"))
    repository.objects.provide(missing)
    make_whole(repository)
    own_packs(repository.common / "objects")


def make_whole(repository: Repository) -> None:
    """Let a repository that git takes for a partial clone be a whole one: the server has sent everything."""
    for key in _KEYS:
        if repository.config(key) is not None:
            repository.local_config.unset(key)
    repository.forget_config()
    for path in (repository.common / "objects" / "pack").glob("*.promisor"):
        path.unlink()


def _check_out(repository: Repository, remote: Remote) -> None:
    """Check out the branch of HEAD, and arrange that a checkout of a snapshot fetches no weights."""
    if repository.objects.is_partial:
        repository.set_config("core.sparseCheckout", "true")
        (repository.common / "info").mkdir(exist_ok=True)
        (repository.common / "info" / "sparse-checkout").write_text(_SPARSE)
    if repository.refs.get("HEAD") is None:
        _choose_branch(repository, remote)
    repository.git("reset", "--quiet", "--hard")
    if not (repository.directory / SETTINGS).is_file():
        raise NotAModel(
            f"{remote.url} is a git repository, but not a model: it has no {SETTINGS}",
            f"git clone {remote.url} clones it; gitstore init turns the clone into a model",
        )


def _choose_branch(repository: Repository, remote: Remote) -> None:
    """Follow the only branch of a remote whose HEAD leads nowhere: its default branch had another name."""
    tracked = f"refs/remotes/{_ORIGIN}/"
    branches = [ref.removeprefix(tracked) for ref, _ in repository.refs.below(tracked)]
    if len(branches) != 1:
        raise NotAModel(
            f"{remote.url} has no branch to check out", f"git clone {remote.url} clones what is there"
        )
    repository.git("checkout", "--quiet", "-B", branches[0], "--track", f"{_ORIGIN}/{branches[0]}")


def _find_newest(model: Model) -> Snapshot | None:
    snapshots = snapshot.keep_readable(lambda: snapshot.read_own_snapshots(model))
    return snapshots[-1] if snapshots else None


def _activate_state(model: Model, remote: Remote, newest: Snapshot, *, theirs: dict[str, Oid]) -> None:
    """Make the state of the newest snapshot the active one: as it is saved there, else as in the snapshot."""
    name = newest.state_name
    if name_problem(name) is not None:
        return
    ref = model.state_ref(name)
    saved = theirs.get(ref)
    if saved is not None:
        wire.receive(model.repository, remote, [ref])
        model.repository.objects.refresh()
        model.repository.refs.change([RefChange(ref, None, saved)], f"clone {remote}")
        seen.note(model.repository, remote, {ref: saved})
    else:
        save_tree(model, name, newest.state_tree)
    if name != model.active_state:
        active_state.choose(model.repository, model.prefix, name)
