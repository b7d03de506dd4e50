"""`gitstore rm --remote` where the remote is a store: over ssh, by its path, and over HTTP."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from gitstore.models.model import Model
from gitstore.store import hooks
from gitstore.store.access import OPERATOR
from gitstore.store.aliases.move import set_alias
from gitstore.store.front import keys
from gitstore.store.names import parse_model_name
from gitstore.store.store import Store
from tests.support import sshd
from tests.support.commands import Outcome, Run, fsck, git
from tests.support.stores import NOW, list_refs, make_pushed, make_store, web_server

DIGITS = parse_model_name("ada/digits")

SSH = """\
#!/bin/sh
# An ssh to a machine that is this one. What the other side is asked for is its last word.
test "$1" != -G || exit 1  # it has no configuration
for command; do :; done
case $command in
git-*) export GITSTORE_USER={user}; exec sh -c "$command" ;;
esac
printf '%s\\n' "$command" >> {directory}/verbs
export SSH_ORIGINAL_COMMAND="$command"
{verbs}
"""

SHELL = "{python} -Pm gitstore.cli store shell {user} --store {root}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


@pytest.fixture
def model(store: Store, tmp_path: Path) -> Model:
    """A model whose v1, v2 and v3 are in the store, with the path as its remote."""
    return make_pushed(store, tmp_path / "digits", "v1", "v2", "v3")


@pytest.fixture
def behind_ssh(store: Store, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the remote be behind ssh, as a user; `verbs` are lines of a shell for all but git's services."""

    def connect(user: str = "ada", verbs: str = "exec {shell}") -> Path:
        shell = SHELL.format(
            python=shlex.quote(hooks.find_python()), user=user, root=shlex.quote(str(store.root))
        )
        program = tmp_path / "bin" / "ssh"
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            SSH.format(
                user=user, directory=program.parent, verbs=verbs.format(shell=shell, log=program.parent)
            )
        )
        program.chmod(0o755)
        monkeypatch.setenv("GIT_SSH", str(program))
        url = f"ssh://git@store.example:2222{store.path(DIGITS)}"
        git("remote", "set-url", "origin", url, cwd=model.directory)
        return program.parent / "verbs"

    return connect


def list_tags(directory: Path) -> list[str]:
    return [ref.removeprefix("refs/tags/") for ref in list_refs(directory) if ref.startswith("refs/tags/")]


def remove(run: Run, model: Model, *words: str, remote: str = "origin") -> Outcome:
    return run("rm", *words, "--remote", remote, "--yes", cwd=model.directory)


def read_error(outcome: Outcome) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(outcome.stderr.splitlines()[-1])["error"]
    return error


def test_over_ssh_the_store_is_asked_for_its_own_rm(
    behind_ssh: Any, model: Model, store: Store, run: Run
) -> None:
    verbs: Path = behind_ssh()
    git(
        "config",
        "--add",
        "remote.origin.fetch",
        "+refs/tags/*:refs/remotes/origin/tags/*",
        cwd=model.directory,
    )
    git("fetch", "--quiet", "origin", cwd=model.directory)
    outcome = remove(run, model, "v1", "v2")
    assert outcome.code == 0
    frees, removed = outcome.stderr.splitlines()  # the refusal of the push is not shown
    assert frees.startswith("Removing v1, v2 frees about ")
    assert removed == "Removed v1, v2 in origin; its own gc frees the disk space"
    assert verbs.read_text().splitlines() == ["rm --yes --json ada/digits@v1 ada/digits@v2"]
    assert (list_tags(store.path(DIGITS)), list_tags(model.directory)) == (["v3"], ["v1", "v2", "v3"])
    # as after a push that deletes
    assert "refs/remotes/origin/tags/v3" in list_refs(model.directory)
    assert not list_refs(model.directory).keys() & {
        f"refs/remotes/origin/tags/{name}" for name in ("v1", "v2")
    }
    with store.ledger() as ledger:
        assert sorted(ledger.refs("ada/digits")) == ["refs/heads/main", "refs/tags/v3"]
    fsck(store.path(DIGITS))


def test_a_dry_run_asks_for_nothing(behind_ssh: Any, model: Model, store: Store, run: Run) -> None:
    verbs: Path = behind_ssh()
    assert remove(run, model, "v1", "--dry-run", "--json").code == 0
    assert (verbs.exists(), list_tags(store.path(DIGITS))) == (False, ["v1", "v2", "v3"])


def test_the_role_is_too_low(behind_ssh: Any, model: Model, store: Store, run: Run) -> None:
    behind_ssh("bob")
    outcome = remove(run, model, "v1")
    assert outcome.code == 1
    assert outcome.stderr.splitlines()[1:] == [
        "error: origin does not remove v1: bob has the role write for ada/digits; this needs admin",
        "hint: ask somebody with the role admin for ada/digits",
    ]
    error = read_error(remove(run, model, "v1", "--json"))
    assert error["details"] == {"reason": "access_denied"}
    assert list_tags(store.path(DIGITS)) == ["v1", "v2", "v3"]


def test_a_snapshot_with_an_alias_takes_force(behind_ssh: Any, model: Model, store: Store, run: Run) -> None:
    behind_ssh()
    set_alias(store, DIGITS, "production", snapshot="v1", user=OPERATOR, message=None, now=NOW)
    refused = remove(run, model, "v1")
    assert refused.stderr.splitlines()[1:] == [
        "error: origin does not remove v1: ada/digits@v1 is still needed: the alias production leads to it",
        "hint: --force removes it anyway",
    ]
    assert remove(run, model, "v1", "--force").code == 0
    assert list_tags(store.path(DIGITS)) == ["v2", "v3"]


ANSWERS = {
    "echo \"error: 'rm' is not a command of this store\" >&2; echo 'hint: it has list' >&2; exit 2": (
        "origin does not remove v1: 'rm' is not a command of this store"  # an older store
    ),
    "echo welcome": "origin does not say that it removed v1: its rm ended with 0",
    "echo '{{\"refs\": 1}}'": "origin does not say that it removed v1: its rm ended with 0",
    """printf '%s\\n' '{{"error": {{"message": "\\u001b[2J"}}}}' >&2; exit 1""": (
        "origin does not remove v1: \\x1b[2J"  # nothing for a terminal to obey
    ),
    "echo '[[' >&2; exit 255": "origin cannot be reached: [[",
    "exit 255": "origin cannot be reached: the connection broke",
}
"""What the other side does instead of removing v1, and the error then."""


def test_what_the_other_side_may_answer(behind_ssh: Any, model: Model, store: Store, run: Run) -> None:
    for verbs, message in ANSWERS.items():
        behind_ssh(verbs=verbs)
        outcome = remove(run, model, "v1")
        assert outcome.code == 1
        assert f"error: {message}" in outcome.stderr.splitlines()
    assert list_tags(store.path(DIGITS)) == ["v1", "v2", "v3"]


def test_one_that_is_needed_keeps_the_others(behind_ssh: Any, model: Model, store: Store, run: Run) -> None:
    behind_ssh()
    set_alias(store, DIGITS, "production", snapshot="v2", user=OPERATOR, message=None, now=NOW)
    assert remove(run, model, "v1", "v2", "v3").stderr.splitlines()[1:] == [
        "error: origin does not remove v1, v2, v3: ada/digits@v2 is still needed: the alias production leads"
        " to it",
        "hint: --force removes it anyway",
    ]
    assert list_tags(store.path(DIGITS)) == ["v1", "v2", "v3"]


def test_the_connection_breaks_between_two_commands(
    behind_ssh: Any, model: Model, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitstore.store.client.remove.LONGEST", 40)  # as if the names were long
    verbs = behind_ssh(verbs="test $(wc -l < {log}/verbs) = 1 || exit 255; exec {shell}")
    error = read_error(remove(run, model, "v1", "v2", "v3", "--json"))
    assert verbs.read_text().splitlines() == [f"rm --yes --json ada/digits@v{number}" for number in (1, 2)]
    assert error["message"] == "origin cannot be reached: the connection broke; v1 had been removed by then"
    assert error["hint"] == "run it again for v2, v3"
    assert error["details"] == {"removed": ["v1"], "remaining": ["v2", "v3"]}
    assert list_tags(store.path(DIGITS)) == ["v2", "v3"]


def test_only_the_answer_is_lost(behind_ssh: Any, model: Model, store: Store, run: Run) -> None:
    behind_ssh(verbs="{shell} > /dev/null; exit 255")
    outcome = remove(run, model, "v1")
    assert (outcome.code, list_tags(store.path(DIGITS))) == (0, ["v2", "v3"])


def test_a_path_into_a_store_is_its_operator_s(model: Model, store: Store, run: Run) -> None:
    set_alias(store, DIGITS, "production", snapshot="v1", user=OPERATOR, message=None, now=NOW)
    refused = remove(run, model, "v1")
    assert refused.stderr.splitlines()[1:] == [
        "error: ada/digits@v1 is still needed: the alias production leads to it",
        "hint: --force removes it anyway",
    ]
    outcome = remove(run, model, "v1", "--force")
    assert outcome.stderr.splitlines()[1:] == ["Removed v1 in origin; its own gc frees the disk space"]
    git("remote", "set-url", "origin", "../store/ada/digits", cwd=model.directory)
    assert remove(run, model, "v2").code == 0
    assert remove(run, model, "v3", remote=f"file://{store.path(DIGITS)}").code == 0
    assert (list_tags(store.path(DIGITS)), list_tags(model.directory)) == ([], ["v1", "v2", "v3"])
    with store.ledger() as ledger:
        assert not [ref for ref in ledger.refs("ada/digits") if ref.startswith("refs/tags/")]


def test_a_path_for_a_user_of_the_store(
    model: Model, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITSTORE_USER", "bob")
    assert "bob has the role write for ada/digits; this needs admin" in remove(run, model, "v1").stderr


def test_over_http_it_says_what_to_do(model: Model, store: Store, run: Run) -> None:
    with web_server(store) as url:
        remote = f"{url.replace('//', '//ada:x@')}/ada/digits"
        outcome = remove(run, model, "v1", remote=remote)
    assert outcome.code == 1
    error, hint = outcome.stderr.splitlines()[1:]
    assert (
        error
        == f"error: {url}/ada/digits is a store, where snapshots are removed over ssh or by its operator"
    )
    assert hint.startswith("hint: name its ssh URL, as in --remote ssh://USER@HOST/ada/digits; or let")
    assert list_tags(store.path(DIGITS)) == ["v1", "v2", "v3"]


def test_a_host_that_only_says_so(model: Model, tmp_path: Path, run: Run) -> None:
    """A bare repository whose hook prints the line of a store."""
    bare = tmp_path / "owner" / "bare.git"
    git("clone", "--quiet", "--mirror", str(model.directory), str(bare), cwd=tmp_path)
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'error: refs/tags/v1 exists [snapshot-fixed]; no' >&2; exit 1\n")
    hook.chmod(0o755)
    outcome = remove(run, model, "v1", remote=str(bare))
    assert outcome.stderr.splitlines()[1:] == [
        "remote: error: refs/tags/v1 exists [snapshot-fixed]; no",
        f"error: {bare} refuses refs/tags/v1: pre-receive hook declined",
    ]
    assert list_tags(bare) == ["v1", "v2", "v3"]


def test_behind_a_real_sshd(model: Model, store: Store, run: Run, tmp_path: Path) -> None:
    with sshd.running(tmp_path / "sshd") as server, pytest.MonkeyPatch.context() as patch:
        (store.keys_directory / "ada.pub").write_text(server.make_key("ada") + "\n")
        keys.install(store, server.authorized_keys)
        patch.setenv("GIT_SSH_COMMAND", shlex.join(server.command("ada")))
        git("remote", "set-url", "origin", server.make_url("ada/digits"), cwd=model.directory)
        assert remove(run, model, "v1").code == 0
    assert list_tags(store.path(DIGITS)) == ["v2", "v3"]
