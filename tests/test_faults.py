"""Whichever system call of a writing command fails, or is its last: all is as before or as after.

`make faults` goes through all calls of all commands. Here are calls at which something went wrong once.
"""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from tests.support import faults
from tests.support.deeds import DEEDS, SIMPLE
from tests.support.faults import KILL, Fault
from tests.support.kills import Deed, check_after_failure, fresh, look, names, scene

REMEMBERED: list[tuple[str, str, str]] = []
"""A command, the call as `str(Call)` begins or matches, and what happens at it."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    faults.require_strace()
    return scene(tmp_path_factory.mktemp("template") / "scene")


@pytest.mark.parametrize("deed", DEEDS + SIMPLE, ids=names(DEEDS + SIMPLE))
def test_at_many_calls(request: pytest.FixtureRequest, template: Path, tmp_path: Path, deed: Deed) -> None:
    """Only when asked to: --faults N for so many of each command, 0 for all."""
    wanted = request.config.getoption("--faults")
    if wanted is None:
        pytest.skip("this takes hours; make faults does it")
    scenes = _Scenes(deed, template, tmp_path)
    possible = [Fault(call, effect) for call in scenes.calls for effect in faults.effects(call)]
    draw = random.Random(deed.command)
    chosen = []
    for is_reading in (False, True):  # so many of each: there are far more calls that only read
        alike = [fault for fault in possible if fault.call.is_reading is is_reading]
        chosen += draw.sample(alike, min(wanted or len(alike), len(alike)))
    problems = [f"{fault}\n    {problem}" for fault in chosen if (problem := scenes.problem(fault))]
    assert not problems, f"{len(problems)} of {len(chosen)} faults\n" + "\n".join(problems)


class _Scenes:
    """A command in copies of a scene, each with another fault."""

    def __init__(self, deed: Deed, template: Path, room: Path) -> None:
        self._deed, self._template, self._room = deed, template, room
        top = self._fresh()
        self._before = look(top)
        self._words = deed.command.split()
        listing = room / "listing"
        listing.mkdir()
        self.calls = faults.calls(*self._words, cwd=top / deed.where, below=top, room=listing)
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
