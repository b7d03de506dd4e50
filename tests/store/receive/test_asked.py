"""What git tells a hook about a push."""

from __future__ import annotations

from gitstore.packs.oid import Oid
from gitstore.store.receive.asked import AskedChange, parse_changes
from tests.support import crafting


def test_what_the_hook_reads() -> None:
    one, two = Oid(b"\1" * 20), Oid(b"\2" * 20)
    lines = (
        f"{crafting.NONE} {one} refs/heads/a",
        f"{one} {two} refs/heads/b c",
        f"{two} {crafting.NONE} refs/tags/\u00fc",
    )
    assert parse_changes("\n".join(lines).encode()) == [
        AskedChange("refs/heads/a", None, one),
        AskedChange("refs/heads/b c", one, two),
        AskedChange("refs/tags/\u00fc", two, None),
    ]
    assert parse_changes(b"") == []
