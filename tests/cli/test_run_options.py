"""The options of all commands that run a model's code: each of these runs it as they say."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import pytest

from gitstore.cli.main import cli
from gitstore.cli.run_options import RunOptions
from gitstore.errors import GitstoreError
from gitstore.models.model import Model
from gitstore.sandbox.choice import Sandbox
from tests.support import combinations
from tests.support.commands import Gitstore, Run

MIB = 1 << 20

CHECKS = """

import os

assert open({data!r} + "/x").read() == "42"
assert os.environ["OMP_NUM_THREADS"] == "2"
assert os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize == 128 << 20
assert os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize == 16 << 20
"""

LIMITS = ("--cpus", "1.5", "--memory", "256MiB", "--disk", "16MiB")

COMMANDS = {
    "evaluate": ("evaluate", "-p", "values=[1]"),
    "evaluate a snapshot": ("evaluate", "v1", "-p", "values=[1]"),
    "train": ("train", "-p", "values=[1]"),
    "state create": ("state", "create", "other"),
    "snapshot --check": ("snapshot", "v2", "--check"),
    "derive --state create": ("derive", "v1", "dogs", "../dogs", "--state", "create"),
    "verify --evaluations": ("verify", "--evaluations"),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("42")
    return tmp_path / "data"


@pytest.fixture
def checking(model: Model, data: Path, run: Run) -> Path:
    """A model that runs only with the limits and the data of these tests; a snapshot v1 of it."""
    code = model.directory / "code" / "model.py"
    code.write_text(code.read_text() + CHECKS.format(data=str(data)))
    assert run("snapshot", "v1", cwd=model.directory).code == 0
    subprocess.run(["git", "config", "--global", "gitstore.sandbox", "on"], check=True)
    return model.directory


@combinations.sample(3)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_code_as_it_is_told(command: str, checking: Path, run: Run) -> None:
    options, verifies = ("--bind", "../data", *LIMITS), command == "verify --evaluations"
    if verifies:
        record = ("evaluate", "v1", "-p", "values=[1]", "--record", "first")
        assert run(*record, *options, cwd=checking).code == 0
    failed = run(*COMMANDS[command], cwd=checking)
    assert (failed.code, "FileNotFoundError" in failed.stderr) == (12 if verifies else 14, True)
    outcome = run(*COMMANDS[command], *options, cwd=checking)
    assert outcome.code == 0, outcome.stderr


@contextmanager
def greeting() -> Iterator[int]:
    """A server on this machine that greets whoever connects; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(b"hi")

        thread = threading.Thread(target=greet)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_training_reaches_the_network_only_if_it_is_told_so(model: Model, run: Run) -> None:
    subprocess.run(["git", "config", "--global", "gitstore.sandbox", "on"], check=True)
    code = model.directory / "code" / "model.py"
    with greeting() as port:
        lines = ["import socket", *(f"assert socket.create_connection(({name!r}, {port}), 5).recv(2) == b'hi'"
                 for name in ("127.0.0.1", "localhost"))]  # fmt: skip
        body = "".join(f"        {line}\n" for line in lines)
        code.write_text(code.read_text().replace("        if (values < 0)", f"{body}        if (values < 0)"))
        train = ("train", "-p", "values=[1]", "--json")
        failed = run(*train, cwd=model.directory)
        error = json.loads(failed.stderr.splitlines()[-1])["error"]
        assert (failed.code, error["kind"], error["details"]["at"]) == (14, "exception", "train")
        trained = run(*train, "--network", cwd=model.directory)
    assert trained.code == 0, trained.stderr
    assert json.loads(trained.stdout)["sandbox"]["network"] is True


def test_a_warm_launcher_keeps_to_what_it_was_started_with(
    checking: Path, data: Path, gitstore: Gitstore
) -> None:
    started = gitstore("serve-model", "v1", "--detach", "--json", *LIMITS, "--bind", "../data", cwd=checking)
    assert started.code == 0, started.stderr
    try:
        warm = gitstore("evaluate", "v1", "--warm", "-p", "values=[1]", "--json", cwd=checking)
        (listed,) = json.loads(gitstore("launcher", "list", "--json", cwd=checking).stdout)
    finally:
        assert gitstore("launcher", "stop", "--all", cwd=checking).code == 0
    limits = {"cpus": 1.5, "memory": 256 * MIB, "disk": 16 * MIB}
    sandbox = {"kind": "bubblewrap", **limits, "binds": [str(data)], "network": False}
    about = json.loads(started.stdout)
    for printed in (about, json.loads(warm.stdout), listed):
        assert (printed["sandbox"], printed["unlocked"]) == (sandbox, False)
        assert printed["environment"] == about["environment"] is not None


def test_a_warm_launcher_without_a_sandbox(model: Model, gitstore: Gitstore) -> None:
    here = model.directory
    assert gitstore("snapshot", "v1", cwd=here).code == 0
    started = gitstore("serve-model", "v1", "--detach", "--json", "--no-sandbox", cwd=here)
    assert gitstore("launcher", "stop", "v1", cwd=here).code == 0
    assert json.loads(started.stdout)["sandbox"] == {"kind": "none"}


def test_every_command_that_runs_a_model_has_them() -> None:
    names = {"unlocked", "cpus", "memory", "disk", "binds", "off"}
    with_all = {
        name for name, command in _list_commands(cli) if names <= {option.name for option in command.params}
    }
    assert with_all == {
        "evaluate", "train", "state create", "derive", "snapshot", "verify", "serve-model",
    }  # fmt: skip
    with_network = {
        name
        for name, command in _list_commands(cli)
        if "network" in {option.name for option in command.params}
    }
    assert with_network == {"train"}


def _list_commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _list_commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("snapshot", "v1", "--no-sandbox"), "--no-sandbox is only for --check"),
        (("derive", "v1", "dogs", "--memory", "1GiB"), "--memory is only for --state create"),
        (("verify", "--bind", "."), "--bind is only for --evaluations"),
        (("state", "create", "--no-sandbox", "--bind", "."), "--no-sandbox has no limits"),
        (("evaluate", "v1", "--warm", "--no-lock"), "--warm needs REF"),
        (("evaluate", "v1", "--warm", "--cpus", "2"), "--warm uses the launcher's own sandbox"),
        (("evaluate", "--cpus", "nan"), "nan is not from 0.125 to 65536"),
        (("evaluate", "--cpus", "inf"), "inf is not from 0.125 to 65536"),
        (("train", "--memory", "1MiB"), "1MiB is less than 128"),
        (("train", "--disk", "0"), "0 is less than 1 B"),
    ],
)
def test_what_cannot_be_had_is_a_mistake_of_usage(
    arguments: tuple[str, ...], reason: str, model: Model, run: Run
) -> None:
    outcome = run(*arguments, cwd=model.directory)
    assert (outcome.code, reason in outcome.stderr) == (2, True), outcome.stderr


@pytest.mark.parametrize("values", [{"cpus": math.nan}, {"cpus": 0}, {"memory": 1}, {"disk": 0}])
def test_a_program_cannot_have_it_either(values: dict[str, Any]) -> None:
    with pytest.raises(GitstoreError, match=next(iter(values))):
        Sandbox(**values).check()


def test_the_arguments_of_a_launcher_say_what_was_given(tmp_path: Path) -> None:
    chosen = RunOptions(1.5, 256 * MIB, binds=(Path("data"), Path("/srv")), network=True, unlocked=True)
    assert chosen.list_arguments(tmp_path) == [
        "--cpus", "1.5", "--memory", str(256 * MIB), "--bind", f"{tmp_path}/data", "--bind", "/srv",
        "--network", "--no-lock",
    ]  # fmt: skip
    assert RunOptions().list_arguments(tmp_path) == []
