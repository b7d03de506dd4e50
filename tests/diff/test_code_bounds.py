"""Comparing code of hostile repositories: git's memory is bounded, too."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gitstore.diff import code
from gitstore.models.model import Model
from gitstore.packs import limits
from tests.support import combinations
from tests.support.content import MIB
from tests.support.failing import refuses
from tests.support.models import take

# Prints the files that differ, and how many KiB the largest git took.
_COMPARE = """
import resource, sys
from pathlib import Path
from gitstore.models import reference
from gitstore.diff import code

v1, v2 = (reference.resolve(name, Path(sys.argv[1])) for name in ("v1", "v2"))
for file in code.compare(v1, v2, patch=True).files:
    print(file.path, file.kind, file.lines_added)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@combinations.rest
def test_large_files_of_lines_and_renames(model: Model) -> None:
    """A line takes git 40 bytes, so that 60 MiB of empty lines took 5 GiB; and it reads what is renamed."""
    (model.directory / "settings.yaml").write_text(
        (model.directory / "settings.yaml").read_text().replace("1MiB", "1GiB")
    )
    code = model.directory / "code"
    for name, content in (("lines", b"\n"), ("old", b"\0")):
        (code / name).write_bytes(content * (16 * MIB))
    take(model, "v1")
    for name in ("lines", "old"):
        with (code / name).open("ab") as file:
            file.write(b"x\n")
    (code / "old").rename(code / "new")
    take(model, "v2")
    done = subprocess.run(
        [sys.executable, "-c", _COMPARE, str(model.directory)], capture_output=True, text=True, check=True
    )
    *files, memory = done.stdout.splitlines()
    assert files == ["code/lines changed None", "code/new added None", "code/old removed None"]
    assert int(memory) < 64 * 1024  # that of Python, before git starts in it, included


def test_more_text_than_is_compared(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    v1 = take(model, "v1")
    (model.directory / "code" / "notes.txt").write_text("more than nothing\n")
    monkeypatch.setattr(limits, "DIFFED", 10)
    with refuses("10 B"):
        code.compare(v1, model)
