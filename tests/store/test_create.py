"""Creating a store and models in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitstore.errors import BadSettings, GitstoreError, NotAStore
from gitstore.store.access import OPERATOR, AccessDenied, User
from gitstore.store.create import create_model, init_store
from gitstore.store.names import parse_model_name
from gitstore.store.store import Store
from tests.support.commands import fsck, git
from tests.support.stores import NOW, add_model, make_store


def test_a_new_store_is_up_to_date(tmp_path: Path) -> None:
    created = init_store(tmp_path / "store")
    assert created.created
    assert created.changed == ("hooks/pre-receive", "hooks/post-receive", "hooks/reference-transaction")
    again = init_store(tmp_path / "store")
    assert (again.created, again.changed) == (False, ())


def test_a_directory_with_other_things_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GitstoreError, match="exists and is not empty"):
        init_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_store_yaml_is_never_changed(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    store.config_path.write_text("owner: {}\n")
    with pytest.raises(BadSettings, match="did you mean owners"):
        init_store(store.root)
    assert store.config_path.read_text() == "owner: {}\n"


def test_a_store_is_found_from_inside(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    model = add_model(store)
    assert Store.discover(model.directory / "refs").root == store.root
    with pytest.raises(NotAStore):
        Store.discover(tmp_path)
    with pytest.raises(NotAStore):
        Store.open(tmp_path)


def test_a_model_has_the_settings_of_the_store(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    model = add_model(store)
    config = dict(
        line.split("=", 1) for line in git("config", "--local", "--list", cwd=model.directory).splitlines()
    )
    assert config["core.hookspath"] == str(store.root / "hooks")
    assert (config["core.fsync"], config["gc.auto"], config["core.bare"]) == ("all", "0", "true")
    assert config["uploadpackfilter.blob:none.allow"] == "true"
    assert git("symbolic-ref", "HEAD", cwd=model.directory) == "refs/heads/main\n"
    fsck(model.directory)
    assert [model.full_name for model in store.models()] == ["ada/digits"]


def test_settings_follow_store_yaml(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    model = add_model(store)
    store.config_path.write_text("limits: {pack: 5MiB}\n")
    assert init_store(store.root).changed == ("ada/digits.git",)
    assert git("config", "receive.maxInputSize", cwd=model.directory) == "5242880\n"


def test_a_store_that_has_moved_is_mended(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    add_model(store)
    store.root.rename(tmp_path / "moved")
    assert init_store(tmp_path / "moved").changed == ("ada/digits.git",)
    hooks = git("config", "core.hooksPath", cwd=tmp_path / "moved" / "ada" / "digits.git")
    assert hooks == f"{tmp_path}/moved/hooks\n"


@pytest.mark.parametrize("name", ["ada/digits", "ada/Digits", "Ada/other"])
def test_names_differ_in_more_than_capitals(tmp_path: Path, name: str) -> None:
    store = make_store(tmp_path / "store")
    add_model(store)
    with pytest.raises(GitstoreError, match="already"):
        create_model(store, parse_model_name(name), user=OPERATOR, now=NOW)


@pytest.mark.parametrize(
    ("user", "may"), [("ada", True), ("bob", True), ("carol", False), ("eve", False), ("", False)]
)
def test_who_may_create(tmp_path: Path, user: str, may: bool) -> None:
    store = make_store(tmp_path / "store")
    if may:
        create_model(store, parse_model_name("ada/digits"), user=User(user), now=NOW)
    else:
        with pytest.raises(AccessDenied, match="this needs write"):
            create_model(store, parse_model_name("ada/digits"), user=User(user), now=NOW)
    assert len(store.models()) == may


def test_hooks_of_a_python_that_is_gone_say_so(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    hook = store.hooks_directory / "pre-receive"
    lines = hook.read_text().splitlines()
    lines = ["python=/nowhere/python" if line.startswith("python=") else line for line in lines]
    hook.write_text("\n".join(lines))
    done = subprocess.run([hook], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "/nowhere/python is gone, so this store takes no pushes" in done.stderr


def test_unknown_states_of_a_transaction_are_let_through(tmp_path: Path) -> None:
    """A hook that fails there breaks git commands of later versions."""
    store = make_store(tmp_path / "store")
    model = add_model(store)
    hook = store.hooks_directory / "reference-transaction"
    for state in ("prepared", "committed", "aborted", "preparing"):
        subprocess.run([hook, state], cwd=model.directory, env=dict(os.environ, GIT_DIR="."), check=True)
