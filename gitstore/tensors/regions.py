"""Where the tensors of a file lie, whatever its format. Only the bytes of a file decide, never its name."""

from __future__ import annotations

from gitstore.tensors import safetensors
from gitstore.tensors.readable import Readable, Region

__all__ = ["Readable", "Region", "find_regions"]


def find_regions(file: Readable) -> list[Region] | None:
    """Return where the tensors of a file lie, in order, without overlap, none of them empty.

    Returns None if it is not a file of tensors. The bytes of a file never make it raise anything.
    """
    try:
        return safetensors.find_regions(file)
    except ValueError:
        return None
