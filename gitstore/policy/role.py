"""The roles that a user may have, from the least to the most."""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """What a user may do with a model. A role includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role as store.yaml and messages have it: `read`."""
        return self.name.lower()
