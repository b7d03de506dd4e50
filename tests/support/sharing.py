"""Two sides of a transfer: a model that is pushed from, a bare repository, and clones of it."""

from __future__ import annotations

from pathlib import Path

from gitstore.models.model import Model
from gitstore.transfer import push
from gitstore.transfer.clone import clone
from gitstore.transfer.provide import Weights
from gitstore.transfer.pull import Pulled, PullSelection, prepare, pull
from gitstore.transfer.push import PreparedPush
from gitstore.transfer.remotes import find_remote
from gitstore.transfer.wanted import Selection
from tests.support.commands import git
from tests.support.models import again

EVERYTHING, ALL_THAT_IS_NEW = Selection(), PullSelection()


def make_bare(directory: Path, *, partial: bool = False) -> Path:
    """A bare repository that can be pushed to, and with `partial` cloned in part."""
    git("init", "--quiet", "--bare", "--initial-branch=main", str(directory), cwd=directory.parent)
    git("config", "transfer.unpackLimit", "1", cwd=directory)
    if partial:
        git("config", "uploadpack.allowFilter", "true", cwd=directory)
    return directory


def connect(model: Model, url: Path | str) -> Model:
    """Add the remote `origin` to a model."""
    git("remote", "add", "origin", str(url), cwd=model.directory)
    return again(model)


def prepare_push(model: Model, selection: Selection = EVERYTHING, *, dry_run: bool = False) -> PreparedPush:
    """A push to the default remote, as a fresh process would plan it."""
    fresh = again(model)
    remote = find_remote(fresh.repository, None, directory=fresh.directory, to_push=True)
    return push.prepare(fresh, remote, selection, dry_run=dry_run)


def send(model: Model, selection: Selection = EVERYTHING) -> PreparedPush:
    """Push to the default remote."""
    prepared = prepare_push(model, selection)
    push.push(prepared)
    return prepared


def fetch(model: Model, selection: PullSelection = ALL_THAT_IS_NEW) -> Pulled:
    """Pull from the default remote."""
    fresh = again(model)
    remote = find_remote(fresh.repository, None, directory=fresh.directory)
    return pull(prepare(fresh, remote, selection))


def make_clone(url: Path | str, directory: Path, weights: Weights = Weights.NONE) -> Model:
    """A clone of a model."""
    return clone(str(url), directory, weights=weights, directory=directory.parent).model


def list_objects(directory: Path) -> set[str]:
    """The ids of all objects in a repository, reachable or not."""
    listing = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=directory)
    return set(listing.split())
