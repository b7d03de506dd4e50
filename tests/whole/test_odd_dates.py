"""Dates that nobody has: no command trips over them in a tag or a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

from gitstore.git.repository import Repository
from gitstore.models import snapshot
from tests.support import scenes
from tests.support.commands import Git, Run
from tests.support.commands import git as run_git

WHO = "Ada Lovelace <ada@example.org>"
COMMANDS = (
    "list", "show v1", "list --json", "log", "models", "status", "usage", "verify", "verify --all",
    "gc --dry-run", "gc", "diff v1", "state list", "snapshot v2", "rename v1 v3",
)  # fmt: skip


DATES = (
    "-1 +0000", "315532800000000 +0000", "99999999999999999999 +0000", "253402300799 -2359",
    "1700000000 +9999", "", None,
)  # fmt: skip


def test_no_command_trips(git: Git, run: Run, tmp_path: Path) -> None:
    taken = scenes.snapshot(tmp_path)
    here, main = taken.repository.directory, git("rev-parse", "HEAD", cwd=tmp_path / "digits").strip()
    for date in DATES:
        line = f" {WHO} {date}".rstrip().encode() if date is not None else None
        commit = rewritten(here, "commit", str(taken.commit), line)
        head = rewritten(here, "commit", main, line)
        (here / ".git" / "refs" / "heads" / "main").write_text(f"{head}\n")
        tag = rewritten(here, "tag", str(taken.tag_oid), line).encode()
        content = subprocess.check_output(["git", "cat-file", "tag", tag], cwd=here)
        tag_on = content.replace(str(taken.commit).encode(), commit.encode())
        (here / ".git" / "refs" / "tags" / "v1").write_text(f"{write(here, 'tag', tag_on)}\n")
        assert [each.name for each in snapshot.read_all_snapshots(Repository.discover(here))] == ["v1"]
        for words in COMMANDS:
            done = run(*words.split(), cwd=here)
            assert done.code == 0, (date, words, done.stderr)
        git("update-ref", "-d", "refs/tags/v2", cwd=here)
        git("update-ref", "-d", "refs/tags/v3", cwd=here)


def rewritten(directory: Path, kind: str, oid: str, line: bytes | None) -> str:
    """An object with another date, or without the lines that have one."""
    content = subprocess.check_output(["git", "cat-file", kind, oid], cwd=directory)
    head, blank, body = content.partition(b"\n\n")
    lines = []
    for each in head.split(b"\n"):
        word = each.split(b" ")[0]
        if word not in (b"author", b"committer", b"tagger"):
            lines.append(each)
        elif line is not None:
            lines.append(word + line)
    return write(directory, kind, b"\n".join(lines) + blank + body)


def write(directory: Path, kind: str, content: bytes) -> str:
    words = ("hash-object", "-w", "-t", kind, "--literally", "--stdin")
    return run_git(*words, cwd=directory, stdin=content).strip()
