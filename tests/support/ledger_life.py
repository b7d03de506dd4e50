"""A random life of a store's models, without repositories: the ledger and the slow one live it together."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from itertools import count
from math import inf

from gitstore.disk.processes import ProcessId
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import UNLIMITED, Admission, QuotaExceeded, Quotas, Reservation, StoredObject
from gitstore.packs.oid import Kind, Oid
from tests.support.slow_ledger import SlowLedger

REFS = ("refs/tags/v1", "refs/tags/v2", "refs/tags/v3", "refs/states/s", "refs/heads/main", "refs/notes/n")
PROCESS = ProcessId(1, 1, "boot")


class Life:
    """A random life: each step happens to the ledger and to the slow one, at some time.

    All owners and models have the same `quotas`, of which only the hard ones count.
    """

    def __init__(self, ledger: Ledger, seed: int, quotas: Quotas = UNLIMITED) -> None:
        self.random = random.Random(seed)
        self.quotas = quotas
        self.now = 0
        self.graph: dict[Oid, tuple[Oid, ...]] = {}
        self.ledger = ledger
        self.slow = SlowLedger(self.graph)
        self.numbers = count(1)
        self.refs: dict[str, dict[str, Oid]] = {}
        self.open: dict[str, tuple[str, dict[str, Oid | None]]] = {}
        self.olds: dict[str, dict[str, Oid | None]] = {}
        self.create()

    def step(self) -> None:
        """One thing more, a moment later. Clocks of several machines differ."""
        self.now += self.random.choice((0, 1, 300_000, 5_000_000, -200_000))
        steps: list[Callable[[], object]] = [self.push, self.push, self.begin, self.finish, self.delete]
        rare: list[Callable[[], object]] = [self.create, self.derive, self.derive, self.delete_model]
        self.random.choice(steps * 3 + rare)()

    def create(self) -> None:
        name = f"owner{self.random.randrange(2)}/model{next(self.numbers)}"
        self.ledger.create(name, now=self.now)
        self.slow.create(name)
        self.refs[name] = {}

    def derive(self) -> None:
        base = self.some_model()
        if not self.refs[base]:
            return
        name = f"owner0/model{next(self.numbers)}"
        value = self.random.choice(list(self.refs[base].values()))
        targets: dict[str, Oid | None] = {"refs/heads/main": self.new_object(value)}
        transaction = self.reserve(name, targets, base=base)
        if transaction is not None:
            self.settle(transaction, moved=targets.keys())

    def push(self) -> None:
        transaction = self.begin()
        if transaction is None:
            return
        targets = self.open[transaction][1]
        refused = self.random.random() < 0.2
        self.settle(transaction, moved=[ref for ref in targets if not refused or self.random.random() < 0.5])

    def begin(self) -> str | None:
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

    def reserve(self, name: str, targets: dict[str, Oid | None], *, base: str | None = None) -> str | None:
        """Reserve, or find that it does not fit; both ledgers agree about that."""
        transaction = f"t{next(self.numbers)}"
        sizes = {oid: self.random.randrange(1000) for oid in self.graph}
        objects = {oid: StoredObject(Kind.TREE, sizes[oid], self.graph[oid]) for oid in self.graph}
        if self.random.random() < 0.5:
            held = self.ledger.find_live(name, objects) if base is None else set()
            objects = {oid: item for oid, item in objects.items() if oid not in held}
        old = self.refs.get(name, {})
        admissions = [
            Admission(
                ref=ref,
                old=old.get(ref),
                new=new,
                tag=new if ref.startswith("refs/tags/") else None,
                objects=objects,
            )
            for ref, new in targets.items()
        ]
        needed = sum(sizes[oid] for oid in self.slow.list_new(name, targets.values(), base=base))
        left = self.measure_left(name)
        try:
            reservation = self._ask(name, admissions, base=base, transaction=transaction)
        except QuotaExceeded as error:
            assert (error.needed, error.left) == (needed, max(left[error.name], 0))
            assert needed > left[error.name]
            return None
        assert reservation.bytes == needed
        assert not needed or needed <= min(left.values())
        if base is not None:
            self.slow.create(name)
            self.refs[name] = {}
        self.slow.reserve(name, targets, sizes=sizes, transaction=transaction, base=base)
        self.open[transaction] = name, targets
        self.olds[transaction] = {ref: old.get(ref) for ref in targets}
        return transaction

    def _ask(
        self, name: str, admissions: Sequence[Admission], *, base: str | None, transaction: str
    ) -> Reservation:
        if base is None:
            return self.ledger.reserve(
                name, admissions, transaction=transaction, process=PROCESS, now=self.now, quotas=self.quotas
            )
        return self.ledger.derive(
            name, admissions, base=base, transaction=transaction, process=PROCESS, now=self.now,
            quotas=self.quotas,
        )  # fmt: skip

    def measure_left(self, name: str) -> dict[str, float]:
        """How many bytes fit into the quotas of a model's owner, and into its own."""
        quotas = {name.partition("/")[0]: self.quotas.owner, name: self.quotas.model}
        return {
            subject: inf if quota.hard is None else quota.hard - self.slow.used(subject)
            for subject, quota in quotas.items()
        }

    def settle(self, transaction: str, *, moved: Collection[str]) -> None:
        name, targets = self.open.pop(transaction)
        values = {ref: targets[ref] for ref in moved}
        if not values and self.random.random() < 0.5:
            self.ledger.release(transaction, now=self.now)
            self.slow.release(name, transaction)
            return
        self.ledger.settle(transaction, values, now=self.now)
        self.slow.settle(name, targets, moved=values, transaction=transaction)
        for ref, new in values.items():
            self.refs[name].pop(ref, None)
            self.refs[name].update({} if new is None else {ref: new})

    def delete(self) -> None:
        name = self.some_model()
        refs = [ref for ref in self.refs[name] if self.random.random() < 0.4]
        self.ledger.delete(name, dict.fromkeys(refs), transaction="rm", now=self.now)
        self.slow.delete(name, refs)
        for ref in refs:
            del self.refs[name][ref]

    def delete_model(self) -> None:
        name = self.some_model()
        if len(self.refs) > 1:
            self.ledger.delete_model(name, transaction="rm", now=self.now)
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
