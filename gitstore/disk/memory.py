"""How malloc treats memory that is used again and again."""

from __future__ import annotations

from functools import cache

_KEPT = 16 * 1024 * 1024
"""Up to twice as many bytes of freed memory stay with the process."""


@cache  # a second block would come from the memory that is kept, and be filled with zeros
def keep_freed_memory() -> None:
    """Make glibc's malloc keep the memory of one part for the next. Other mallocs do as they like.

    glibc returns freed memory to the kernel beyond twice the largest block that was mapped and freed so far,
    mallopt(3), M_MMAP_THRESHOLD. Without this, an export of bfloat16 spends almost half of its time on pages
    that it gets again from the kernel. The block here is mapped and freed without being touched.
    """
    bytes(_KEPT)
