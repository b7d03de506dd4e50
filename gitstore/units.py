"""Sizes and durations as people write them.

Everywhere else a size is an `int` of bytes and a duration a `float` of seconds. Two ways back to
text: a *literal* is exact and is read again, a *format* is rounded and for people.
"""

from __future__ import annotations

import re

from gitstore.text import quoted

KIB = 1024
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4
SIZES = {
    "B": 1,
    "KiB": KIB,
    "MiB": MIB,
    "GiB": GIB,
    "TiB": TIB,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
}
MAX_SIZE = 2**63 - 1

SECOND = 10**9
DURATIONS = {
    "d": 86400 * SECOND,
    "h": 3600 * SECOND,
    "m": 60 * SECOND,
    "s": SECOND,
    "ms": SECOND // 1000,
}
"""Nanoseconds in each unit: whole numbers, so that adding them up rounds nothing."""
MAX_DAYS = 3650

# Read by Python here and by editors in the JSON Schema: nothing that ECMAScript does not have.
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
SIZE_PATTERN = rf"^({_NUMBER}) ?({'|'.join(SIZES)})?$"
DURATION_PATTERN = "^(?=.)" + "".join(rf"(?:({_NUMBER}){unit})?" for unit in DURATIONS) + "$"

# Longer than anything meant seriously; keeps a hostile number from becoming a huge integer.
_LONGEST = 100


def parse_size(text: str) -> int:
    """Bytes in `text`: `4096`, `32MiB`, `1.5GiB`, `20GB`; at most 8 EiB.

    Raises ValueError, with one line that says what is allowed.
    """
    match = re.fullmatch(SIZE_PATTERN, text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(
            f"{quoted(text)} is not a size; write bytes, or a number and one of {', '.join(SIZES)}: 32MiB"
        )
    size, rest = _times(match[1], SIZES[match[2] or "B"])
    if rest:
        raise ValueError(f"{quoted(text)} is not a whole number of bytes; use a smaller unit")
    if size > MAX_SIZE:
        raise ValueError(f"{quoted(text)} is too large; a size is less than 8 EiB")
    return size


def parse_duration(text: str) -> float:
    """Seconds in `text`: `60s`, `1h30m`, `500ms`, `7d`; to the nanosecond, at most 3650 days.

    Raises ValueError, with one line that says what is allowed.
    """
    match = re.fullmatch(DURATION_PATTERN, text) if len(text) <= _LONGEST else None
    if match is None:
        if re.fullmatch(_NUMBER, text):
            raise ValueError(f"{quoted(text)} has no unit; write it like 60s, 10m or 24h")
        raise ValueError(f"{quoted(text)} is not a duration; write it like 500ms, 60s, 10m, 1h30m or 7d")
    total = 0
    for number, unit in zip(match.groups(), DURATIONS.values(), strict=True):
        nanoseconds, rest = _times(number or "0", unit)
        if rest:
            raise ValueError(f"{quoted(text)} is finer than a nanosecond; use fewer digits")
        total += nanoseconds
    if total > MAX_DAYS * DURATIONS["d"]:
        raise ValueError(f"{quoted(text)} is too long; a duration is at most {MAX_DAYS}d")
    return total / SECOND


def _times(number: str, unit: int) -> tuple[int, int]:
    """A decimal number times a unit, exactly: the whole part, and whether anything is left over."""
    integer, _, fraction = number.partition(".")
    scale: int = 10 ** len(fraction)
    return divmod(int(integer + fraction) * unit, scale)


def size_literal(size: int) -> str:
    """`size` in the largest binary unit that divides it; `parse_size` gives the same bytes back."""
    if size < 0:
        raise ValueError(f"{size} is not a size; a size is 0 or more")
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % SIZES[unit] == 0:
            return f"{size // SIZES[unit]}{unit}"
    return f"{size}B"


def duration_literal(seconds: float) -> str:
    """`seconds` in the largest unit that divides them; `parse_duration` gives them back.

    Exact for all that `parse_duration` can give; anything else is rounded to the nanosecond.
    """
    if not 0 <= seconds <= MAX_DAYS * 86400:
        raise ValueError(f"{seconds} is not a duration; it is 0 or more seconds, and at most {MAX_DAYS} days")
    numerator, denominator = float(seconds).as_integer_ratio()
    nanoseconds = (2 * numerator * SECOND + denominator) // (2 * denominator)
    for unit, length in DURATIONS.items():
        if nanoseconds and nanoseconds % length == 0:
            return f"{nanoseconds // length}{unit}"
    seconds_part, remainder = divmod(nanoseconds, SECOND)
    return f"{seconds_part}.{remainder:09}".rstrip("0").rstrip(".") + "s"


def format_size(size: int) -> str:
    """`size` for people, to a tenth: `912 B`, `1.0 GiB`."""
    if size < KIB:
        return f"{size} B"
    for unit in ("KiB", "MiB", "GiB"):
        # Compared as it will be printed: never "1024.0 KiB".
        if round(size / SIZES[unit], 1) < KIB:
            return f"{size / SIZES[unit]:.1f} {unit}"
    return f"{size / TIB:.1f} TiB"


def format_duration(seconds: float) -> str:
    """`seconds` for people, in at most two units: `350 ms`, `12.3 s`, `2 min 05 s`, `1 h 30 min`."""
    if round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    rounded = round(seconds)
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02} h"
