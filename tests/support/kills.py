"""A scene with two models, and killing a command in it at any instant: all is as before or as after."""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gitstore.derive import worktree
from gitstore.git.repository import Repository
from gitstore.snapshots import verify
from gitstore.states.save import save_state
from tests.support.commands import Outcome, fsck, git
from tests.support.models import MODEL, make, noise, put, take
from tests.support.processes import kill, start
from tests.support.spawning import gitstore

ROOT, DERIVED = "große zahlen", "dogs"
"""The directories of the scene's two models."""

_LOCK = re.compile(r"hint: if no git process is running, a crash left the lock: remove (.+)\n\Z")
_TEMPORARY = re.compile(r"\.(gitstore-.*|.+~new-.*|.+\.[a-z0-9_]{8})")
"""Directories that a killed command may leave beside the place of what it made."""

Look = dict[str, object]
"""Refs and files of a scene, by name."""


@dataclass(frozen=True)
class Deed:
    """A command to kill: where it runs, and what a repeat says of it when it was done already.

    `again` is the repeat, if it is not the same, and `then` what follows where that says that it is done.
    `unsettled` are files that stock git rewrites: after a kill they may be cut short, or not be there.
    """

    command: str
    where: str = ROOT
    done: str | None = None
    again: str | None = None
    then: str | None = None
    unsettled: str = "(?!)"


def scene(top: Path) -> Path:
    """digits with v1 and v2, the states initial (active) and b of some megabytes; dogs, based on v1."""
    model = make(top / ROOT)
    first = take(model, "v1")
    put(model, "initial", {"large": noise(4_300_000), "sub/ein Name": b"x"})
    save_state(model, "initial")
    put(model, "b", {"large": noise(1_000_000, 1), "small": b"y"})
    save_state(model, "b")
    (model.directory / "code" / "model.py").write_text(MODEL.replace("RATE = 2.0", "RATE = 3.0"))
    git("commit", "--quiet", "--all", "-m", "faster", cwd=model.directory)
    take(model, "v2")
    worktree.derive(first, DERIVED, top / DERIVED)
    for number in range(3):
        (top / "source").mkdir(exist_ok=True)
        (top / "source" / f"part {number}").write_bytes(noise(1_000_000, 10 + number))
    (top / "adopted" / "src").mkdir(parents=True)
    (top / "adopted" / "src" / "model.py").write_text("class Model: pass\n")
    git("init", "--quiet", cwd=top / "adopted")
    for sample in top.glob("*/.git/hooks/*.sample"):
        sample.unlink()  # a scene is copied often
    return top


def copied(template: Path, top: Path) -> Path:
    """A copy of a directory, times and all. Packs are linked: they are never written in place."""
    shutil.copytree(template, top, symlinks=True, copy_function=_link_or_copy)
    return top


def _link_or_copy(source: str, target: str) -> None:
    is_pack = Path(source).parent.name == "pack" and source.endswith((".pack", ".idx"))
    (os.link if is_pack else shutil.copy2)(source, target)


def fresh(template: Path, top: Path) -> Path:
    """A copy of a scene whose two working copies know each other.

    (git worktree repair would follow the copy's link to the repository that it is a copy of.)
    """
    copied(template, top)
    administration = top / ROOT / ".git" / "worktrees" / DERIVED
    (top / DERIVED / ".git").write_text(f"gitdir: {administration}\n")
    (administration / "gitdir").write_text(f"{top / DERIVED / '.git'}\n")
    return top


def _is_record(ref: str) -> bool:
    """Whether a ref is of records, which have durations and differ from run to run.

    A training that was killed when its state was complete, but not saved, has none.
    """
    return ref.startswith(("refs/notes/", "refs/records/"))


def look(top: Path) -> Look:
    """All refs of the repositories below, symbolic ones too, and all files but git's and temporary ones.

    Without records.
    """
    found: Look = {}
    for folder, folders, names in os.walk(top):
        here, is_top = Path(folder), ".git" in folders
        folders[:] = [name for name in folders if name != ".git" and not _TEMPORARY.fullmatch(name)]
        if is_top:
            listing = git("for-each-ref", "--format=%(refname) %(objectname) %(symref)", cwd=here)
            refs = (line.split(" ", 1) for line in listing.splitlines())
            found |= {
                f"{here.relative_to(top)} {name}": value for name, value in refs if not _is_record(name)
            }
        for path in (here / name for name in names if name != ".git"):
            found[str(path.relative_to(top))] = path.read_bytes()
    return found


def kill_often(deed: Deed, template: Path, tmp_path: Path, kills: int) -> None:
    """Kill a command at so many instants, spread over its run; look, then run the same command again.

    Process and process group in turn: with the process alone, a git that it has started lives on.
    """
    began = time.monotonic()
    whole = fresh(template, tmp_path / "whole")
    before = look(whole)
    outcome = gitstore(*deed.command.split(), cwd=whole / deed.where)
    assert outcome.code == 0, outcome
    duration, after = time.monotonic() - began, look(whole)
    shutil.rmtree(whole)
    draw = random.Random(deed.command)
    for number in range(kills):
        # Named alike, so that what is recorded of the place is the same, too.
        top = fresh(template, tmp_path / "whole")
        process = start(*deed.command.split(), cwd=top / deed.where)
        time.sleep((0.15 + 0.85 * (number + draw.random()) / kills) * duration)
        kill(process, group=(number + len(deed.command)) % 2 == 0)
        check_after_failure(deed, top, before, after)
        shutil.rmtree(top)


def check_after_failure(deed: Deed, top: Path, before: Look, after: Look) -> None:
    """All is as before or as after, and sound; the same command again brings it to its end."""
    _is_between(look(top), before, after, deed)
    is_sound(top)
    _repeat(deed, top)
    now = look(top)
    different = [name for name in now.keys() | after.keys() if now.get(name) != after.get(name)]
    assert not different, different
    is_sound(top)


def _is_between(found: Look, before: Look, after: Look, deed: Deed) -> None:
    """Each ref and each file is as before or as after, and is there if it is in both."""
    for name in found.keys() | before.keys() | after.keys():
        now = found.get(name)
        if now in (before.get(name), after.get(name)):
            continue
        assert re.search(deed.unsettled, name), name
        whole = after.get(name)
        assert now is None or (isinstance(now, bytes) and isinstance(whole, bytes) and whole.startswith(now))


def is_sound(top: Path) -> None:
    """Stock git finds nothing in any repository of a scene, and all snapshots of the first verify."""
    for path in top.glob("[!.]*/.git"):
        if path.is_dir() and any(each.is_file() for each in (path / "objects").rglob("*")):
            fsck(path.parent)
    repository = Repository.discover(top / ROOT)
    assert verify.verify(repository, verify.list_tags(repository, "refs/tags/", below=True)).problems == ()


def _repeat(deed: Deed, top: Path) -> None:
    """The same again succeeds, or says that it is done; first without the locks that a git left."""
    command = (deed.again or deed.command).split()
    again = gitstore(*command, cwd=top / deed.where)
    while (lock := _LOCK.search(again.stderr)) is not None:
        assert again.code == 11, again
        Path(lock[1]).unlink()
        again = gitstore(*command, cwd=top / deed.where)
    assert again.code == 0 or _says_done(deed, again), again
    if again.code and deed.then is not None:
        assert gitstore(*deed.then.split(), cwd=top / deed.where).code == 0


def _says_done(deed: Deed, again: Outcome) -> bool:
    done = deed.done is not None and re.match(f"(.*\n)*error: {deed.done}", again.stderr) is not None
    return again.code == 1 and again.stdout == "" and done


def names(deeds: Iterable[Deed]) -> list[str]:
    """What to call the deeds in a report."""
    return [deed.command for deed in deeds]
