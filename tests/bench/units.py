"""Sizes as people write and read them."""

from __future__ import annotations

import re

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
_UNITS = {"": 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}


def parse_size(text: str) -> int:
    """Bytes of `64MiB` or `1GiB`; a ValueError says what is allowed."""
    match = re.fullmatch(r"(\d+)\s*([KMG]iB|B|)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 64MiB or 1GiB")
    return int(match[1]) * _UNITS[match[2]]


def size_word(size: int) -> str:
    """`size` bytes, exactly, as parse_size reads them."""
    unit = next((name for name in ("GiB", "MiB", "KiB") if size % _UNITS[name] == 0), "B")
    return f"{size // _UNITS[unit]}{unit}"


def size_text(size: int) -> str:
    """`size` bytes in the unit that leaves one to four digits before the point."""
    if abs(size) >= 10 * GIB:
        return f"{size / GIB:.2f} GiB"
    if abs(size) >= MIB:
        return f"{size / MIB:.1f} MiB"
    if abs(size) >= 10 * KIB:
        return f"{size / KIB:.1f} KiB"
    return f"{size} B"


def seconds_text(seconds: float) -> str:
    """Seconds with as many digits as a measurement on a shared machine deserves."""
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}"
