"""Bits that flip on the disk: `verify --all` tells each, or it is proven to change nothing that anybody sees.

A sample of one bit in each kind of file, and some more; `make flips` takes one in each byte.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from gitstore.derive import worktree
from gitstore.models.model import Model
from gitstore.states.save import save_state
from tests.support.commands import Git, Outcome, Run
from tests.support.models import again, picture, put, take

# What a command shows, of all that there is.
COMMANDS = (
    ("list", "--all", "--json"),
    ("show", "v1", "--json"),
    ("show", "dogs@d1", "--json"),
    ("models", "--json"),
    ("log",),
    ("state", "list", "--json"),
    ("status", "--json"),
    ("diff", "v1", "v2"),
    ("usage", "--json"),
    ("gc", "--dry-run", "--json"),
)


class Flip(NamedTuple):
    """A bit of a file."""

    path: Path
    offset: int
    bit: int


@pytest.fixture
def place(model: Model, git: Git, tmp_path: Path) -> Path:
    """A small repository in which there is something of each kind."""
    here, common = model.directory, model.repository.common
    for path in (*(common / "hooks").iterdir(), common / "description", common / "info" / "exclude"):
        path.unlink()
    save_state(model, "initial")
    dogs = worktree.derive(take(model, "v1"), "dogs", tmp_path / "dogs").model
    take(dogs, "d1")
    git("pack-refs", "--all", cwd=here)
    put(model, "second", {"weights": b"others"})
    save_state(again(model), "second")
    put(model, "initial", {"weights": b"more"})
    take(model, "v2", "the second")
    git("switch", "--quiet", "--detach", cwd=here)
    git("switch", "--quiet", "main", cwd=here)
    git("commit-graph", "write", "--reachable", cwd=here)
    git("repack", "--quiet", "--write-midx", cwd=here)
    return here


def flips(place: Path, count: int | None) -> Iterator[Flip]:
    """One bit in each byte of git's files; of these, one in each kind of file and `count` more."""
    draw = random.Random(count)
    folders = (place / ".git", place.parent / "dogs" / ".git")
    files = sorted(path for top in folders for path in (top.rglob("*") if top.is_dir() else [top]))
    every = [
        Flip(path, offset, draw.randrange(8))
        for path in files
        if path.is_file()
        for offset in range(path.stat().st_size)
    ]
    if count is None:
        yield from every
        return
    by_kind = {_kind(flip.path): flip for flip in draw.sample(every, len(every))}
    yield from by_kind.values()
    yield from draw.sample(every, count)


def _kind(path: Path) -> str:
    """Where a file is, but for names made of a content: one loose object stands for all, and one pack."""
    return re.sub(r"[0-9a-f]{38,40}|/[0-9a-f]{2}/", "", str(path))


@contextmanager
def flipped(each: Flip) -> Iterator[None]:
    """One bit is another for as long as the block runs."""
    content = each.path.read_bytes()
    each.path.chmod(each.path.stat().st_mode | 0o200)
    changed = bytearray(content)
    changed[each.offset] ^= 1 << each.bit
    each.path.write_bytes(changed)
    yield
    each.path.write_bytes(content)


def shown(run: Run, place: Path, out: Path) -> dict[str, Outcome | dict[str, str]]:
    """All that commands tell."""
    found: dict[str, Outcome | dict[str, str]] = {
        " ".join(command): run(*command, cwd=place) for command in COMMANDS
    }
    for name in ("v1", "dogs@d1"):
        target = out / str(len(list(out.iterdir())))
        found[f"export {name}"] = Outcome(run("export", name, str(target), cwd=place).code, "", "")
        found[f"files of {name}"] = picture(target)
    return found


def test_each_is_told_or_harmless(
    place: Path, run: Run, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--flips")
    out = tmp_path / "out"
    out.mkdir()
    before, sound = shown(run, place, out), run("verify", "--all", cwd=place)
    assert sound.code == 0, sound.stderr
    assert {code for code, *_ in (each for each in before.values() if isinstance(each, Outcome))} == {0}
    silent = []
    for each in flips(place, None if count == 0 else count):
        with flipped(each):
            done = run("verify", "--all", cwd=place)
            assert done.code != 255, (each, done.stderr)
            if done == sound:
                now = shown(run, place, out)
                silent += [(each, key) for key in before if now[key] != before[key]][:1]
    assert silent == []
    assert run("verify", "--all", cwd=place) == sound
