"""An .npy file: one array.

The format, from numpy.lib.format: the magic, a version, the header's length, the header, the values. The
header is a Python literal. It is not evaluated: it must have, byte for byte, the form in which numpy writes
it. So an array of objects, which is a pickle, and one of records do not match.
"""

from __future__ import annotations

import math
import re

from gitstore.tensors.readable import Readable, Region, read_exactly

MAGIC = b"\x93NUMPY"

MAX_HEADER = 1 << 16
"""Bytes of a header that are read."""

MAX_DIMENSIONS = 64

_VERSIONS = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
"""Bytes of the header's length in each version."""

_HEADER = re.compile(
    rb"\{'descr': '[<>|](?P<kind>[biufcSUV])(?P<size>[1-9][0-9]{0,8})'"
    rb", 'fortran_order': (?:True|False)"
    rb", 'shape': \((?P<shape>|N,|N(?:, N)+)\), \} *\n".replace(b"N", b"(?:0|[1-9][0-9]{0,18})")
)

# Bytes of a word of floats, by kind and size of a value. A complex number is two words.
_WIDTHS = {("f", 2): 2, ("f", 4): 4, ("f", 8): 8, ("c", 8): 4, ("c", 16): 8}


def find_regions(file: Readable) -> list[Region]:
    """Return where the values of an array lie: one region, or none if it is empty.

    Raises ValueError, with one line that says what is wrong, for a file that is not in the format.
    """
    at = len(MAGIC) + 2
    prefix = read_exactly(file, 0, at)
    bytes_of_length = _VERSIONS.get(prefix[len(MAGIC) :])
    if not prefix.startswith(MAGIC) or bytes_of_length is None:
        raise ValueError("it is not an .npy file of a known version")
    length = int.from_bytes(read_exactly(file, at, bytes_of_length), "little")
    if length > MAX_HEADER:
        raise ValueError(f"its header is longer than {MAX_HEADER // 1024} KiB")
    start = at + bytes_of_length + length
    size, width = _parse(read_exactly(file, start - length, length))
    if start + size != file.size:
        raise ValueError("it does not have as many bytes as its type and shape require")
    return [Region(start, file.size, width)] if size else []


def _parse(header: bytes) -> tuple[int, int | None]:
    """Return how many bytes the values take, and the width of their words."""
    match = _HEADER.fullmatch(header)
    if match is None:
        raise ValueError("its header is not as numpy writes it")
    shape = [int(number) for number in re.findall(rb"[0-9]+", match["shape"])]
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"it has more than {MAX_DIMENSIONS} dimensions")
    kind, size = match["kind"].decode(), int(match["size"])
    # A type of numpy's extensions, such as bfloat16, is written as V: bytes that numpy knows nothing of.
    width = None if kind == "V" else _WIDTHS.get((kind, size), 1)
    return math.prod(shape) * (4 * size if kind == "U" else size), width
