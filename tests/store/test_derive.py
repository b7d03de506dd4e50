"""Deriving in a store: shared on disk, and nothing of the base's repository beyond what was derived."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitstore.derive.rebase import rebase
from gitstore.errors import GitstoreError, NoSuchSnapshot
from gitstore.models.newer import find_newer
from gitstore.models.reference import resolve_base
from gitstore.store.access import OPERATOR, AccessDenied, User
from gitstore.store.derive import DerivedInStore, derive_model
from gitstore.store.gc import collect_store
from gitstore.store.names import parse_model_name, parse_snapshot_name
from gitstore.store.remove import remove_model
from gitstore.store.store import Store
from gitstore.store.verify import verify_store
from gitstore.transfer.elsewhere.newer import find_newer_names
from tests.support import models
from tests.support.commands import fsck, git
from tests.support.sharing import make_clone
from tests.support.stores import NOW, OWNERS, list_refs, make_pushed, make_store, web_server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def derive(
    store: Store, base: str = "ada/digits@v1", name: str = "eve/fine", user: User = OPERATOR
) -> DerivedInStore:
    return derive_model(
        store, parse_snapshot_name(base), parse_model_name(name), user=user, process=os.getpid(), now=NOW
    )


def list_objects(repository: Path) -> set[str]:
    arguments = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return set(git(*arguments, cwd=repository).split())


def test_the_weights_are_on_the_disk_once(store: Store, tmp_path: Path) -> None:
    local = models.make(tmp_path / "digits")
    models.put(local, "initial", {"weights": os.urandom(3_000_000)})
    models.take(local, "v1")
    stored = store.path(parse_model_name("ada/digits"))
    make_pushed(store, tmp_path / "other", model="ada/digits")
    git("push", "--quiet", str(stored), "v1", cwd=local.directory)
    derived = derive(store)
    assert derived.imported.linked > 2_900_000
    assert derived.imported.copied < 100_000
    fsck(derived.model.directory)
    assert not (derived.model.directory / "objects" / "info" / "alternates").exists()
    shared = [
        path
        for path in (derived.model.directory / "objects" / "pack").glob("*.pack")
        if path.stat().st_nlink > 1
    ]
    assert sum(path.stat().st_size for path in shared) > 2_900_000


def test_nothing_else_of_the_base_can_be_fetched(store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1", "v2")
    base = store.find_model("ada/digits").directory
    derived = derive(store).model.directory
    needed = set(git("rev-list", "--objects", "--no-object-names", "refs/tags/v1", cwd=base).split())
    own = list_objects(derived) - list_objects(base)
    assert list_objects(derived) == needed | own
    secret = git("rev-parse", "v2:state/weights", cwd=base).strip()
    fetched = subprocess.run(
        ["git", "fetch", str(derived), secret], cwd=tmp_path / "digits", capture_output=True, check=False,
        env=dict(os.environ, GIT_DIR=str(tmp_path / "store" / "eve" / "fine.git")), text=True,
    )  # fmt: skip
    assert fetched.returncode != 0


def test_the_base_may_go(store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1", "v2")
    derived = derive(store).model
    remove_model(store, parse_model_name("ada/digits"), user=OPERATOR, now=NOW + 1)
    collect_store(store, now=NOW + 2)
    fsck(derived.directory)
    assert [model.problems for model in verify_store(store)] == [()]
    clone = make_clone(derived.directory, tmp_path / "copy")
    assert clone.name == "fine"
    assert clone.settings.based_on is not None
    assert clone.settings.based_on.full_name == "digits@v1"


def test_a_clone_of_it_pushes_only_its_own(store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1")
    derived = derive(store).model
    clone = make_clone(derived.directory, tmp_path / "copy")
    before = list_objects(derived.directory)
    models.put(clone, "initial", {"weights": b"mine"})
    models.take(clone, "w1")
    git("push", "--quiet", "origin", "w1", cwd=clone.directory)
    assert "refs/tags/w1" in list_refs(derived.directory)
    assert len(list_objects(derived.directory) - before) <= 8
    with store.ledger() as ledger:
        assert ledger.pending() == []


@pytest.mark.parametrize(
    ("user", "name", "message"),
    [
        ("eve", "eve/fine", "there is no model ada/digits here that eve may read"),
        ("carol", "eve/fine", "carol has no role for the owner eve; this needs write"),
        ("carol", "ada/fine", "carol has the role read for the owner ada; this needs write"),
    ],
)
def test_roles(store: Store, tmp_path: Path, user: str, name: str, message: str) -> None:
    make_pushed(store, tmp_path / "digits", "v1")
    with pytest.raises(AccessDenied, match=message):
        derive(store, name=name, user=User(user))
    assert [model.full_name for model in store.models()] == ["ada/digits"]


def test_what_cannot_be_derived(store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1")
    with pytest.raises(NoSuchSnapshot, match="ada/digits has no snapshot v9"):
        derive(store, "ada/digits@v9")
    derive(store)
    with pytest.raises(GitstoreError, match="there is a model eve/fine already"):
        derive(store)
    leftovers = [path.name for path in (store.root / "eve").iterdir()]
    assert leftovers == ["fine.git"]


def test_the_path_of_the_store_reaches_nobody(store: Store, tmp_path: Path) -> None:
    """The settings lead to the base from wherever the model was cloned, in the way that it was cloned."""
    store.config_path.write_text(f"{OWNERS}admins: [ada]\n")
    store, local = Store.open(store.root), make_pushed(store, tmp_path / "digits", "v1")
    bare = derive(store).model.directory
    content = git("show", "main:settings.yaml", cwd=bare)
    assert '  url: "../../ada/digits.git"\n' in content
    for oid in list_objects(bare) - list_objects(store.path(parse_model_name("ada/digits"))):
        assert str(tmp_path) not in git("cat-file", "-p", oid, cwd=bare)
    models.put(local, "initial", {"weights": b"better"})
    models.take(models.again(local), "v2")
    git("push", "--quiet", "origin", "v2", cwd=local.directory)
    with web_server(store) as url:
        remote = f"{url.replace('//', '//ada:x@')}/eve/fine"
        clones = [make_clone(bare, tmp_path / "by path"), make_clone(remote, tmp_path / "by HTTP")]
        hears = [find_newer(clones[0])[0].name, *find_newer_names(clones[1])]
        assert hears == ["v2", "v2"]
        for clone in clones:
            rebased = rebase(clone, resolve_base("v2", clone, clone.directory))
            assert rebased.commit is not None
            based_on = models.again(clone).settings.based_on
            assert based_on is not None
            assert (based_on.snapshot, based_on.url) == ("v2", "../../ada/digits.git")
        addresses = [git("config", "remote.base.url", cwd=clone.directory).strip() for clone in clones]
    assert addresses == [f"{store.root}/ada/digits.git", f"{url}/ada/digits.git"]


def test_a_store_with_a_url(store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1")
    store.config_path.write_text(f"url: https://models.example.org/\n{OWNERS}")
    bare = derive(Store.open(store.root)).model.directory
    content = git("show", "main:settings.yaml", cwd=bare)
    assert 'url: "https://models.example.org/ada/digits.git"\n' in content
