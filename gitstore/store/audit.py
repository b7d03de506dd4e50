"""Auditing a store: everything that the ledger says is computed anew from the repositories.

Who holds which objects follows from the refs and the objects of each repository, in the order in which the
ledger admitted the refs. The bytes of an object were frozen when it was admitted; the chained rows have them,
and each sum is compared with them. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gitstore.errors import Corrupt, GitstoreError
from gitstore.ledger.audit import graph, inspection, references
from gitstore.ledger.audit.inspection import InspectedModel, LedgerObject
from gitstore.ledger.audit.matching import EventMatcher
from gitstore.ledger.audit.reserved import list_wrong_reserved
from gitstore.ledger.audit.rows import RowSums
from gitstore.ledger.chain import ChainCheck
from gitstore.ledger.charging import charge_all
from gitstore.ledger.ledger import Ledger
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.walk import Node, sort_topologically
from gitstore.outbox.deliveries import KEEP, find_pruned
from gitstore.packs.oid import Kind, Oid
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
        return audit(store, ledger, names, prepare=finish, now=now)


def audit(
    store: Store,
    ledger: Ledger,
    names: Sequence[str] | None = None,
    *,
    prepare: Callable[[StoreModel], None] = lambda _: None,
    now: int | None = None,
) -> Audit:
    """Compare the ledger with the repositories: of some models, or of all, and then the rows as well.

    `prepare` is called with each model before it is compared. A problem names the row, or the model and its
    ref. With `now`, events must not be pruned too early. Raises `Corrupt` only if the ledger cannot be read.
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
    with ledger.reading():
        _audit_rows(ledger, report)
        _audit_tables(ledger, report, now=now)
    return report


def _audit_model(ledger: Ledger, model: StoreModel | None, name: str, *, report: Audit) -> None:
    report.models += 1
    try:
        inspected = inspection.inspect(ledger.connection, name)
    except Corrupt as error:
        report.problems.append(f"{name} cannot be read in the ledger: {error.message}")
        return
    if inspected is None:
        report.problems.append(f"{name} is not in the ledger")
        return
    if model is None:
        if not inspected.pending:  # else it is being derived
            report.problems.append(f"{name} is in the ledger, and its repository is gone")
        return
    report.pending += len(inspected.pending)
    report.refs += len(inspected.refs)
    report.objects += len(inspected.objects)
    report.bytes += inspected.bytes
    problems = list(_some(inspected.problems))
    try:
        problems += _compare(model, inspected, report)
    except GitstoreError as error:
        problems.append(f"cannot be read: {error.message}")
    report.problems += [f"{name} {problem}" for problem in problems]


def _compare(model: StoreModel, inspected: InspectedModel, report: Audit) -> Iterator[str]:
    """Yield how a repository differs from what the ledger says."""
    refs = read_refs(model)
    yield from _some(
        f"{ref} is {_short(refs.get(ref))}, and {_short(inspected.refs.get(ref))} in the ledger"
        for ref in sorted({*refs, *inspected.refs})
        if refs.get(ref) != inspected.refs.get(ref) and ref not in inspected.busy
    )
    objects = model.repository.objects
    nodes = sort_topologically(objects, [target for _, target in inspected.holders])
    yield from _some(_compare_charges(inspected, nodes))
    yield from _some(graph.compare_with_repository(inspected.objects, nodes))
    yield from _some(
        f"{ref} has the value {newer.short}, which does not contain {older.short}, that it is charged for"
        for ref, older, newer in inspected.layers
        if not _contains(nodes, newer, part=older)
    )
    report.repacked += _count_repacked(objects, inspected.objects)


def _compare_charges(inspected: InspectedModel, nodes: Mapping[Oid, Node]) -> Iterator[str]:
    """Yield the objects that are charged to another admission than the rule says."""
    charged = charge_all(inspected.holders, lambda oid: nodes[oid].children)
    recorded = {oid: item.admission for oid, item in inspected.objects.items()}
    if charged != recorded:
        differing = (oid for oid in charged.keys() | recorded.keys() if charged.get(oid) != recorded.get(oid))
        for oid in sorted(differing):
            now, right = inspected.ref_of(recorded.get(oid)), inspected.ref_of(charged.get(oid))
            yield f"object {oid} is charged to {now}, and should be to {right}"


def _contains(nodes: Mapping[Oid, Node], whole: Oid, *, part: Oid) -> bool:
    """Whether an object is needed by another one. Trees lead to no commits and tags, so they are left out."""
    followed = {Kind.COMMIT, Kind.TAG} if nodes[part].kind in {Kind.COMMIT, Kind.TAG} else set(Kind)
    waiting, seen = [whole], {whole}
    for oid in waiting:
        if oid == part:
            return True
        following = [child for child in nodes[oid].children if child not in seen]
        following = [child for child in following if nodes[child].kind in followed]
        waiting += following
        seen.update(following)
    return False


def _count_repacked(objects: ObjectDatabase, recorded: Mapping[Oid, LedgerObject]) -> int:
    """Count the objects that no pack has with the bytes that they had when they were admitted."""
    waiting = {oid: item.size for oid, item in recorded.items()}
    for pack in objects.packs:
        for oid, size in pack.disk_sizes():
            if waiting.get(oid) == size:  # type: ignore[call-overload]
                del waiting[oid]  # type: ignore[arg-type]
    return sum(oid not in objects or measure(objects, oid) != size for oid, size in waiting.items())


def _audit_rows(ledger: Ledger, report: Audit) -> None:
    """Compare the rows with each other, with what refs are charged, and with the events."""
    check, sums = ChainCheck(), RowSums(ledger.connection)
    events = EventMatcher(ledger.connection)
    try:
        for row in ledger.rows():  # once, and not as a list: there may be millions
            check.add(row)
            sums.add(row)
            events.add(row)
    except Corrupt as error:
        report.problems.append(error.message)
    report.rows, report.head = check.rows, check.head.hex()
    if check.broken is not None:
        report.problems.append(f"row {check.broken} of the ledger does not continue the chain")
    report.problems += _some(sums.list_problems())
    report.problems += _some(events.list_problems())


def _audit_tables(ledger: Ledger, report: Audit, *, now: int | None) -> None:
    """Compare the other tables with each other."""
    for find in (graph.list_wrong_edges, list_wrong_reserved, references.list_broken, references.list_damage):
        report.problems += _some(find(ledger.connection))
    pruned = find_pruned(ledger.connection)
    if now is not None and pruned > now - KEEP:
        report.problems.append(f"events are noted as deleted until {pruned}, which is less than 90 days ago")


def _some(problems: Iterable[str]) -> Iterator[str]:
    """Yield the first problems, and how many more there are."""
    count = 0
    for count, problem in enumerate(problems, start=1):
        if count <= _MOST:
            yield problem
    if count > _MOST:
        yield f"… and {count - _MOST} more"


def _short(oid: Oid | None) -> str:
    return "absent" if oid is None else oid.short
