"""`gitstore demo` runs to its end, says what it should, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from gitstore.cli.demo import story
from gitstore.cli.demo.story import Chapter, Command, StoryFailed
from tests.support import combinations, commands, spawning

GITSTORE = Path(sys.executable).with_name("gitstore")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files of the processes that a test starts."""
    path = tmp_path / "temporary"
    path.mkdir()
    spawning.stand_ins()  # which are in a directory of that kind, and stay
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # so that this process looks at TMPDIR again
    return path


class Listener:
    """A narrator that only listens."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def text(self, text: str) -> None:
        self.heard.append(text)

    def command(self, line: str) -> None:
        self.heard.append(f"$ {line}")

    def output(self, text: str) -> None:
        self.heard.append(text)


def test_the_whole_story(
    run: commands.Run,
    fsck: commands.Fsck,
    home: Path,
    tmp_path: Path,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With no configuration of git at all, kept, so that what it made can be looked at.

    Its commands are run by a stand-in for Python; those of the story that is interrupted, by Python.
    """
    monkeypatch.setattr(sys, "executable", str(spawning.stand_ins() / "python"))
    (home / ".gitconfig").unlink()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    told = run("demo", "--keep", "kept", cwd=tmp_path)
    assert (told.code, told.stderr) == (0, f"The models are in {tmp_path / 'kept'}\n")
    lines = told.stdout.splitlines()
    shown = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    wanted = [command.line.splitlines()[0] for each in story.CHAPTERS for command in each.commands]
    assert shown == wanted
    assert "\x1b" not in told.stdout
    assert "Verified even@v1, odd@v1, v1, v2: 34 objects are intact" in lines
    totals = [
        float(line.split()[1].rstrip("%")) for line in lines if line.startswith("total ") and "%" in line
    ]
    assert len(totals) == 5
    assert [total > 90 for total in totals] == [False, True, True, True, True]
    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "clone",
        "digits",
        "even",
        "odd",
        "store",
    ]
    for repository in ("digits", "clone", "store/lab/digits.git", "store/team/letters.git"):
        fsck(tmp_path / "kept" / repository)


def test_it_keeps_away_from_what_is_there(run: commands.Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = run("demo", "--keep", ".", cwd=tmp_path)
    assert told == (1, "", f"error: {tmp_path} already exists\nhint: name a new directory\n")


@combinations.sample(2)
@pytest.mark.parametrize("command", ["gitstore init", "gitstore train"])
def test_nothing_is_left_after_ctrl_c(tmp_path: Path, temporary: Path, command: str) -> None:
    """Pressed while this command of the story runs, or begins to."""
    process = subprocess.Popen(
        [GITSTORE, "demo"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert any(line.startswith(f"$ {command} ") for line in process.stdout)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Command("exit 3"), "exit 3 exits with 3"),
        (Command("cd nowhere"), "cd nowhere exits with 1"),
        (
            Command("echo same && \\\n  echo other", story._one_object),
            "echo same && \\ echo other prints diff",
        ),
        (Command("echo oh", story._silent), "echo oh prints something"),
        (Command("echo 1 code/model.py", story._no_code), "names a file of the code"),
        (Command("echo 'total   89.9%'", story._over(90)), "does not give over 90 %"),
    ],
)
def test_it_stops_where_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, temporary: Path, command: Command, message: str
) -> None:
    chapters = [Chapter("It begins.", [command, Command("echo never")])]
    monkeypatch.setattr(story, "CHAPTERS", chapters)
    listener = Listener()
    with pytest.raises(StoryFailed, match=r"^the demo stops here: ") as error:
        story.tell(tmp_path, listener)
    assert message in error.value.message
    assert listener.heard[:2] == ["It begins.", f"$ {command.line}"]
    assert "$ echo never" not in listener.heard
    assert error.value.exit_code == 1
