"""Random lives of a store's models: the ledger charges what a slow second implementation charges."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.disk.processes import ProcessId
from gitstore.ledger.charging import charge_all
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.tables import graph
from gitstore.ledger.tables.graph import unpack_ids
from gitstore.ledger.tables.schema import PENDING
from gitstore.ledger.values import Admission, StoredObject
from gitstore.packs.oid import Kind, Oid
from tests.support.ledgers import find_break
from tests.support.slow_ledger import SlowLedger

REFS = ("refs/tags/v1", "refs/tags/v2", "refs/tags/v3", "refs/states/s", "refs/heads/main", "refs/notes/n")
PROCESS = ProcessId(1, 1, "boot")


class Life:
    """A random life: each step happens to the ledger and to the slow one."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.random = random.Random(seed)
        self.graph: dict[Oid, tuple[Oid, ...]] = {}
        self.ledger = ledger
        self.slow = SlowLedger(self.graph)
        self.numbers = count(1)
        self.refs: dict[str, dict[str, Oid]] = {}
        self.open: dict[str, tuple[str, dict[str, Oid | None]]] = {}
        self.olds: dict[str, dict[str, Oid | None]] = {}
        self.create()

    def step(self) -> None:
        steps: list[Callable[[], object]] = [self.push, self.push, self.begin, self.finish, self.delete]
        rare: list[Callable[[], object]] = [self.create, self.derive, self.derive, self.delete_model]
        self.random.choice(steps * 3 + rare)()

    def create(self) -> None:
        name = f"owner{self.random.randrange(2)}/model{next(self.numbers)}"
        self.ledger.create(name, now=0)
        self.slow.create(name)
        self.refs[name] = {}

    def derive(self) -> None:
        base = self.some_model()
        if not self.refs[base]:
            return
        name = f"owner0/model{next(self.numbers)}"
        value = self.random.choice(list(self.refs[base].values()))
        targets: dict[str, Oid | None] = {"refs/heads/main": self.new_object(value)}
        self.slow.create(name)
        self.refs[name] = {}
        transaction = self.reserve(name, targets, base=base)
        self.settle(transaction, moved=targets.keys())

    def push(self) -> None:
        transaction = self.begin()
        targets = self.open[transaction][1]
        refused = self.random.random() < 0.2
        self.settle(transaction, moved=[ref for ref in targets if not refused or self.random.random() < 0.5])

    def begin(self) -> str:
        name = self.some_model()
        refs = self.random.sample(REFS, self.random.randint(1, 3))
        return self.reserve(name, {ref: self.new_value(name, ref) for ref in refs})

    def finish(self) -> None:
        if self.open:
            transaction = self.random.choice(list(self.open))
            name, targets = self.open[transaction]
            now, old = self.refs[name], self.olds[transaction]
            moved = [ref for ref in targets if now.get(ref) == old[ref]]  # git compares and swaps
            self.settle(transaction, moved=[ref for ref in moved if self.random.random() < 0.8])

    def reserve(self, name: str, targets: dict[str, Oid | None], *, base: str | None = None) -> str:
        transaction = f"t{next(self.numbers)}"
        sizes = {oid: self.random.randrange(1000) for oid in self.graph}
        objects = {oid: StoredObject(Kind.TREE, sizes[oid], self.graph[oid]) for oid in self.graph}
        if self.random.random() < 0.5:
            held = self.ledger.find_live(name, objects) if base is None else set()
            objects = {oid: item for oid, item in objects.items() if oid not in held}
        old = self.refs[name]
        admissions = [
            Admission(ref=ref, old=old.get(ref), new=new, objects=objects) for ref, new in targets.items()
        ]
        if base is None:
            self.ledger.reserve(name, admissions, transaction=transaction, process=PROCESS, now=0)
        else:
            self.ledger.derive(name, admissions, base=base, transaction=transaction, process=PROCESS, now=0)
        self.slow.reserve(name, targets, sizes=sizes, transaction=transaction, base=base)
        self.open[transaction] = name, targets
        self.olds[transaction] = {ref: old.get(ref) for ref in targets}
        return transaction

    def settle(self, transaction: str, *, moved: Collection[str]) -> None:
        name, targets = self.open.pop(transaction)
        values = {ref: targets[ref] for ref in moved}
        if not values and self.random.random() < 0.5:
            self.ledger.release(transaction, now=0)
            self.slow.release(name, transaction)
            return
        self.ledger.settle(transaction, values, now=0)
        self.slow.settle(name, targets, moved=values, transaction=transaction)
        for ref, new in values.items():
            self.refs[name].pop(ref, None)
            self.refs[name].update({} if new is None else {ref: new})

    def delete(self) -> None:
        name = self.some_model()
        refs = [ref for ref in self.refs[name] if self.random.random() < 0.4]
        self.ledger.delete(name, dict.fromkeys(refs), transaction="rm", now=0)
        self.slow.delete(name, refs)
        for ref in refs:
            del self.refs[name][ref]

    def delete_model(self) -> None:
        name = self.some_model()
        if len(self.refs) > 1:
            self.ledger.delete_model(name, transaction="rm", now=0)
            self.slow.delete_model(name)
            del self.refs[name]
            self.open = {key: value for key, value in self.open.items() if value[0] != name}

    def some_model(self) -> str:
        return self.random.choice(list(self.refs))

    def new_value(self, name: str, ref: str) -> Oid | None:
        now = self.refs[name].get(ref)
        chance = self.random.random()
        if chance < 0.1 and now is not None:
            return None
        if chance < 0.5:
            return self.new_object(*([] if now is None else [now]))
        return self.random.choice(list(self.graph)) if self.graph and chance < 0.7 else self.new_object()

    def new_object(self, *children: Oid) -> Oid:
        """An object that refers to some of the others, and to some new ones."""
        others = self.random.sample(list(self.graph), min(len(self.graph), self.random.randrange(4)))
        leaves = [Oid.of(Kind.BLOB, b"%d" % next(self.numbers)) for _ in range(self.random.randrange(3))]
        self.graph.update(dict.fromkeys(leaves, ()))
        oid = Oid.of(Kind.TREE, b"%d" % next(self.numbers))
        self.graph[oid] = (*children, *others, *leaves, *leaves[:1])
        return oid


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
    """Each object is charged by the definition, and edges are the children the other way round."""
    query = ledger.connection.execute
    rows = query("SELECT id, model, oid, admission, since, children FROM ledger_objects").fetchall()
    children = {row[0]: unpack_ids(row[5]) for row in rows}
    edges = {(child, parent) for parent, ids in children.items() for child in ids}
    assert set(query("SELECT child, parent FROM ledger_edges")) == edges
    ids = {(row[1], row[2]): row[0] for row in rows}
    admissions = query("SELECT id, model, target, rank FROM ledger_admissions ORDER BY rank").fetchall()
    holders = [(number, ids[model, target]) for number, model, target, _ in admissions]
    assert {row[0]: row[3] for row in rows} == charge_all(holders, children.__getitem__)
    ranks = {number: rank for number, _, _, rank in admissions}
    assert all(since <= ranks[admission] % PENDING for _, _, _, admission, since, _ in rows)


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
