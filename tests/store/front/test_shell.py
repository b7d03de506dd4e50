"""What a user may run over ssh, from the text of the command alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError, InvalidName, NotAStore
from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.store.access import AccessDenied, User
from gitstore.store.front.shell import BadCommand, ServiceCall, VerbCall, parse_command
from gitstore.store.hooks import NAMES
from gitstore.store.store import Store
from tests.support import spawning
from tests.support.commands import Run
from tests.support.crafting import MIB, Command, Craft, format_commands, list_files, zeros
from tests.support.stores import add_model, make_store

SSHD = {
    "PATH": "/bin",
    "GIT_PROTOCOL": "version=2",
    "GIT_DIR": "/elsewhere",
    "LD_PRELOAD": "x",
    "HOME": "/tmp",
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = make_store(tmp_path / "store")
    for name in ("ada/digits", "ada/shown"):
        add_model(store, name)
    return store


def run(store: Store, command: str, user: str = "ada") -> ServiceCall | VerbCall:
    return parse_command(store, command, user=User(user), inherited=SSHD)


@pytest.mark.parametrize(
    "command",
    [
        "git-upload-pack 'ada/digits'",
        "git-upload-pack '/ada/digits.git'",
        "git upload-pack ada/digits",
        "git-upload-pack '{root}/ada/digits.git'",
    ],
)
def test_services_of_git(store: Store, command: str) -> None:
    call = run(store, command.replace("{root}", str(store.root)))
    assert isinstance(call, ServiceCall)
    assert call.arguments == ("upload-pack", "--strict", str(store.root / "ada" / "digits.git"))


def test_the_environment_of_git_is_ours(store: Store) -> None:
    call = run(store, "git-receive-pack ada/digits", "bob")
    assert isinstance(call, ServiceCall)
    variables = call.environment
    assert (variables["GITSTORE_USER"], variables["GIT_PROTOCOL"]) == ("bob", "version=2")
    assert not {"GIT_DIR", "LD_PRELOAD"} & variables.keys()
    settings = {
        variables[f"GIT_CONFIG_KEY_{number}"]: variables[f"GIT_CONFIG_VALUE_{number}"]
        for number in range(int(variables["GIT_CONFIG_COUNT"]))
    }
    assert settings["core.hooksPath"] == str(store.root / "hooks")
    assert settings["http.getanyfile"] == "false"


@pytest.mark.parametrize("protocol", ["version=2\nX=y", "version=2;id", "a" * 200, "$(id)"])
def test_a_malformed_protocol_is_left_out(store: Store, protocol: str) -> None:
    inherited = SSHD | {"GIT_PROTOCOL": protocol}
    call = parse_command(store, "git-upload-pack ada/digits", user=User("ada"), inherited=inherited)
    assert isinstance(call, ServiceCall)
    assert "GIT_PROTOCOL" not in call.environment


@pytest.mark.parametrize(
    ("user", "command", "message"),
    [
        ("carol", "git-receive-pack ada/digits", "carol has the role read for ada/digits; this needs write"),
        ("eve", "git-upload-pack ada/digits", "there is no model ada/digits here that eve may read"),
        ("eve", "git-upload-pack ada/none", "there is no model ada/none here that eve may read"),
        ("eve", "git-receive-pack ada/shown", "eve has the role read for ada/shown; this needs write"),
        ("ada", "git-upload-pack ada/none", "there is no model ada/none here that ada may read"),
    ],
)
def test_roles(store: Store, user: str, command: str, message: str) -> None:
    with pytest.raises(AccessDenied, match=message):
        run(store, command, user)


@pytest.mark.parametrize(
    "command",
    [
        "", "   ", "bash", "sh -c id", "git", "git-shell", "git-upload-archive ada/digits", "git gc",
        "upload-pack ada/x", "git-upload-pack", "git-upload-pack ada/digits ada/shown",
        "git-upload-pack --help ada/digits", "git-upload-pack 'x", "git-upload-pack ada/digits; id",
        "list\nid", "create\0x", "list --store /", "list --store=/", "list --stor /", "list -C /",
        "rm ada/digits --store=/", "list -- --store=/", "usage --month", "gc", "hook pre-receive",
        "list " + "x" * 5000,
    ],
)  # fmt: skip
def test_what_nobody_may_run(store: Store, command: str) -> None:
    with pytest.raises(BadCommand):
        run(store, command)


@pytest.mark.parametrize(
    "path",
    [
        "../ada/digits",
        "ada/../../etc",
        "/etc/passwd",
        "ada/digits/../shown",
        "-x",
        "ada/digits\\",
        "~/x",
        "hooks/x",
    ],
)
def test_no_path_leads_out_of_the_store(store: Store, path: str) -> None:
    with pytest.raises((InvalidName, BadCommand, AccessDenied)):
        run(store, f"git-upload-pack '{path}'")


def test_the_root_of_another_store_is_no_prefix(store: Store) -> None:
    with pytest.raises(GitstoreError):
        run(store, f"git-upload-pack '{store.root}er/ada/digits'")


def test_verbs(store: Store) -> None:
    assert run(store, "list --json") == VerbCall("list", ("--json",))
    assert run(store, "alias set production v3 -m '--store why'") == VerbCall(
        "alias", ("set", "production", "v3", "-m", "--store why")
    )
    assert run(store, "usage --month=2026-11 ada") == VerbCall("usage", ("--month=2026-11", "ada"))


@pytest.mark.parametrize("name", NAMES)
def test_without_its_hooks_it_takes_no_pushes(store: Store, name: str) -> None:
    """git runs no hook that is missing or not executable, and takes the push."""
    hook = store.hooks_directory / name
    hook.chmod(0o644)
    with pytest.raises(NotAStore, match=f"the hook {name} of this store is missing or not executable"):
        run(store, "git-receive-pack ada/digits")
    hook.unlink()
    with pytest.raises(NotAStore, match=f"the hook {name} of this store is missing or not executable"):
        run(store, "git-receive-pack ada/digits")
    assert isinstance(run(store, "git-upload-pack ada/digits"), ServiceCall)


def test_a_bomb_is_stopped(store: Store) -> None:
    """Nobody gives git half a minute's work with a kilobyte, and the pusher reads why."""
    model = store.find_model("ada/digits")
    craft, files = Craft(), list_files(model.directory)
    craft.add_entry(entry_header(Kind.BLOB, 1 << 40) + zeros(16 * MIB))
    done = subprocess.run(
        [spawning.stand_ins() / "gitstore", "store", "shell", "ada", f"--store={store.root}"],
        input=format_commands([Command("refs/heads/main", Oid(b"\1" * 20))]) + craft.pack(),
        env={**os.environ, "SSH_ORIGINAL_COMMAND": "git-receive-pack '/ada/digits.git'"},
        capture_output=True,
        check=False,
    )
    assert b"unpack eof before pack header" in done.stdout
    assert (
        "error: the push has an object of 1,099,511,627,776 bytes, over 268,435,456 [object-size]; put"
        in (done.stderr.decode())
    )
    assert list_files(model.directory) == files


@pytest.fixture
def run_main(run: Run) -> Run:
    """The fixture `run`, whose name is taken here."""
    return run


@pytest.mark.parametrize(
    ("command", "kind", "code"),
    [
        ("show ada/digits --json", "access_denied", 1),
        ("rm --json nothing", "error", 1),
        ("rm --json", "usage", 2),
        ("id --json", "usage", 2),
        ("list --json 'x", "usage", 2),
    ],
)
def test_with_json_an_error_is_json(
    store: Store, command: str, kind: str, code: int, run_main: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/json.md promises, wherever a command runs."""
    monkeypatch.setenv("SSH_ORIGINAL_COMMAND", command)
    outcome = run_main("store", "shell", "eve", cwd=store.root)
    error = json.loads(outcome.stderr.splitlines()[-1])["error"]
    assert (error["kind"], error["exit_code"], outcome.code) == (kind, code, code)
