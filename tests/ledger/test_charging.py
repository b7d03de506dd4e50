"""The order in which the refs of one push are charged."""

from __future__ import annotations

from gitstore.ledger.charging import order_refs


def test_the_order_of_charging() -> None:
    refs = [
        "refs/tags/b", "refs/tags/dogs/a", "refs/states/a", "refs/heads/a", "refs/heads/b",
        "refs/aliases/b", "refs/gitstore/transit/1", "refs/notes/a", "refs/records/1/a",
    ]  # fmt: skip
    others = refs[::-1]
    others.sort(key=order_refs)
    assert others == refs
