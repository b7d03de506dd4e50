"""The ledger's charging rule a second time: all is computed anew after each step, from the definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gitstore.ledger.charging import order_refs
from gitstore.packs.oid import Oid

Graph = Mapping[Oid, tuple[Oid, ...]]
"""What each object refers to."""


@dataclass
class SlowAdmission:
    """A ref that got a value. `place` orders settled ones before reserved ones."""

    place: tuple[int, int]
    ref: str
    target: Oid
    transaction: str | None = None


@dataclass
class SlowModel:
    """A model: its admissions, and of each live object who pays and how much."""

    order: int
    admissions: list[SlowAdmission] = field(default_factory=list)
    copies: dict[Oid, tuple[str, int]] = field(default_factory=dict)


class SlowLedger:
    """Charges by the definition. No quotas, no rows, no events."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._clock = 0
        self.models: dict[str, SlowModel] = {}

    def closure(self, target: Oid) -> set[Oid]:
        """All that a target needs."""
        seen: set[Oid] = set()
        stack = [target]
        while stack:
            oid = stack.pop()
            if oid not in seen:
                seen.add(oid)
                stack += self._graph[oid]
        return seen

    def create(self, name: str) -> None:
        self.models[name] = SlowModel(self._tick())

    def reserve(
        self,
        name: str,
        targets: Mapping[str, Oid | None],
        *,
        sizes: Mapping[Oid, int],
        transaction: str,
        base: str | None = None,
    ) -> None:
        model = self.models[name]
        for ref in sorted(targets, key=order_refs):
            target = targets[ref]
            if target is None:
                continue
            for oid in self.closure(target) - model.copies.keys():
                linked = None if base is None else self.models[base].copies.get(oid)
                model.copies[oid] = linked or (name, sizes[oid])
            model.admissions.append(SlowAdmission((1, self._tick()), ref, target, transaction))

    def list_new(self, name: str, targets: Iterable[Oid | None], *, base: str | None = None) -> set[Oid]:
        """What a push of these values, or a new model, has to pay for."""
        needed = set().union(*(self.closure(target) for target in targets if target is not None))
        for other in (name, base):
            needed -= self.models[other].copies.keys() if other in self.models else set()
        return needed

    def used(self, subject: str) -> int:
        """What an owner or a model pays and has reserved."""
        names = (name for name in self.models if subject in (name, name.partition("/")[0]))
        return sum(
            size for name in names for payer, size in self.models[name].copies.values() if payer == name
        )

    def settle(
        self, name: str, targets: Mapping[str, Oid | None], *, moved: Iterable[str], transaction: str
    ) -> None:
        model = self.models[name]
        for ref in sorted(moved, key=order_refs):
            self._move(model, ref, targets[ref], transaction)
        self.release(name, transaction)

    def _move(self, model: SlowModel, ref: str, target: Oid | None, transaction: str) -> None:
        held = set() if target is None else self.closure(target)
        model.admissions = [
            admission
            for admission in model.admissions
            if admission.ref != ref or admission.place[0] or admission.target in held
        ]
        for admission in model.admissions:
            if admission.ref == ref and admission.transaction == transaction:
                admission.place, admission.transaction = (0, self._tick()), None

    def release(self, name: str, transaction: str) -> None:
        model = self.models[name]
        model.admissions = [
            admission for admission in model.admissions if admission.transaction != transaction
        ]
        self._collect()

    def delete(self, name: str, refs: Iterable[str]) -> None:
        model, gone = self.models[name], set(refs)
        model.admissions = [
            admission for admission in model.admissions if admission.place[0] or admission.ref not in gone
        ]
        self._collect()

    def delete_model(self, name: str) -> None:
        self.models[name].admissions = []
        self._collect()
        del self.models[name]

    def charges(self, name: str, *, settled: bool = True) -> dict[str, tuple[int, int]]:
        """Objects and bytes that are charged to each ref: those that are settled, or those reserved."""
        model = self.models[name]
        sums: dict[str, tuple[int, int]] = {}
        charged: set[Oid] = set()
        for admission in sorted(model.admissions, key=lambda admission: admission.place):
            held = self.closure(admission.target) - charged
            charged |= held
            if settled == (admission.place[0] == 0):
                sizes = [size for payer, size in (model.copies[oid] for oid in held) if payer == name]
                objects, size = sums.get(admission.ref, (0, 0))
                sums[admission.ref] = objects + len(sizes), size + sum(sizes)
        return sums

    def _collect(self) -> None:
        """What a model no longer holds, the oldest model that links it from there pays."""
        for name, model in self.models.items():
            live: set[Oid] = set()
            for admission in model.admissions:
                live |= self.closure(admission.target)
            for oid in model.copies.keys() - live:
                payer, size = model.copies.pop(oid)
                heirs = [
                    heir for heir, other in self.models.items() if other.copies.get(oid, ("",))[0] == name
                ]
                heirs.sort(key=lambda heir: self.models[heir].order)
                for heir in heirs if payer == name else ():
                    self.models[heir].copies[oid] = (heirs[0], size)

    def _tick(self) -> int:
        self._clock += 1
        return self._clock
