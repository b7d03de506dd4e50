"""Each command's messages, in one file: golden/COMMAND.txt, which `make accept` writes anew.

`tests.support.transcript` says what such a file looks like. To add an example, add its lines that begin with
`$`, and run `make accept`. Nobody edits output by hand.
"""

from __future__ import annotations

import difflib
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import click
import pytest

from gitstore.cli.commands.store import options as store_options
from gitstore.cli.main import cli
from gitstore.environments.store import EnvironmentStore
from gitstore.run import conditions
from gitstore.units import MIB
from tests.support import ledgers, models, scenes, stores, transcript
from tests.support.commands import Outcome, Run, git
from tests.support.index import Index, asked_alone
from tests.support.transcript import Example, Steady

GOLDEN = Path(__file__).with_name("golden")
FILES = sorted(GOLDEN.glob("*.txt"))


@contextmanager
def _packages(root: Path) -> Iterator[None]:
    """digits, which requires alpha, while uv asks an index that has it, and what it needs."""
    index = Index()
    index.add("alpha", "1.0", ["beta>=1"])
    index.add("beta", "1.0")
    model = models.make(root / "digits")
    path = model.directory / "settings.yaml"
    path.write_text(path.read_text() + 'packages: {python: "3.11", requirements: [alpha==1.0]}\n')
    with asked_alone(index, root / "uv"):
        yield


@contextmanager
def _environments(root: Path) -> Iterator[None]:
    """digits, which requires a numpy that is as small as can be, and a real place for environments."""
    index = Index()
    index.add("numpy", "1.0")
    model = models.make(root / "digits")
    path = model.directory / "settings.yaml"
    path.write_text(path.read_text() + "packages: {requirements: [numpy==1.0]}\n")
    with asked_alone(index, root / "uv"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(conditions, "find_environments", lambda _: EnvironmentStore(root / "environments"))
        yield


@contextmanager
def _writing(root: Path, *names: str) -> Iterator[None]:
    """The same as `scenes.snapshot`, while another gitstore command writes in the repository."""
    with scenes.snapshot(root, *names).repository.writing():
        yield


def _shared(root: Path) -> None:
    """digits and its remote origin: both have v1, digits has v2, and the other side has v3."""
    scenes.copy(_build_shared, root)


def _build_shared(root: Path) -> None:
    scenes.snapshot(root, "v1", "v2", "v3")
    git("init", "--quiet", "--bare", "--initial-branch=main", "origin.git", cwd=root)
    git("config", "uploadpack.allowFilter", "true", cwd=root / "origin.git")
    git("remote", "add", "origin", "../origin.git", cwd=root / "digits")
    git("push", "--quiet", "origin", "main", "v1", "v3", cwd=root / "digits")
    git("tag", "--delete", "v3", cwd=root / "digits")


@contextmanager
def _store(root: Path) -> Iterator[None]:
    """A store, in which ada/digits has the snapshots of the model digits, at a time that stands still."""
    store = stores.make_store(root / "store")
    stores.make_pushed(store, root / "digits", "v1", "v2")
    stores.add_model(store, "ada/shown")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_options, "read_clock", lambda: stores.NOW)
        yield


@contextmanager
def _billing(root: Path) -> Iterator[None]:
    """A store with prices, and refs that came and went in November. It is December now."""
    store = ledgers.make_store(root / "store", "acme/digits", "zoo/dogs")
    half = 64 * MIB
    ledgers.admit(store, "acme/digits", "refs/tags/v1", {"shared": half, "first": half}, at="2026-11-01")
    ledgers.admit(store, "acme/digits", "refs/tags/v2", {"shared": half, "second": half}, at="2026-11-11")
    ledgers.remove(store, "acme/digits", "refs/tags/v1", at="2026-11-16")
    ledgers.admit(store, "zoo/dogs", "refs/states/initial", {"weights": half}, at="2026-11-30T12:00:00")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_options, "read_clock", lambda: ledgers.microseconds("2026-12-02T06:00:00"))
        yield


SCENES: dict[str, tuple[Callable[..., object], str]] = {
    "model": (lambda root: models.make(root / "digits"), "digits"),
    "snapshot": (scenes.snapshot, "digits"),
    "derived": (scenes.derived, "dogs"),
    "referencing": (scenes.referencing, "dogs"),
    "behind": (scenes.behind, "dogs"),
    "shared": (_shared, "digits"),
    "store": (_store, "store"),
    "billing": (_billing, "store"),
    "packages": (_packages, "digits"),
    "environments": (_environments, "digits"),
    "writing": (_writing, "digits"),
}
"""What makes each scene, and the directory that its commands start in."""


def commands(group: click.Group = cli, path: str = "gitstore") -> Iterator[str]:
    """The name of each command that does something by itself, as its file is called."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        file = name if group is cli else f"{path}-{name}"
        if isinstance(command, click.Group):
            yield from commands(command, file)
            if not command.invoke_without_command:
                continue
        yield file


COMMANDS = {"gitstore", *commands()}


def test_each_command_has_its_file() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == COMMANDS


def test_a_file_runs_its_command() -> None:
    assert [path.name for path in FILES if not runs_its_command(path)] == []


def runs_its_command(path: Path) -> bool:
    name = path.stem.removeprefix("gitstore")
    words = ["gitstore", *([name] if name in cli.list_commands(click.Context(cli)) else name.split("-"))]
    lines = [line for example in transcript.parse(path.read_text()) for line in example.lines]
    command = " ".join(words).strip()
    spaced = [line.replace("-", " ") for line in lines]  # store-http-backend has a hyphen of its own
    return any(line.startswith(f"{command} ") or line == command for line in (*lines, *spaced))


class Stage:
    """Where the lines of one example are run."""

    def __init__(self, run: Run, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.run = run
        self.directory = directory
        self.patch = patch

    def play(self, line: str) -> Outcome:
        """Run one line."""
        words = shlex.split(line, comments=True)
        match words[0]:
            case "gitstore":
                return self.run(*words[1:], cwd=self.directory)
            case "cd":
                self.directory = Path(os.path.normpath(self.directory / words[1]))
                return Outcome(0, "", "")
            case "export":
                self.patch.setenv(*words[1].split("=", 1))
                return Outcome(0, "", "")
        process = subprocess.run(
            ["sh", "-euc", line], cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert process.returncode == 0, f"$ {line}\n{process.stdout}{process.stderr}"
        return Outcome(0, process.stdout, process.stderr)


def play(example: Example, run: Run, root: Path, home: Path) -> str:
    """An example with what its commands print now."""
    directory = root
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        if example.scene:
            build, name = SCENES[example.scene[0]]
            built = build(root, *example.scene[1:])
            if isinstance(built, AbstractContextManager):
                stack.enter_context(built)
            directory = root / name
        stage = Stage(run, directory, patch)
        outputs = [transcript.shown(stage.play(line)) for line in example.lines]
    steady = Steady({str(root): "<dir>", str(home): "<home>"})
    return transcript.render(
        example,
        [
            steady.table(output) if line.startswith("gitstore usage") else steady.text(output)
            for line, output in zip(example.lines, outputs, strict=True)
        ],
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_messages(path: Path, run: Run, tmp_path: Path, home: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text()
    examples = []
    for number, example in enumerate(transcript.parse(text)):
        root = tmp_path / str(number)
        root.mkdir()
        examples.append(play(example, run, root, home))
    expected = "\n".join(examples)
    if request.config.getoption("--accept"):
        path.write_text(expected)
    elif text != expected:
        lines = difflib.unified_diff(
            text.splitlines(keepends=True),
            expected.splitlines(keepends=True),
            path.name,
            "what is printed now",
        )
        pytest.fail(f"{''.join(lines)}\nIf that is meant: make accept", pytrace=False)
