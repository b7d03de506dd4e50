"""Completion where it is used: in real shells, at a terminal, with Tab pressed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import models, spawning
from tests.support.commands import Git
from tests.support.terminals import BEGIN, END, Terminal, terminal

BASH = r"""bind -x '"\C-g": printf "\002%s\003" "$READLINE_LINE"'
eval "$(gitstore completion bash)"
"""

ZSH = r"""autoload -Uz compinit; compinit -u -D
dump() { print -rn $'\002'"$BUFFER"$'\003' }
zle -N dump; bindkey '^G' dump; bindkey '^U' kill-whole-line
eval "$(gitstore completion zsh)"
"""

GIT_FOR_BASH = (
    "/usr/share/bash-completion/completions/git",
    "/usr/share/git/completion/git-completion.bash",
    "/etc/bash_completion.d/git-completion.bash",
)

# What is typed before Tab, and the line after it.
LINES = [
    ("gitstore sna", "gitstore snapshot "),
    ("gitstore show ev", "gitstore show even@v9 "),
    ("gitstore show even@", "gitstore show even@v9 "),
    ("gitstore diff v1 even@v", "gitstore diff v1 even@v9 "),
    ("gitstore show v2", "gitstore show v2-größer "),
    ("gitstore state use tr", "gitstore state use trained-1 "),
    ("gitstore train -p va", "gitstore train -p values="),
    ("gitstore train -p values=@set", "gitstore train -p values=@settings.yaml "),
    ("gitstore train -p values=@co", "gitstore train -p values=@code/"),
    ("gitstore state import f --name=tr", "gitstore state import f --name=trained-1 "),
    ("gitstore -C ../other rename ", "gitstore -C ../other rename alone "),
    ("gitstore export v1 co", "gitstore export v1 code/"),
    ("gitstore settings check sett", "gitstore settings check settings.yaml "),
    ("gitstore state use nothing", "gitstore state use nothing"),
    ("true; A=1 gitstore show v1", "true; A=1 gitstore show v1 "),
]

GIT_LINES = [
    ("git gitstore show ev", "git gitstore show even@v9 "),
    ("git -C ../other gitstore rename ", "git -C ../other gitstore rename alone "),
    ("git gitstore train -p va", "git gitstore train -p values="),
]


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture(autouse=True)
def found_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in, which each Tab starts."""
    monkeypatch.setenv("PATH", f"{spawning.stand_ins()}:{os.environ['PATH']}")
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def top(tmp_path: Path, git: Git) -> Path:
    """A model with snapshots, states and a tag as that of a derived model; and another, with one snapshot."""
    model = models.make(tmp_path / "mödel 1", name="digits")
    models.take(model, "v1")
    models.take(model, "v2-größer")
    models.put(model, "trained-1", {"weights": b"1"})
    git("tag", "even/v9", cwd=model.directory)
    git("tag", "alone", cwd=models.make(tmp_path / "other", name="other").directory)
    return model.directory


@pytest.fixture
def bash(top: Path) -> Iterator[Terminal]:
    with terminal([need("bash"), "--norc", "--noprofile", "-i"], top, BASH) as shell:
        yield shell


@pytest.fixture
def zsh(top: Path) -> Iterator[Terminal]:
    with terminal([need("zsh"), "-f", "-i"], top, ZSH) as shell:
        yield shell


def test_bash(bash: Terminal) -> None:
    for typed, wanted in LINES:
        assert bash.line_after(f"{typed}\t") == wanted


def test_bash_quotes_what_it_would_run(bash: Terminal, top: Path, git: Git) -> None:
    git("tag", "x;$(reboot)", cwd=top)
    assert bash.line_after("gitstore show x\t") == r"gitstore show x\;\$\(reboot\) "


def test_bash_completes_git_too(top: Path) -> None:
    scripts = [path for path in GIT_FOR_BASH if Path(path).exists()]
    if not scripts:
        pytest.skip("git's completion for bash is not installed")
    with terminal([need("bash"), "--norc", "--noprofile", "-i"], top, f". {scripts[0]}\n{BASH}") as shell:
        for typed, wanted in GIT_LINES:
            assert shell.line_after(f"{typed}\t") == wanted


def test_bash_shows_nothing_but_what_is_typed_where_no_model_is(tmp_path: Path, home: Path) -> None:
    with terminal([need("bash"), "--norc", "--noprofile", "-i"], home, BASH) as shell:
        shell.press("\x15gitstore show \t\t\x07")
        printed = shell.until(BEGIN)
        assert "rror" not in printed and "raceback" not in printed
        assert shell.until(END) == "gitstore show "


def test_zsh(zsh: Terminal) -> None:
    for typed, wanted in [*LINES, *GIT_LINES]:
        assert zsh.line_after(f"{typed}\t") == wanted


def test_fish(top: Path) -> None:
    script = """gitstore completion fish | source
        for line in $argv; complete --do-complete "$line"; end"""
    lines = [*LINES, *GIT_LINES]
    done = subprocess.run(
        [need("fish"), "--no-config", "-c", script, *(typed for typed, _ in lines)],
        cwd=top, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    suggested = [line.partition("\t")[0] for line in done.stdout.splitlines() if line]
    assert suggested == [after.split()[-1] for typed, after in lines if typed != after]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_sound(shell: str) -> None:
    printed = subprocess.check_output([Path(sys.executable).with_name("gitstore"), "completion", shell])
    subprocess.run([need(shell), "-n"], input=printed, check=True)
