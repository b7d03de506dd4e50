"""The table of objects is a mapping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.packs.oid import Kind, Oid
from gitstore.policy.push import NewObject
from gitstore.store.receive.object_table import ObjectTable

OBJECTS = st.builds(NewObject, st.sampled_from(Kind), st.integers(0, 2**40), st.integers(0, 2**40))


@given(
    st.dictionaries(st.binary(min_size=20, max_size=20), OBJECTS, max_size=20),
    st.binary(min_size=20, max_size=20),
)
def test_it_is_a_mapping(objects: dict[bytes, NewObject], other: bytes) -> None:
    table = ObjectTable()
    for oid in sorted(objects):
        table.append(Oid(oid), objects[oid])
    assert dict(table) == objects
    assert [table.find(Oid(oid)) for oid in sorted(objects)] == list(range(len(objects)))
    assert [table.disk_at(at) for at in range(len(table))] == [objects[oid].disk for oid in sorted(objects)]
    assert (Oid(other) in table) == (other in objects)


def test_objects_come_in_order() -> None:
    table = ObjectTable()
    table.append(Oid(b"\2" * 20), NewObject(Kind.BLOB, 1, 1))
    for first in (b"\1", b"\2"):
        with pytest.raises(ValueError, match="not in order"):
            table.append(Oid(first * 20), NewObject(Kind.BLOB, 1, 1))
