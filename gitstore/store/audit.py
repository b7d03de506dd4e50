"""Auditing a store: everything that the ledger says is computed anew from the repositories.

Who holds which objects follows from the refs and the objects of each repository, in the order in which the
ledger admitted the refs. The bytes of an object were frozen when it was admitted; the chained rows have them,
and each sum is compared with them. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gitstore.errors import GitstoreError
from gitstore.ledger import inspection
from gitstore.ledger.chain import ChainCheck
from gitstore.ledger.charging import charge_all
from gitstore.ledger.inspection import InspectedModel, RowSums
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.matching import EventMatcher
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.walk import sort_topologically
from gitstore.packs.oid import Oid
from gitstore.store.receive.ended import finish_ended
from gitstore.store.receive.reconcile import read_refs, reconcile_models
from gitstore.store.receive.stored import measure
from gitstore.store.store import Store, StoreModel

_MOST = 5
"""Problems of one kind that a model reports."""


@dataclass
class Audit:
    """What an audit found. `head` is the hash of the last row: keep it, and nobody can shorten the ledger.

    `repacked` counts objects that have other bytes on disk now than when they were admitted. `pending` counts
    pushes that are under way.
    """

    models: int = 0
    refs: int = 0
    objects: int = 0
    bytes: int = 0
    rows: int = 0
    head: str = ""
    repacked: int = 0
    pending: int = 0
    problems: list[str] = field(default_factory=list)


def audit_store(store: Store, models: Sequence[StoreModel] | None = None, *, now: int) -> Audit:
    """Bring the ledger up to date with some models, or with all, and audit it.

    Pushes that are under way are left to themselves. Raises `Corrupt` only if the ledger cannot be read.
    """
    with store.ledger() as ledger:
        if models is None:
            reconcile_models(ledger, store, now=now)

        def finish(model: StoreModel) -> None:
            with suppress(GitstoreError):  # the audit says what is wrong there
                finish_ended(model, ledger, now=now)

        names = None if models is None else [model.full_name for model in models]
        return audit(store, ledger, names, prepare=finish)


def audit(
    store: Store,
    ledger: Ledger,
    names: Sequence[str] | None = None,
    *,
    prepare: Callable[[StoreModel], None] = lambda _: None,
) -> Audit:
    """Compare the ledger with the repositories: of some models, or of all, and then the rows as well.

    `prepare` is called with each model before it is compared. A problem names the row, or the model and its
    ref. Raises `Corrupt` only if the ledger cannot be read.
    """
    report = Audit()
    existing = {model.full_name: model for model in store.models()}
    wanted = sorted({*existing, *ledger.models()}) if names is None else list(names)
    for name in wanted:
        # A model is opened once, and closed before the next: a process has few descriptors for packs.
        model = existing.pop(name, None)
        if model is not None:
            prepare(model)
        # Each model is read at one time; pushes to others go on meanwhile.
        with ledger.reading():
            _audit_model(ledger, model, name, report=report)
    _audit_rows(ledger, report)
    return report


def _audit_model(ledger: Ledger, model: StoreModel | None, name: str, *, report: Audit) -> None:
    report.models += 1
    inspected = inspection.inspect(ledger.connection, name)
    if inspected is None:
        report.problems.append(f"{name} is not in the ledger")
        return
    if model is None:
        if not inspected.pending:  # else it is being derived
            report.problems.append(f"{name} is in the ledger, and its repository is gone")
        return
    report.pending += len(inspected.pending)
    report.refs += len(inspected.refs)
    report.objects += len(inspected.charged)
    report.bytes += inspected.bytes
    problems = [f"{name} {problem}" for problem in inspected.problems]
    try:
        problems += _compare(model, inspected, report)
    except GitstoreError as error:
        problems.append(f"{name} cannot be read: {error.message}")
    report.problems += problems


def _compare(model: StoreModel, inspected: InspectedModel, report: Audit) -> Iterator[str]:
    """Yield how a repository differs from what the ledger says."""
    name = model.full_name
    refs = read_refs(model)
    wrong = [
        f"{name} {ref} is {_short(refs.get(ref))}, and {_short(inspected.refs.get(ref))} in the ledger"
        for ref in sorted({*refs, *inspected.refs})
        if refs.get(ref) != inspected.refs.get(ref) and ref not in inspected.busy
    ]
    yield from _some(wrong)
    objects = model.repository.objects
    holders = list(inspected.holders)
    nodes = sort_topologically(objects, [target for _, target in holders])
    charged = charge_all(holders, lambda oid: nodes[oid].children)
    recorded = inspected.charged
    if charged != recorded:
        differing = (oid for oid in charged.keys() | recorded.keys() if charged.get(oid) != recorded.get(oid))
        yield from _some(
            f"{name} object {oid} is charged to {inspected.ref_of(recorded.get(oid))}, and should be to"
            f" {inspected.ref_of(charged.get(oid))}"
            for oid in sorted(differing)
        )
    report.repacked += _count_repacked(objects, inspected.sizes)


def _count_repacked(objects: ObjectDatabase, sizes: Mapping[Oid, int]) -> int:
    """Count the objects that no pack has with the bytes that they had when they were admitted."""
    waiting = dict(sizes)
    for pack in objects.packs:
        for oid, size in pack.disk_sizes():
            if waiting.get(oid) == size:  # type: ignore[call-overload]
                del waiting[oid]  # type: ignore[arg-type]
    return sum(oid not in objects or measure(objects, oid) != size for oid, size in waiting.items())


def _audit_rows(ledger: Ledger, report: Audit) -> None:
    with ledger.reading():
        check, sums = ChainCheck(), RowSums(ledger.connection)
        events = EventMatcher(ledger.connection)
        for row in ledger.rows():  # once, and not as a list: there may be millions
            check.add(row)
            sums.add(row)
            events.add(row)
        report.rows, report.head = check.rows, check.head.hex()
        if check.broken is not None:
            report.problems.append(f"row {check.broken} of the ledger does not continue the chain")
        report.problems += _some(sums.list_problems())
        report.problems += _some(inspection.find_unpaid(ledger.connection))
        report.problems += _some(events.list_problems())


def _some(problems: Iterator[str] | Sequence[str]) -> Iterator[str]:
    """Yield the first problems, and how many more there are."""
    count = 0
    for count, problem in enumerate(problems, start=1):
        if count <= _MOST:
            yield problem
    if count > _MOST:
        yield f"… and {count - _MOST} more"


def _short(oid: Oid | None) -> str:
    return "absent" if oid is None else oid.short
