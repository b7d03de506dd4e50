"""What the guard of `gitstore hooks install` costs ordinary git: `python -m tests.bench.hooks`.

Each command of stock git runs without hooks, with a reference-transaction hook that does nothing, and
with the guard, in turns, in copies of one repository.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gitstore.git.repository import Repository
from gitstore.hooks import install

ROUNDS = 7
REFS = 1_000

Case = Callable[[Path, int], float]


def main() -> None:
    """Print a table in Markdown; medians."""
    print("| command of git | no hook, ms | an empty hook | the guard |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="gitstore-bench-") as name:
        directory = Path(name)
        source = _source(directory / "source")
        copies = [_copy(source, directory / name) for name in ("plain", "empty", "guarded")]
        empty = copies[1] / ".git" / "hooks" / "reference-transaction"
        empty.write_text("#!/bin/sh\nexit 0\n")
        empty.chmod(0o755)
        install.install(Repository.discover(copies[2]))
        for what, case in CASES.items():
            times = [[case(copy, number) * 1000 for copy in copies] for number in range(ROUNDS)]
            plain, *others = map(statistics.median, zip(*times, strict=True))
            cells = " | ".join(f"{each:.1f} ({each / plain:.2f}×)" for each in others)
            print(f"| {what} | {plain:.1f} | {cells} |")


def _commit(copy: Path, number: int) -> float:
    (copy / "file").write_text(f"{number}\n")
    return _timed(copy, "commit", "--quiet", "--all", "--message", str(number))


def _update_refs(copy: Path, number: int) -> float:
    return sum(_timed(copy, "update-ref", f"refs/heads/u{number}-{each}", "HEAD") for each in range(100))


def _update_at_once(copy: Path, number: int) -> float:
    head = _git(copy, "rev-parse", "HEAD").strip()
    lines = "".join(f"create refs/heads/o{number}-{each} {head}\n" for each in range(REFS))
    return _timed(copy, "update-ref", "--stdin", stdin=lines)


def _fetch(copy: Path, number: int) -> float:
    return _timed(copy, "fetch", "--quiet", "origin", f"refs/many/*:refs/remotes/r{number}/*")


def _fetch_at_once(copy: Path, number: int) -> float:
    return _timed(copy, "fetch", "--quiet", "--atomic", "origin", f"refs/many/*:refs/remotes/a{number}/*")


def _tag(copy: Path, number: int) -> float:
    return _timed(copy, "tag", f"t{number}")


def _move_tag(copy: Path, number: int) -> float:
    return _timed(copy, "tag", "--force", f"t{number}", "HEAD~1")


def _status(copy: Path, number: int) -> float:
    return _timed(copy, "status", "--short")


CASES: dict[str, Case] = {
    "`commit`": _commit,
    "`status`": _status,
    "100 × `update-ref`": _update_refs,
    "`update-ref --stdin`, 1,000 refs": _update_at_once,
    "`fetch` of 1,000 refs": _fetch,
    "`fetch --atomic` of 1,000 refs": _fetch_at_once,
    "`tag NEW`": _tag,
    "`tag --force` of a tag that is no snapshot": _move_tag,
}


def _source(directory: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", directory], check=True)
    for number in range(2):
        (directory / "file").write_text(f"start {number}\n")
        _git(directory, "add", "file")
        _git(directory, "commit", "--quiet", "--message", "start")
    head = _git(directory, "rev-parse", "HEAD").strip()
    lines = "".join(f"create refs/many/{each} {head}\n" for each in range(REFS))
    _git(directory, "update-ref", "--stdin", stdin=lines)
    return directory


def _copy(source: Path, directory: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", source, directory], check=True)
    return directory


def _timed(directory: Path, *arguments: str, stdin: str = "") -> float:
    began = time.perf_counter()
    _git(directory, *arguments, stdin=stdin)
    return time.perf_counter() - began


def _git(directory: Path, *arguments: str, stdin: str = "") -> str:
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments]
    return subprocess.run(
        command, cwd=directory, input=stdin, capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    main()
