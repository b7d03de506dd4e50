"""What rows of the ledger say about bytes."""

from __future__ import annotations

import pytest

from gitstore.billing.ledger_rows import read_changes, spell_ref
from gitstore.billing.meter import BilledRef, ByteChange
from gitstore.ledger.values import LedgerRow, RowKind

TAG = "a" * 40


def row(kind: RowKind, size: int, *, time: int) -> LedgerRow:
    return LedgerRow(1, time, "acme", "digits", "refs/tags/v1", TAG, kind, 3, size, "push-1", b"\0" * 32)


def test_a_row_is_a_change_of_its_ref() -> None:
    rows = [row(RowKind.ADMITTED, 10, time=5), row(RowKind.INHERITED, 7, time=6)]
    rows += [row(RowKind.DELETED, 0, time=7), row(RowKind.DELETED, -17, time=8)]
    ref = BilledRef("acme", "digits", "refs/tags/v1", TAG)
    assert list(read_changes(rows)) == [
        ByteChange(5, ref, 10),
        ByteChange(6, ref, 7),
        ByteChange(8, ref, -17),
    ]


@pytest.mark.parametrize(
    ("ref", "spelled"),
    [
        ("refs/tags/v1", ("snapshot", "v1")),
        ("refs/tags/dogs/v1", ("snapshot", "dogs@v1")),
        ("refs/heads/feature/x", ("branch", "feature/x")),
        ("refs/states/dogs/initial", ("state", "dogs/initial")),
        ("refs/notes/evaluations", ("notes", "evaluations")),
        ("refs/aliases/production", ("alias", "production")),
        ("refs/other", ("ref", "refs/other")),
    ],
)
def test_a_ref_is_named_as_people_name_it(ref: str, spelled: tuple[str, str]) -> None:
    assert spell_ref(ref) == spelled
