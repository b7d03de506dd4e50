"""Random lives of a store's models: the ledger charges what a slow second implementation charges."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.ledger.audit.graph import compare_with_repository, list_wrong_edges
from gitstore.ledger.audit.inspection import inspect
from gitstore.ledger.audit.references import list_broken
from gitstore.ledger.audit.rows import RowSums
from gitstore.ledger.charging import charge_all
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.tables import graph
from gitstore.ledger.tables.graph import unpack_ids
from gitstore.ledger.tables.schema import PENDING
from gitstore.packs.oid import Kind
from tests.support.ledger_life import Life
from tests.support.ledgers import find_break


def check(life: Life) -> None:
    ledger, slow = life.ledger, life.slow
    expected = {(name, ref): charge for name in slow.models for ref, charge in slow.charges(name).items()}
    holdings = {(item.model, item.ref): (item.objects, item.bytes) for item in ledger.holdings()}
    assert holdings == expected
    assert {item.full_name: ledger.refs(item.full_name) for item in ledger.balances()} == life.refs
    for balance in ledger.balances():
        name = balance.full_name
        assert balance.bytes == sum(size for _, size in slow.charges(name).values())
        assert balance.objects == sum(objects for objects, _ in slow.charges(name).values())
        assert balance.reserved == sum(size for _, size in slow.charges(name, settled=False).values())
    rows = list(ledger.rows())
    assert find_break(rows) is None
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        sums[f"{row.owner}/{row.model}", row.ref] += row.bytes
    assert +sums == +Counter({key: size for key, (_, size) in expected.items()})


def check_tables(ledger: Ledger) -> None:
    """Each object is charged by the definition."""
    query = ledger.connection.execute
    rows = query("SELECT id, model, oid, admission, since, children FROM ledger_objects").fetchall()
    children = {row[0]: unpack_ids(row[5]) for row in rows}
    ids = {(row[1], row[2]): row[0] for row in rows}
    admissions = query("SELECT id, model, target, rank FROM ledger_admissions ORDER BY rank").fetchall()
    holders = [(number, ids[model, target]) for number, model, target, _ in admissions]
    assert {row[0]: row[3] for row in rows} == charge_all(holders, children.__getitem__)
    ranks = {number: rank for number, _, _, rank in admissions}
    assert all(since <= ranks[admission] % PENDING for _, _, _, admission, since, _ in rows)


def list_problems(life: Life) -> list[str]:
    """What an audit finds: nothing."""
    connection = life.ledger.connection
    sums = RowSums(connection)
    for row in life.ledger.rows():
        sums.add(row)
    problems = [*list_wrong_edges(connection), *list_broken(connection), *sums.list_problems()]
    nodes = {oid: (Kind.TREE, children) for oid, children in life.graph.items()}
    for name in life.refs:
        inspected = inspect(connection, name)
        assert inspected is not None
        problems += [*inspected.problems, *compare_with_repository(inspected.objects, nodes)]
        problems += [
            f"{name} {ref}" for ref, older, newer in inspected.layers if older not in life.slow.closure(newer)
        ]
    return problems


@given(st.integers(0, 10**9))
def test_the_ledger_charges_what_the_definition_says(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    with Ledger.open(path) as ledger, pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph, "BUCKET", 5)
        ledger.connection.execute("PRAGMA synchronous = OFF")
        life = Life(ledger, seed)
        for _ in range(4):
            for _ in range(4):
                life.step()
            check(life)
        check_tables(ledger)
        assert list_problems(life) == []
