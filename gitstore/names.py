"""The names that a model, a snapshot or a state may have, and how MODEL@SNAPSHOT is spelled.

A name becomes a component of a git ref, a directory under states/, and a half of MODEL@SNAPSHOT,
so it must be safe as each of them.
"""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 100

# A file name may have 255 bytes, and git adds ".lock" to that of a ref while it writes it.
MAX_BYTES = 240

# git-check-ref-format(1) forbids them, "/" because a name is one component; "@" parts MODEL@SNAPSHOT.
FORBIDDEN = frozenset("/\\~^:?*[@")

_OBJECT_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_SHA1 = re.compile("[0-9a-f]{40}")


def name_problem(name: str) -> str | None:
    """Return what is wrong with `name` for a model, a snapshot or a state; None if nothing is.

    The answer continues a sentence that begins with the name: "contains a space".
    """
    if not name:
        return "is empty"
    return _size_problem(name) or _character_problem(name) or _shape_problem(name)


def _size_problem(name: str) -> str | None:
    if len(name) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters"
    if len(name.encode(errors="replace")) > MAX_BYTES:
        return f"is longer than {MAX_BYTES} bytes"
    return None


def _character_problem(name: str) -> str | None:
    for character in name:
        if character.isspace():
            return "contains a space"
        if not character.isprintable():
            return "contains an invisible character"
        if character in FORBIDDEN:
            return f"contains {character!r}"
    # Two names that look the same must be the same; some file systems would change the others.
    if not unicodedata.is_normalized("NFC", name):
        return "is not in Unicode's composed form (NFC)"
    return None


def _shape_problem(name: str) -> str | None:
    if name[0] in "-.":
        return f"starts with {name[0]!r}"
    for ending in (".", ".lock"):
        if name.endswith(ending):
            return f"ends with {ending!r}"
    if ".." in name:
        return "contains '..'"
    # Whatever its case: on some file systems refs/states/head is refs/states/HEAD.
    if name.upper() == "HEAD":
        return "is a name that git reserves"
    if _OBJECT_ID.fullmatch(name):
        return "looks like an object id"
    return None


def spell_snapshot(snapshot: str, model: str = "") -> str:
    """A snapshot as people write it: MODEL@SNAPSHOT, or the bare name where the model is clear."""
    return f"{model}@{snapshot}" if model else snapshot


def spell_alias(ref: str) -> str:
    """An alias as people write it: `refs/aliases/dogs/best` is `dogs@best`."""
    prefix, _, name = ref.removeprefix("refs/aliases/").rpartition("/")
    return spell_snapshot(name, prefix)


def spell_state(ref: str) -> str:
    """A state as people write it: `refs/states/dogs/best` is `dogs@best`."""
    prefix, _, name = ref.removeprefix("refs/states/").rpartition("/")
    return spell_snapshot(name, prefix)


def spell_tag(ref: str) -> str:
    """The snapshot of a tag as people write it: `refs/tags/dogs/v1` is `dogs@v1`, `refs/tags/v1` is `v1`."""
    prefix, _, name = ref.removeprefix("refs/tags/").rpartition("/")
    return spell_snapshot(name, prefix)


def split_record(ref: str) -> tuple[str, str] | None:
    """The id of the object that a record is about, and the record's name; None if a ref is of no record.

    `refs/records/ID/NAME` holds the files of a record.
    """
    target, _, name = ref.removeprefix("refs/records/").partition("/")
    is_record = ref.startswith("refs/records/") and name and "/" not in name and _SHA1.fullmatch(target)
    return (target, name) if is_record else None
