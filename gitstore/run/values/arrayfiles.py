"""Reading numpy's files, .npy and .npz. Every claim in them is checked, and nothing is unpickled.

The formats are those of numpy.lib.format and of APPNOTE.TXT (zip). Errors are ValueErrors, or exceptions of
numpy, zipfile or zlib, of many classes.
"""

from __future__ import annotations

import io
import itertools
import math
import mmap
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import IO, BinaryIO, Literal, NamedTuple

import numpy as np

from gitstore.run.values import bounded, read_only
from gitstore.run.worker import shared, tensors
from gitstore.run.worker.tensors import Array
from gitstore.units import format_size

MAX_HEADER = 10_000
"""The most bytes of the header of an array, as in numpy."""

MAX_ITEMS = 1 << 24
"""The most items of an array of text. Each becomes an object of about 60 bytes."""

MAX_DIRECTORY = 4 << 20
"""The most bytes of the directory of an .npz file."""

MAX_INFLATED = 256 << 20
MAX_RATIO = 100
"""An array in an .npz file has at most `MAX_INFLATED` bytes, or `MAX_RATIO` times its bytes in the file."""

MAP_FROM = 64 << 20
"""From this many bytes, arrays are mapped instead of read. The model's process maps the same file."""

_BLOCK = 1 << 20
_SHOWN = 10
_MAGIC = b"\x93NUMPY"


class ArrayHeader(NamedTuple):
    """What a file says of an array. The bytes of the array begin at `start` of the file."""

    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype[np.generic]
    start: int

    @property
    def size(self) -> int:
        """The bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path) -> Array:
    """Read the array of an .npy file. Large ones are mapped: the file must not change meanwhile."""
    with path.open("rb") as file:
        header = _read_header(file, check_regular(file))
        if header.size < MAP_FROM:
            return _make_array(header, _read_items(file, header))
        return check_values(_map(file, path, header))


def map_npy(path: Path) -> Array:
    """Map the array of an .npy file as it is, for a reader that checks and normalises parts of it."""
    with path.open("rb") as file:
        return map_raw(file, _read_header(file, check_regular(file)))


def map_npz(path: Path, names: Collection[str]) -> dict[str, Array]:
    """Map those arrays of an .npz file that have one of these names, like `map_npy`.

    A compressed one is decompressed into a temporary file.
    """
    with path.open("rb") as file:
        size = check_regular(file)
        with _open_archive(file) as archive:
            members = _name_members(archive)
            return {
                name: _map_member(file, archive, archive.getinfo(members[name]), size=size)
                for name in names
                if name in members
            }


def list_npz(path: Path) -> list[str]:
    """List the names of the arrays of an .npz file."""
    with path.open("rb") as file:
        check_regular(file)
        with _open_archive(file) as archive:
            return list(_name_members(archive))


def map_raw(file: BinaryIO, header: ArrayHeader) -> Array:
    """Map an array from an open file, which must have all of its bytes and not change."""
    if not header.size:
        return np.empty(header.shape, header.dtype)
    place = shared.FilePlace(file.fileno(), header.start)
    data = shared.map_file(place, header.size).view(header.dtype)
    return data.reshape(header.shape, order=header.order)


def release(array: Array) -> None:
    """Give back the memory of a mapped array. What is read of it again comes from its file again."""
    owner: object = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def _map_member(file: BinaryIO, archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, size: int) -> Array:
    _check_member(member, size)
    with archive.open(member) as inflated:
        header = _read_header(inflated, member.file_size)
        if member.compress_type == zipfile.ZIP_STORED:
            return map_raw(file, header._replace(start=_find_content(file, member) + header.start))
        with tempfile.TemporaryFile(prefix="gitstore-array-") as copy:
            shutil.copyfileobj(inflated, copy, _BLOCK)
            copy.flush()
            if os.fstat(copy.fileno()).st_size < header.size:
                raise ValueError("it ends before its last element")
            return map_raw(copy, header._replace(start=0))


def read_npz(path: Path, key: str | None) -> Array:
    """Read an array of an .npz file. `key` may be `None` if there is only one."""
    with path.open("rb") as file:
        size = check_regular(file)
        with _open_archive(file) as archive:
            members = _name_members(archive)
            member = archive.getinfo(members[choose_key(members, key, kind="array")])
            _check_member(member, size)
            with archive.open(member) as inflated:
                header = _read_header(inflated, member.file_size)
                if header.size >= MAP_FROM and member.compress_type == zipfile.ZIP_STORED:
                    start = _find_content(file, member) + header.start
                    return check_values(_map(file, path, header._replace(start=start)))
                return _make_array(header, _read_items(inflated, header))


def choose_key(names: Collection[str], key: str | None, *, kind: str) -> str:
    """Return the key, or if there is none the only name. Raises ValueError if that is none of the names."""
    if key is None and len(names) != 1:
        raise ValueError(f"it holds {len(names)} {kind}s; name one after a colon: {_list_names(names)}")
    if key is not None and key not in names:
        raise ValueError(f"it has no {kind} {key}; it has {_list_names(names)}")
    return next(iter(names)) if key is None else key


def read_array(file: BinaryIO, path: Path, header: ArrayHeader) -> Array:
    """Read an array from an open file, or map it if it is large. The file must have all of its bytes."""
    if header.size >= MAP_FROM:
        return check_values(_map(file, path, header))
    file.seek(header.start)
    return _make_array(header, _read_items(file, header))


def _map(file: BinaryIO, path: Path, header: ArrayHeader) -> Array:
    protected = read_only.open_protected(path, file.fileno())
    descriptor = os.dup(file.fileno()) if protected is None else protected
    place = shared.FilePlace(descriptor, header.start, protected is not None)
    try:
        return shared.map_array(place, header.dtype, shape=header.shape, order=header.order)
    except BaseException:
        os.close(descriptor)
        raise


def _find_content(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin, which zipfile has opened before: behind its own header."""
    position = file.tell()
    file.seek(member.header_offset + 26)
    lengths = file.read(4)
    file.seek(position)
    return member.header_offset + 30 + sum(int.from_bytes(lengths[at : at + 2], "little") for at in (0, 2))


def check_regular(file: BinaryIO) -> int:
    """Return the size of a regular file. Raises ValueError for any other, which may never end."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file; only bytes are read from pipes and devices")
    return status.st_size


def _list_names(names: Iterable[str]) -> str:
    first = list(itertools.islice(names, _SHOWN + 1))
    return ", ".join([*first[:_SHOWN], "…"] if len(first) > _SHOWN else first)


def _open_archive(file: BinaryIO) -> zipfile.ZipFile:
    # zipfile reads the whole directory at once. Its function that finds the end says how large that is.
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end is None:
        raise ValueError("it is not an .npz file")
    bounded.check_size(end[zipfile._ECD_SIZE], MAX_DIRECTORY, "its list of arrays")  # type: ignore[attr-defined]
    return zipfile.ZipFile(file)


def _name_members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the files of an archive by the names of their arrays."""
    return {name.removesuffix(".npy"): name for name in archive.namelist()}


def _check_member(member: zipfile.ZipInfo, size: int) -> None:
    """Raise ValueError if it takes far more memory than bytes in its file, which has `size` bytes."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is compressed in a way that numpy does not use")
    allowed = max(MAX_INFLATED, MAX_RATIO * min(member.compress_size, size))
    if member.file_size > allowed:
        raise ValueError(
            f"its array {member.filename.removesuffix('.npy')} has {format_size(member.file_size)},"
            f" over {MAX_RATIO} times what it takes in the file; save it with numpy.save"
        )


def _read_header(file: IO[bytes], size: int) -> ArrayHeader:
    """Read the header of a file of `size` bytes, and check that the file has all bytes of the array."""
    magic = file.read(len(_MAGIC) + 2)
    if not magic.startswith(_MAGIC) or len(magic) < len(_MAGIC) + 2:
        raise ValueError("its content is not a numpy array")
    length_size = 2 if magic[len(_MAGIC)] == 1 else 4
    length = int.from_bytes(file.read(length_size), "little")
    bounded.check_size(length, MAX_HEADER, "its header")
    shape, fortran_order, dtype = _parse_header(file.read(length), length)
    header = ArrayHeader(shape, "F" if fortran_order else "C", dtype, len(magic) + length_size + length)
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
    # Versions 2 and 3 have the same fields as 1, and a longer length, which is checked already.
    header = io.BytesIO(length.to_bytes(4, "little") + content)
    return np.lib.format.read_array_header_2_0(header, max_header_size=MAX_HEADER)


def _read_items(file: IO[bytes], header: ArrayHeader) -> Array:
    """Read the bytes after a header, block by block, so that memory is used only for bytes that exist."""
    raw = np.empty(header.size, np.uint8)
    view = raw.data
    while len(view):
        block = file.read(min(len(view), _BLOCK))
        if not block:
            raise ValueError("it ends before its last element")
        view[: len(block)] = block
        view = view[len(block) :]
    return raw


def _make_array(header: ArrayHeader, raw: Array) -> Array:
    return check_values(np.ndarray(header.shape, header.dtype, raw, order=header.order))


def check_values(array: Array) -> Array:
    """Return an array from a file in gitstore's form. Raises ValueError for what no array of ours holds."""
    if array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise ValueError("it has a bool that is neither 0 nor 1")
    return tensors.normalise(array)
