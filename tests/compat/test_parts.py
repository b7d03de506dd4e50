"""docs/format.md, "Parts": the page's own program joins what stock git checks out as an export does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gitstore.bigfiles.parts import LARGE
from gitstore.models.model import Model
from tests.support import page
from tests.support.commands import Git, Run
from tests.support.content import MIB, numbers
from tests.support.models import noise, put, take
from tests.support.stock import Stock
from tests.support.tensors import safetensors
from tests.support.weights import weights


def test_parts_of_any_length_are_read(model: Model, tmp_path: Path, run: Run) -> None:
    """Another writer's cuts share nothing with ours, but are no damage."""
    content = numbers()
    parts = {f"{number:08}": content[at : at + 700_001] for number, at in enumerate(range(0, LARGE, 700_001))}
    Stock(model.directory).state("other", {"numbers.parts": parts})
    assert run("state", "export", "other", str(tmp_path / "out"), cwd=model.directory).code == 0
    assert (tmp_path / "out" / "numbers").read_bytes() == b"".join(parts.values())


def test_the_page_s_program_has_at_most_25_lines() -> None:
    assert len(page.source_of("join").splitlines()) <= 25


def joined_by_the_page(state: Path, target: Path) -> dict[str, bytes]:
    """The files that the page's program, run by a Python that knows no package, makes of a checkout."""
    program = target.with_name("join.py")
    program.write_text(page.source_of("join"))
    subprocess.run([sys.executable, "-I", "-S", str(program), str(state), str(target)], check=True)
    return files_below(target)


def files_below(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if not path.is_dir())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def test_the_page_s_program_joins_a_checkout_as_an_export_does(
    model: Model, tmp_path: Path, git: Git, run: Run
) -> None:
    tensors = safetensors(
        {
            "half": ("BF16", [MIB + 5], weights("bfloat16", MIB + 5)),
            "single": ("F32", [MIB], weights("float32", MIB)),
            "double": ("F64", [MIB // 4], weights("float64", MIB // 4)),
            "bytes": ("U8", [9], b"ninebytes"),
        }
    )
    contents = {
        "model.safetensors": tensors,
        "unknown": b"?" + weights("float32", MIB + 9) + b"odd",
        "numbers": numbers(),
        "small.planes.txt": b"00000000.2",
        ".gitattributes": b"",
        "below/.gitattributes": b"* text\n",
        "below/it/a name. with  dots .v1.2": tensors + b"no longer one",
        "below/it/small": b"",
        "below/00000000.4": b"no part",
        "..x": noise(LARGE),
    }
    put(model, "initial", contents)
    take(model, "v1")
    git("clone", "--quiet", str(model.directory), str(tmp_path / "clone"), cwd=tmp_path)
    git("-c", "advice.detachedHead=false", "checkout", "--quiet", "v1", cwd=tmp_path / "clone")
    assert git("status", "--porcelain", cwd=tmp_path / "clone") == ""
    names = {path.name for path in (tmp_path / "clone" / "state").rglob("*")}
    assert {"model.safetensors.planes", "unknown.planes", "numbers.parts", ".gitattributes.parts"} <= names
    joined = joined_by_the_page(tmp_path / "clone" / "state", tmp_path / "joined")
    assert run("export", "v1", str(tmp_path / "out"), cwd=model.directory).code == 0
    assert joined == files_below(tmp_path / "out" / "state")
    assert joined.items() >= contents.items()
