"""Quotas: hard ones refuse, soft ones warn, and pushes at the same time cannot both fit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.disk.processes import ProcessId
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.quotas import QuotaUse, find_exceeded, list_crossings, list_notices
from gitstore.ledger.values import Admission, Quota, QuotaExceeded, Quotas, Reservation, StoredObject
from gitstore.outbox.events import QuotaWarning, decode
from gitstore.packs.oid import Kind, Oid

PROCESS = ProcessId(1, 1, "boot")
MODEL = "ada/digits"
MIB = 2**20


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        opened.create(MODEL, now=1)
        yield opened


def reserve(ledger: Ledger, name: str, size: int, *, model: str = MODEL, quotas: Quotas) -> Reservation:
    target = Oid.of(Kind.BLOB, name.encode())
    admission = Admission(
        ref=f"refs/tags/{name}", new=target, objects={target: StoredObject(Kind.BLOB, size)}
    )
    return ledger.reserve(model, [admission], transaction=name, process=PROCESS, now=5, quotas=quotas)


def push(ledger: Ledger, name: str, size: int, *, model: str = MODEL, quotas: Quotas) -> Reservation:
    reservation = reserve(ledger, name, size, model=model, quotas=quotas)
    ledger.settle(name, {f"refs/tags/{name}": Oid.of(Kind.BLOB, name.encode())}, now=6)
    return reservation


def test_a_push_that_does_not_fit_says_what_is_left_and_what_is_largest(ledger: Ledger) -> None:
    quotas = Quotas(owner=Quota(hard=100 * MIB))
    for name, size in (("v1", 20), ("v2", 40), ("v3", 10), ("v4", 25)):
        push(ledger, name, size * MIB, quotas=quotas)
    with pytest.raises(QuotaExceeded) as caught:
        push(ledger, "v5", 6 * MIB, quotas=quotas)
    assert caught.value.message == "the push needs 6.0 MiB, and ada has 5.0 MiB left of 100.0 MiB"
    assert caught.value.hint == (
        "remove what is no longer needed; the largest are ada/digits refs/tags/v2 (40.0 MiB),"
        " ada/digits refs/tags/v4 (25.0 MiB), ada/digits refs/tags/v1 (20.0 MiB)"
    )
    assert ledger.pending() == []
    push(ledger, "v6", 5 * MIB, quotas=quotas)


def test_an_owner_s_quota_is_over_all_its_models(ledger: Ledger) -> None:
    ledger.create("ada/dogs", now=1)
    ledger.create("bob/cats", now=1)
    quotas = Quotas(owner=Quota(hard=100), model=Quota(hard=70))
    push(ledger, "v1", 60, quotas=quotas)
    push(ledger, "c1", 100, model="bob/cats", quotas=Quotas(owner=Quota(hard=100)))
    push(ledger, "d1", 30, model="ada/dogs", quotas=quotas)
    with pytest.raises(QuotaExceeded, match="ada has 10 B left"):
        push(ledger, "d2", 20, model="ada/dogs", quotas=quotas)
    with pytest.raises(QuotaExceeded, match="ada/digits has 10 B left"):
        push(ledger, "v2", 20, quotas=Quotas(owner=Quota(hard=1000), model=Quota(hard=70)))


def test_what_is_reserved_counts_until_it_is_released(ledger: Ledger) -> None:
    quotas = Quotas(model=Quota(hard=100))
    reserve(ledger, "v1", 60, quotas=quotas)
    with pytest.raises(QuotaExceeded, match="has 40 B left"):
        reserve(ledger, "v2", 60, quotas=quotas)
    ledger.release("v1", now=6)
    reserve(ledger, "v2", 60, quotas=quotas)


def test_nothing_new_always_fits() -> None:
    uses = (QuotaUse("ada", Quota(hard=10), 20),)
    assert find_exceeded(uses, 0) is None
    assert find_exceeded(uses, 1) == uses[0]


def test_eighty_per_cent_and_soft_quotas_warn_the_pusher_each_time(ledger: Ledger) -> None:
    quotas = Quotas(owner=Quota(hard=100), model=Quota(soft=50))
    assert push(ledger, "v1", 50, quotas=quotas).warnings == ()
    (soft,) = push(ledger, "v2", 29, quotas=quotas).warnings
    assert soft.message == "ada/digits uses 79 B of its soft quota of 50 B"
    hard, soft = push(ledger, "v3", 1, quotas=quotas).warnings
    assert hard.message == "ada uses 80 B of its quota of 100 B"
    assert len(push(ledger, "v4", 1, quotas=quotas).warnings) == 2


def test_each_crossing_is_one_event(ledger: Ledger) -> None:
    quotas = Quotas(owner=Quota(hard=100), model=Quota(soft=50))
    for number in range(9):
        push(ledger, f"v{number}", 10, quotas=quotas)
    refs = {f"refs/tags/v{number}": None for number in range(3)}
    ledger.delete(MODEL, refs, transaction="rm", now=7)
    push(ledger, "again", 25, quotas=quotas)
    events = ledger.connection.execute("SELECT body FROM outbox_events ORDER BY number")
    assert [decode(body) for (body,) in events] == [
        QuotaWarning(time=time, owner="ada", model="digits", quota=quota, used_bytes=used, limit_bytes=limit)
        for time, quota, used, limit in ((6, "ada/digits", 60, 50), (6, "ada", 80, 100), (7, "ada", 85, 100))
    ]


@pytest.mark.parametrize(
    ("before", "after", "count"), [(79, 80, 1), (80, 81, 0), (80, 79, 0), (0, 200, 2), (100, 101, 1)]
)
def test_a_limit_is_crossed_upward(before: int, after: int, count: int) -> None:
    quota = Quota(hard=100, soft=100)
    crossings = list_crossings((QuotaUse("a", quota, before),), (QuotaUse("a", quota, after),))
    assert len(crossings) == count


def test_an_unlimited_owner_is_not_warned() -> None:
    assert list_notices((QuotaUse("a", Quota(), 10**18),), 10**18) == ()


def test_of_ten_pushes_at_once_as_many_fit_as_the_quota_has_room_for(tmp_path: Path) -> None:
    """Each is a process with a ledger of its own, as hooks are."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.create(MODEL, now=1)
    children = [_reserve_in_a_fork(path, f"v{number}") for number in range(10)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(codes) == [0] * 3 + [3] * 7
    with Ledger.open(path) as ledger:
        (balance,) = ledger.balances()
        assert (balance.bytes, balance.reserved) == (0, 90)


def _reserve_in_a_fork(path: Path, name: str) -> int:
    """Start a process that ends with 0 if its push fits, and with 3 if not."""
    child = os.fork()
    if child == 0:
        try:
            with Ledger.open(path) as ledger:
                reserve(ledger, name, 30, quotas=Quotas(owner=Quota(hard=100)))
            os._exit(0)
        except QuotaExceeded:
            os._exit(3)
        finally:
            os._exit(1)
    return child
