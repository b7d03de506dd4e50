"""Whichever system call of a writing command fails, or is its last: all is as before or as after.

`make faults` goes through all calls of all commands. Here are calls at which something went wrong once.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import combinations, faults
from tests.support.deeds import DEEDS, SIMPLE
from tests.support.faults import CHANGES, KILL, READS, Call, Fault
from tests.support.kills import Deed, check_after_failure, fresh, look, names, scene

TRAIN = "train -p values=[1,2] --save-as trained"


class Remembered(NamedTuple):
    """What once broke a command: an effect at a call of gitstore, or of a git that was asked for `verb`.

    `path` matches what the call is on. Of several such calls it is the first.
    """

    verb: str
    name: str
    path: str
    effect: str

    def first(self, calls: Iterable[Call]) -> Fault:
        """The fault, among the calls of today."""
        return next(
            Fault(call, self.effect)
            for call in calls
            if (self.verb in call.command.split() if call.git else self.verb == "gitstore")
            and call.name == self.name
            and re.fullmatch(self.path, call.path)
        )


REMEMBERED = {
    "init --code src": [
        # The commit was made, and what it has was removed from the disk: the index alone was behind.
        Remembered("commit", "rename", ".*/index", KILL),
    ],
    "snapshot v3": [
        # The tag had its name, and the command said that it had failed. So it was with a state that train
        # had saved, whose ref is written in the same way.
        Remembered("gitstore", "fsync", ".*/refs/tags", "ENOSPC"),
    ],
    TRAIN: [
        # The state was saved and not on disk, and a repeat made another one.
        Remembered("gitstore", "rename", ".*/states/trained", KILL),
    ],
    "rename v2 größer": [
        # Both names stayed, and a repeat said that the new one already exists.
        Remembered("update-ref", "unlink", ".*/refs/tags/v2", KILL),
    ],
    "rm v1 v2 --force": [
        # One of the two was gone.
        Remembered("update-ref", "unlink", ".*/refs/tags/v1.lock", KILL),
    ],
    "derive v2 cats ../cats": [
        # git passed over what it could not open or write, and the model lacked a file of its code.
        Remembered("read-tree", "openat", ".*code/model.py", "EMFILE"),
        # A working copy that was half made, of which git fsck complained, and which stopped gc.
        Remembered("gitstore", "write", ".*/HEAD", KILL),
        Remembered("gitstore", "rename", "cats", KILL),
    ],
}
"""What went wrong once, by the command."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    faults.require_strace()
    return scene(tmp_path_factory.mktemp("template") / "scene")


@combinations.sample(3)
@pytest.mark.parametrize("command", REMEMBERED)
def test_what_went_wrong_once(template: Path, tmp_path: Path, command: str) -> None:
    deed = next(deed for deed in DEEDS + SIMPLE if deed.command == command)
    remembered = REMEMBERED[command]
    scenes = _Scenes(deed, template, tmp_path, {each.name for each in remembered})
    assert_harmless(scenes, [each.first(scenes.calls) for each in remembered])


@pytest.mark.only_with("--faults")
@pytest.mark.parametrize("deed", DEEDS + SIMPLE, ids=names(DEEDS + SIMPLE))
def test_at_many_calls(request: pytest.FixtureRequest, template: Path, tmp_path: Path, deed: Deed) -> None:
    """So many calls of each command as --faults says that change files, and as many others; 0 for all."""
    wanted = request.config.getoption("--faults")
    scenes = _Scenes(deed, template, tmp_path, {*CHANGES, *READS})
    possible = [Fault(call, effect) for call in scenes.calls for effect in faults.effects(call)]
    draw = random.Random(deed.command)
    chosen = []
    for is_reading in (False, True):  # so many of each: there are far more calls that only read
        alike = [fault for fault in possible if fault.call.is_reading is is_reading]
        chosen += draw.sample(alike, min(wanted or len(alike), len(alike)))
    assert_harmless(scenes, chosen)


def assert_harmless(scenes: _Scenes, chosen: Sequence[Fault]) -> None:
    """Let each of some faults happen to the command, in a scene of its own."""
    problems = [f"{fault}\n    {problem}" for fault in chosen if (problem := scenes.problem(fault))]
    assert not problems, f"{len(problems)} of {len(chosen)} faults\n" + "\n".join(problems)


class _Scenes:
    """A command in copies of a scene, each with another fault."""

    def __init__(self, deed: Deed, template: Path, room: Path, traced: Iterable[str]) -> None:
        self._deed, self._template, self._room = deed, template, room
        top = self._fresh()
        self._before = look(top)
        self._words = deed.command.split()
        listing = room / "listing"
        listing.mkdir()
        self.calls = faults.calls(*self._words, cwd=top / deed.where, below=top, room=listing, names=traced)
        self._after = look(top)

    def _fresh(self) -> Path:
        top = self._room / "scene"  # named alike, so that what is recorded of the place is the same, too
        shutil.rmtree(top, ignore_errors=True)
        return fresh(self._template, top)

    def problem(self, fault: Fault) -> str | None:
        """What a fault breaks; `None` if that is nothing."""
        top = self._fresh()
        shims = self._room / "shims"
        ended = faults.run_with(fault, *self._words, cwd=top / self._deed.where, room=shims)
        try:
            if fault.effect != KILL or fault.call.git:
                assert ended.code in (0, 1, 11, 12, -9), ended
                assert "Traceback" not in ended.stderr, ended
            now = look(top)
            if ended.code == 0:
                assert now == self._after, _different(now, self._after)
            elif fault.effect != KILL and self._deed.command.startswith("snapshot"):
                refs = [name for name in now.keys() | self._before.keys() if re.search(r" refs/", name)]
                changed = [name for name in refs if now.get(name) != self._before.get(name)]
                assert not changed, f"it failed, but changed {changed}: {ended}"
            check_after_failure(self._deed, top, self._before, self._after)
        except AssertionError as error:
            return f"{str(error)[:600]} [{ended.code}: {ended.stderr[-300:]!r}]"
        return None


def _different(one: dict[str, object], other: dict[str, object]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
