"""Where the tensors of a file lie, whatever its format. Only the bytes of a file decide, never its name."""

from __future__ import annotations

from gitstore.tensors import gguf, npy, safetensors, zip_archive
from gitstore.tensors.readable import Readable, Region

__all__ = ["Readable", "Region", "find_regions"]

# No two formats accept the same file: read as the length of a safetensors header, each magic is over 16 MiB.
_FORMATS = {
    npy.MAGIC: npy.find_regions,
    gguf.MAGIC: gguf.find_regions,
    zip_archive.MAGIC: zip_archive.find_regions,
}


def find_regions(file: Readable) -> list[Region] | None:
    """Return where the tensors of a file lie, in order, without overlap, none of them empty.

    Returns None if it is not a file of tensors. The bytes of a file never make it raise anything.
    """
    beginning = file.read(0, min(file.size, max(map(len, _FORMATS))))
    read = safetensors.find_regions
    for magic, reader in _FORMATS.items():
        if beginning.startswith(magic):
            read = reader
    try:
        return read(file)
    except ValueError:
        return None
