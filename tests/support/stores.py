"""A store on disk, people with keys in it, and models that are pushed there."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from gitstore.models.model import Model
from gitstore.store import hooks
from gitstore.store.access import OPERATOR
from gitstore.store.create import create_model, init_store
from gitstore.store.names import parse_model_name
from gitstore.store.store import Store, StoreModel
from tests.support import models, scenes
from tests.support.commands import git
from tests.support.content import noise
from tests.support.servers import CgiHandler, serving

NOW = 1_700_000_000_000_000
"""Microseconds since 1970: the date of the tests."""

OWNERS = """\
owners:
  ada:
    members: {ada: admin, bob: write, carol: read}
    models:
      shown: {public: true}
  eve:
    members: {eve: admin}
"""


def make_store(root: Path, config: str = OWNERS) -> Store:
    """A store with the owners ada and eve."""
    init_store(root)
    (root / "store.yaml").write_text(config)
    return init_store(root).store


def add_model(store: Store, name: str = "ada/digits") -> StoreModel:
    """An empty model in a store."""
    return create_model(store, parse_model_name(name), user=OPERATOR, now=NOW)


def make_pushed(store: Store, directory: Path, *names: str, model: str = "ada/digits") -> Model:
    """A model beside the store, with snapshots that are in the store, too. Its remote `origin` is there.

    A store without models becomes a copy of one to which each test process pushes once.
    """
    if store.models():
        return _push(store, directory, names, model)
    root = store.root.parent
    what = (store.root.name, store.config_path.read_text(), str(directory.relative_to(root)), names, model)
    scenes.copy(_build_pushed, root, hooks.find_python(), *what)
    return Model.open(directory)


def _build_pushed(
    root: Path, _: str, store: str, config: str, directory: str, names: Sequence[str], model: str
) -> None:
    _push(make_store(root / store, config), root / directory, names, model)


def _push(store: Store, directory: Path, names: Sequence[str], model: str) -> Model:
    stored = add_model(store, model)
    local = models.make(directory, name=directory.name)
    git("remote", "add", "origin", str(stored.directory), cwd=local.directory)
    for number, name in enumerate(names):
        models.put(local, "initial", {"weights": noise(1000, number)})
        models.take(local, name)
    git("push", "--quiet", "--atomic", "origin", "main", *names, cwd=local.directory)
    return local


def list_refs(repository: Path) -> dict[str, str]:
    """The refs of a repository with their ids, as stock git lists them."""
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=repository).splitlines()
    return dict(line.split(" ") for line in lines)


class StoreBackend(CgiHandler):
    """Runs `gitstore store http-backend`. The user is that of basic authentication."""

    def __init__(self, root: Path, *arguments: object) -> None:
        self.root = root
        super().__init__(*arguments)

    def list_command(self) -> list[str]:
        return [hooks.find_python(), "-Pm", "gitstore.cli", "store", "http-backend", f"--store={self.root}"]

    def make_variables(self) -> Mapping[str, str]:
        kind, _, words = self.headers.get("Authorization", "").partition(" ")
        user = base64.b64decode(words).decode().partition(":")[0] if kind == "Basic" else ""
        return {"REMOTE_USER": user} if user else {}


@contextmanager
def web_server(store: Store) -> Iterator[str]:
    """The URL of a store behind a web server on loopback."""
    with serving(partial(StoreBackend, store.root)) as url:
        yield url
