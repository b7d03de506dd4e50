"""What a life puts into models: few names, so that they meet again, and bytes told apart by a number."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from tests.support.content import MIB, noise

MODELS = ("dogs", "kätzchen")
SNAPSHOTS = ("v1", "v2", "größer", "dogs", "HEAD")
"""One is a model's name, too, and one can be no name."""
STATES = ("initial", "b", "größer", "dogs", "no state")
STATE_FILES = ("w", "w/x", "sub/ein Name.bin", "weights.safetensors", "-x")
"""`w` cannot be together with `w/x`."""
CODE_FILES = ("model.py", "lib", "lib/x.py", "größe/a b.py")
IGNORED_FILES = ("run.log", "größe/aus.log")
MESSAGES = ("", "Größer", "One line\n\nMore of it.", "Looks like\n\nModel: another")

_LARGE = 4 * MIB + 200_000
"""Bytes of a file that is stored in parts."""

numbers = st.sampled_from([7, 14, 0, None])
"""Numbers of small contents; `None` is for no file."""
contents = st.sampled_from([7, 14, 0, 21, 7, 14, 21, -1, -2, -3, None])
"""The same, with large ones, which differ in a few places."""


@cache
def content(number: int) -> bytes:
    """The bytes of a number: so many, or those of a large file that is much like the other large ones."""
    if number >= 0:
        return noise(number, number)
    changed = bytearray(noise(_LARGE))
    changed[number * 1_000_000] ^= 0xFF
    return bytes(changed[: number or None])
