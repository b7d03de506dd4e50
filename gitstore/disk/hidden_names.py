"""Names of what is not in its place yet, or has moved aside: one scheme for all that a kill can leave.

    .NAME~new          a file that is about to become NAME; the next writer of NAME replaces it
    .NAME~new-RANDOM   the same for a directory (see `directories`), or a file that several may write at once
    .NAME~old          what NAME was, while its successor takes its place

No name of a model, snapshot or state has a tilde.
"""

from __future__ import annotations

from pathlib import Path

NEW = "~new"
OLD = "~old"


def new_path(place: Path) -> Path:
    """Return where the successor of a file is written."""
    return place.with_name(f".{place.name}{NEW}")


def old_path(place: Path) -> Path:
    """Return where a file or directory moves aside to."""
    return place.with_name(f".{place.name}{OLD}")


def new_prefix(name: str) -> str:
    """Return how names begin that end at random."""
    return f".{name}{NEW}-"


def is_hidden_name(name: str) -> bool:
    """Whether a file name follows the scheme."""
    return name.startswith(".") and (NEW in name or name.endswith(OLD))
