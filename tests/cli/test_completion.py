"""What is suggested to a shell, asked as a shell does; tests/cli/test_shells.py presses the keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from gitstore.cli.completion import candidates
from gitstore.cli.main import cli
from tests.support import models
from tests.support.commands import Git, Run
from tests.support.spawning import start

Ask = Callable[..., list[str]]


@pytest.fixture
def ask() -> Ask:
    """What is suggested at the end of a line: `ask("gitstore show v", cwd=top)`; nothing else is printed."""

    def ask(line: str, *, cwd: Path, shell: str = "bash") -> list[str]:
        variables = {"COMP_WORDS": line, "_GITSTORE_COMPLETE": f"{shell}_complete"}
        process = start(cwd=cwd, variables=variables)
        stdout, stderr = process.communicate()
        assert (process.returncode, stderr) == (0, "")
        assert "Traceback" not in stdout
        return [each.removeprefix("plain,") for each in stdout.splitlines() if each]

    return ask


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the model of `top` is made once, to be copied for each test."""
    return tmp_path_factory.mktemp("template") / "mödel 1"


@pytest.fixture
def top(template: Path, tmp_path: Path, git: Git) -> Path:
    """The model digits with the snapshots v1 and v2, and tags and states as those of a derived model even."""
    if not template.exists():
        model = models.make(template, name="digits")
        models.take(model, "v1")
        models.take(model, "v2-größer")
        models.put(model, "trained-1", {"weights": b"1"})
        for tag in ("even/v9", "a/b/c", "hasno$(sense)"):
            git("tag", tag, cwd=template)
    return shutil.copytree(template, tmp_path / template.name, symlinks=True)


def test_snapshots_of_the_model_and_of_others(ask: Ask, top: Path) -> None:
    found = ask("gitstore show ", cwd=top)
    assert found == ["hasno$(sense)", "v1", "v2-größer", "even@v9"]
    assert ask("gitstore show v2", cwd=top) == ["v2-größer"]
    assert ask("gitstore diff v1 ev", cwd=top / "code") == ["even@v9"]
    assert ask("gitstore verify v1 digits@v", cwd=top) == ["digits@v1", "digits@v2-größer"]
    assert ask("gitstore rename ", cwd=top) == ["hasno$(sense)", "v1", "v2-größer"]


def test_snapshots_of_another_directory(ask: Ask, top: Path, tmp_path: Path) -> None:
    here = models.make(tmp_path / "other", name="other").directory
    assert ask("gitstore -C '../mödel 1' show v1", cwd=here) == ["v1"]
    assert ask("git -C '../mödel 1' gitstore show v1", cwd=here) == ["v1"]
    assert ask("gitstore show ../mödel\\ 1@v1", cwd=here) == ["../mödel 1@v1"]
    assert ask("gitstore show ", cwd=here) == []


def test_home_is_understood_where_the_shell_has_not_put_it_yet(ask: Ask, home: Path, tmp_path: Path) -> None:
    models.take(models.make(home / "digits"), "v1")
    assert ask("gitstore -C ~/digits show ", cwd=tmp_path) == ["v1"]


def test_in_a_linked_worktree_and_in_a_bare_repository(ask: Ask, git: Git, top: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"), cwd=top)
    git("clone", "--quiet", "--bare", str(top), str(tmp_path / "bare.git"), cwd=tmp_path)
    assert ask("gitstore show v1", cwd=tmp_path / "side") == ["v1"]
    assert ask("gitstore show v1", cwd=tmp_path / "bare.git") == ["v1"]


def test_states(ask: Ask, top: Path) -> None:
    assert ask("gitstore state use ", cwd=top) == ["initial", "trained-1"]
    assert ask("gitstore state rm initial t", cwd=top) == ["trained-1"]
    assert ask("gitstore state import file --name i", cwd=top) == ["initial"]
    assert ask("gitstore state import file --name=i", cwd=top) == ["--name=initial"]


def test_the_names_of_inputs(ask: Ask, top: Path) -> None:
    assert ask("gitstore train -p ", cwd=top) == ["values="]
    assert ask("gitstore state create --input f", cwd=top) == ["factor="]
    assert ask("gitstore evaluate v1 -p v", cwd=top) == ["values="]


def test_files_as_values_from_the_directory_meant(ask: Ask, top: Path, tmp_path: Path) -> None:
    assert ask("gitstore train -p values=@s", cwd=top) == ["values=@settings.yaml", "values=@states/"]
    found = ask("gitstore -C 'mödel 1' train -p values=@code/", cwd=tmp_path)
    assert found == ["values=@code/model.py"]


def test_commands_options_and_choices(ask: Ask, top: Path) -> None:
    assert ask("gitstore sna", cwd=top) == ["snapshot"]
    assert ask("git gitstore state im", cwd=top) == ["import"]
    assert ask("gitstore lock --upg", cwd=top) == ["--upgrade", "--upgrade-package"]
    assert ask("gitstore completion ", cwd=top) == ["bash", "zsh", "fish"]
    assert ask("gitstore derive v1 x --state c", cwd=top) == ["copy", "create"]
    assert ask("gitstore derive v1 x --state ./co", cwd=top) == ["./code/"]
    assert "digits" in ask("gitstore init --example ", cwd=top)
    assert ask("gitstore export v1 o", cwd=top)[0].startswith(("file,", "dir,"))


def test_help_goes_along_where_a_shell_shows_it(ask: Ask, top: Path) -> None:
    assert ask("gitstore exp", cwd=top, shell="fish")[0].startswith("export\tWrite ")
    assert ask("gitstore exp", cwd=top, shell="zsh")[1] == "export"


def test_outside_of_a_model_nothing_is_said(ask: Ask, tmp_path: Path) -> None:
    for line in ("", "gitstore", "gitstore nonsense --what ", "gitstore --version "):
        ask(line, cwd=tmp_path)
    for line in (
        "gitstore show ",
        "gitstore -C nowhere show ",
        "gitstore state use ",
        "gitstore show 'unclosed",
        "gitstore train -p ",
        "gitstore train -p values=@nowhere/",
    ):
        assert ask(line, cwd=tmp_path) == [], line


def test_a_damaged_model_has_no_suggestions(ask: Ask, top: Path) -> None:
    (top / ".git" / "HEAD").write_bytes(b"\0")
    for command in ("show", "state use", "train -p"):
        assert ask(f"gitstore {command} ", cwd=top) == [], command


def test_broken_settings_have_no_inputs(ask: Ask, top: Path) -> None:
    (top / "settings.yaml").write_text("types: [")
    assert ask("gitstore train -p ", cwd=top) == []


def test_what_no_shell_asks_has_no_answer(tmp_path: Path) -> None:
    for asked in ("", "bash", "bash_source", "tcsh_complete", "zsh_nonsense"):
        process = start(cwd=tmp_path, variables={"_GITSTORE_COMPLETE": asked})
        assert (process.communicate(), process.returncode) == (("", ""), 0), asked


def test_no_tag_is_read(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand snapshots cost no more than the names of their refs."""

    def forbidden(*_: object) -> None:
        raise AssertionError("a tag was read")

    monkeypatch.setattr("gitstore.models.snapshot.read", forbidden)
    monkeypatch.setattr("gitstore.objects.tag.parse", forbidden)
    context = click.Context(cli, info_name="gitstore")
    context.params["directory"] = top
    assert "v1" in candidates.snapshots(context, click.Argument(["reference"]), "")


def test_names_are_asked_without_heavy_imports(top: Path) -> None:
    heavy = {"numpy", "rich", "pyfastcdc", "uv"}
    script = (
        "import sys, atexit; sys.argv = ['gitstore']\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))\n"
        "from gitstore.cli.main import main; main()"
    )
    variables = {**os.environ, "COMP_WORDS": "gitstore show ", "_GITSTORE_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=top, env=variables, capture_output=True, text=True, check=True
    )
    assert "plain,v1" in done.stdout
    assert not heavy & set(done.stderr.split())


def test_an_unknown_shell_is_told_which_there_are(run: Run, tmp_path: Path) -> None:
    done = run("completion", "tcsh", cwd=tmp_path)
    assert done.code == 2
    assert done.stderr.endswith("'tcsh' is not one of 'bash', 'zsh', 'fish'.\n")


def parameters(group: click.Group) -> Iterator[tuple[str, click.Parameter]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", parameter) for inner, parameter in parameters(command))
        else:
            yield from ((name, parameter) for parameter in command.params)


FREE = {
    "env rm older_than",
    "snapshot name", "derive name", "rename new", "state rename new", "state create name", "init name",
    "init code", "train name", "snapshot message", "snapshot key", "rename key", "lock upgraded",
    "hooks run name", "evaluate record", "evaluate rtol", "evaluate atol", "verify rtol", "verify atol",
    "serve-model idle", "evaluate launcher", "clone url", "usage price",
    "store usage since", "store usage until", "store invoice month", "store meter since", "alias set message",
    "alias set requirements", "alias show at", "automation events show event_id",
    "automation events redeliver event_id", "automation events redeliver rule",
    "store alias set alias", "store alias set message", "store alias rollback alias",
    "store alias rollback message", "store alias show alias", "store alias show at", "store alias log alias",
    "store alias rm alias",
    "store events show event_id", "store events redeliver event_id", "store events redeliver rule",
    "alias rollback message",
    "store create name", "store derive name", "store shell name",
}  # fmt: skip
"""What a person thinks of, or git says; all else has something to suggest, or is a path or a choice."""


SIZES = ("memory", "disk")
"""Options of each command that runs a model."""


def test_whatever_names_something_is_completed() -> None:
    bare = []
    for command, parameter in parameters(cli):
        is_flag = isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count)
        own = parameter._custom_shell_complete is not None
        if not (is_flag or own or parameter.name in SIZES or f"{command} {parameter.name}" in FREE):
            bare += [f"{command} {parameter.name}"] if type(parameter.type) is type(click.STRING) else []
    assert bare == [], "give it a shell_complete of candidates"


def test_references_and_states_are_completed_as_such() -> None:
    wanted = {"SNAPSHOT": "snapshots", "REF": "snapshots", "[REF]": "snapshots", "A": "snapshots"}
    for command, parameter in parameters(cli):
        found = getattr(parameter._custom_shell_complete, "__name__", "")
        kind = wanted.get((parameter.metavar or "").removesuffix("..."))
        if kind is not None and isinstance(parameter, click.Argument):
            assert found in (kind, "own_snapshots"), command
        if command.startswith("state ") and parameter.name in ("name", "names", "old"):
            assert found == "states" or command == "state create", command
