"""The shape of a snapshot's tree (docs/format.md): its entries, without a look at what they hold."""

from __future__ import annotations

from collections.abc import Iterable

from gitstore.layout import CODE, LOCK, SETTINGS
from gitstore.objects.tree import TreeEntry
from gitstore.text import shown

FORMAT = "1"
"""The value of the trailer `Gitstore-Format`."""

STATE = "state"
"""The entry that holds the state."""

# The entries of a snapshot's tree, and whether each is a directory.
_SHAPE = {CODE: True, STATE: True, SETTINGS: False}


def find_shape_problem(top: Iterable[TreeEntry]) -> str | None:
    """Return why a tree with these entries is not a snapshot's; `None` if it has the right shape."""
    entries = {entry.name.decode("utf-8", "replace"): entry for entry in top}
    for name, is_tree in _SHAPE.items():
        if name not in entries or entries[name].is_tree is not is_tree:
            return f"its tree has no {name}"
    for name in (SETTINGS, LOCK):
        if name in entries and not entries[name].is_file:
            kind = "directory" if entries[name].is_tree else "link or a submodule"
            return f"its {name} is a {kind}"
    strange = entries.keys() - {*_SHAPE, LOCK}
    return f"its tree has {shown(min(strange))}, which does not belong in a snapshot" if strange else None
