"""numpy's files, .npy and .npz, of which nothing is believed: what they claim is compared with what is there.

The formats are those of numpy.lib.format and of APPNOTE.TXT (zip). Nothing is unpickled. Whatever is wrong
is a ValueError, or an exception of numpy, zipfile or zlib: these are no closed set.
"""

from __future__ import annotations

import io
import itertools
import math
import os
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, BinaryIO, Literal, NamedTuple

import numpy as np

from gitstore.run.values import bounded
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.units import format_size

MAX_HEADER = 10_000
"""Bytes of the header of an array, as numpy itself allows."""

MAX_ITEMS = 1 << 24
"""Items of an array of text, which become objects of some 60 bytes each."""

MAX_DIRECTORY = 4 << 20
"""Bytes of the list of what is in an .npz file."""

MAX_INFLATED = 256 << 20
MAX_RATIO = 100
"""An array in an .npz file takes at most the former, or so many times what it takes in the file."""

MAP_FROM = 64 << 20
"""Arrays of so many bytes are mapped and not read, so that they are in memory once, for the model."""

_BLOCK = 1 << 20
_SHOWN = 10
_MAGIC = b"\x93NUMPY"


class _Header(NamedTuple):
    """What a file says of its array, whose bytes begin at `start`."""

    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype[np.generic]
    start: int

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path) -> Array:
    """The array in an .npy file. Large ones are mapped: the file must stay as it is meanwhile."""
    with path.open("rb") as file:
        header = _read_header(file, _check_regular(file))
        if header.size < MAP_FROM:
            return _array(header, _read(file, header))
    return _checked(
        np.memmap(path, header.dtype, "r", offset=header.start, shape=header.shape, order=header.order)
    )


def read_npz(path: Path, key: str | None) -> Array:
    """An array of an .npz file, which may be left unnamed if it is the only one."""
    with path.open("rb") as file:
        size = _check_regular(file)
        with _open_archive(file) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            if key is None and len(members) != 1:
                raise ValueError(f"it holds {len(members)} arrays; name one after a colon: {_some(members)}")
            if key is not None and key not in members:
                raise ValueError(f"it has no array {key}; it has {_some(members)}")
            member = archive.getinfo(next(iter(members.values())) if key is None else members[key])
            _check_member(member, size)
            with archive.open(member) as inflated:
                header = _read_header(inflated, member.file_size)
                return _array(header, _read(inflated, header))


def _check_regular(file: BinaryIO) -> int:
    """The size of a regular file. Raises ValueError for any other, which has none and may never end."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file; only bytes are read from pipes and devices")
    return status.st_size


def _some(names: Iterable[str]) -> str:
    first = list(itertools.islice(names, _SHOWN + 1))
    return ", ".join([*first[:_SHOWN], "…"] if len(first) > _SHOWN else first)


def _open_archive(file: BinaryIO) -> zipfile.ZipFile:
    # zipfile reads the whole directory at once. Its own finder of the end says how large that is.
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end is None:
        raise ValueError("it is not an .npz file")
    bounded.check(end[zipfile._ECD_SIZE], MAX_DIRECTORY, "its list of arrays")  # type: ignore[attr-defined]
    return zipfile.ZipFile(file)


def _check_member(member: zipfile.ZipInfo, size: int) -> None:
    """Raise ValueError unless it takes memory in proportion to what it takes in a file of `size` bytes."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is compressed in a way that numpy does not use")
    allowed = max(MAX_INFLATED, MAX_RATIO * min(member.compress_size, size))
    if member.file_size > allowed:
        raise ValueError(
            f"its array {member.filename.removesuffix('.npy')} has {format_size(member.file_size)},"
            f" over {MAX_RATIO} times what it takes in the file; save it with numpy.save"
        )


def _read_header(file: IO[bytes], size: int) -> _Header:
    """The header at the start of a file of `size` bytes. What follows is at least what it claims."""
    magic = file.read(len(_MAGIC) + 2)
    if not magic.startswith(_MAGIC) or len(magic) < len(_MAGIC) + 2:
        raise ValueError("its content is not a numpy array")
    length_size = 2 if magic[len(_MAGIC)] == 1 else 4
    length = int.from_bytes(file.read(length_size), "little")
    bounded.check(length, MAX_HEADER, "its header")
    shape, fortran_order, dtype = _parse_header(file.read(length), length)
    header = _Header(shape, "F" if fortran_order else "C", dtype, len(magic) + length_size + length)
    if dtype.hasobject:
        raise ValueError("it contains Python objects, which gitstore does not read")
    count = math.prod(iter(shape))
    if min(shape, default=0) < 0 or count >= 2**63 or (dtype.itemsize == 0 and count):
        raise ValueError("its header has a shape and type that no array can have")
    if header.start + header.size > size:
        raise ValueError(f"its array takes {format_size(header.size)}, and it ends before that")
    if dtype.kind in "SU" and count > MAX_ITEMS:
        raise ValueError(f"it holds more than {MAX_ITEMS:,} texts")
    return header


def _parse_header(content: bytes, length: int) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    # Versions 2 and 3 have the same fields as 1, and another length, which is checked already.
    header = io.BytesIO(length.to_bytes(4, "little") + content)
    return np.lib.format.read_array_header_2_0(header, max_header_size=MAX_HEADER)


def _read(file: IO[bytes], header: _Header) -> Array:
    """The bytes behind a header, block by block: memory is taken as they come."""
    raw = np.empty(header.size, np.uint8)
    view = raw.data
    while len(view):
        block = file.read(min(len(view), _BLOCK))
        if not block:
            raise ValueError("it ends before its last element")
        view[: len(block)] = block
        view = view[len(block) :]
    return raw


def _array(header: _Header, raw: Array) -> Array:
    return _checked(np.ndarray(header.shape, header.dtype, raw, order=header.order))


def _checked(array: Array) -> Array:
    if array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise ValueError("it has a bool that is neither 0 nor 1")
    return tensors.normalised(array)
