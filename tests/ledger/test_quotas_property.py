"""Random lives of models with hard quotas: no push gets beyond one, and each second is paid once."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.billing.ledger_rows import read_changes
from gitstore.billing.meter import measure_refs
from gitstore.billing.periods import MICROSECONDS, Period
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import Quota, Quotas
from tests.support.ledger_life import Life

Charges = dict[tuple[str, str], int]


def measure(ledger: Ledger) -> dict[str, int]:
    """What each owner and each model uses, reservations included."""
    used: dict[str, int] = defaultdict(int)
    for balance in ledger.balances():
        for subject in (balance.owner, balance.full_name):
            used[subject] += balance.bytes + balance.reserved
    return used


def check_limits(life: Life, before: dict[str, int], *, most: dict[str, int]) -> dict[str, int]:
    """No quota is exceeded, except by what a model inherits: its base let go of bytes that it still needs.

    `most` has what each owner and model may use at most now.
    """
    after = measure(life.ledger)
    assert after == {subject: life.slow.used(subject) for subject in after}
    is_reserved = sum_owners(after) > sum_owners(before)
    for subject, used in after.items():
        hard = (life.quotas.model if "/" in subject else life.quotas.owner).hard or 0
        if used > before.get(subject, 0) and not is_reserved:
            most[subject] = used
        assert used <= max(hard, most.get(subject, 0)), subject
    return after


def sum_owners(used: dict[str, int]) -> int:
    return sum(size for subject, size in used.items() if "/" not in subject)


def charges(life: Life) -> Charges:
    """What each ref is charged, by the definition."""
    return {
        (name, ref): size for name in life.slow.models for ref, (_, size) in life.slow.charges(name).items()
    }


def measure_plainly(held: dict[int, Charges], period: Period) -> Charges:
    """Byte-seconds of each ref: second by second, from what it was charged at the end of each."""
    sums: Charges = defaultdict(int)
    now: Charges = {}
    for second in range(period.until):
        now = held.get(second, now)
        if second >= period.since:
            for key, size in now.items():
                sums[key] += size
    return {key: total for key, total in sums.items() if total}


@given(
    st.integers(0, 10**9),
    st.integers(500, 10_000),
    st.integers(500, 10_000),
    st.integers(0, 20),
    st.integers(0, 60),
)
def test_no_push_exceeds_a_quota_and_each_second_is_paid_for_what_is_held(
    tmp_path_factory: pytest.TempPathFactory, seed: int, of_owner: int, of_model: int, since: int, length: int
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.connection.execute("PRAGMA synchronous = OFF")
        life = Life(ledger, seed, Quotas(Quota(hard=of_owner), Quota(hard=of_model)))
        held: dict[int, Charges] = {}
        most: dict[str, int] = {}
        used, latest, count = measure(ledger), 0, 0
        for _ in range(20):
            life.step()
            used = check_limits(life, used, most=most)
            rows = list(ledger.rows())
            if len(rows) > count:  # their time is never less than that of the row before
                latest, count = max(latest, life.now), len(rows)
            held[latest // MICROSECONDS] = charges(life)
        period = Period(since, since + length)
        changes = list(read_changes(rows))
    metered = {
        (f"{ref.subject.owner}/{ref.subject.model}", ref.subject.ref): ref.byte_seconds
        for ref in measure_refs(changes, period)
        if ref.byte_seconds
    }
    assert metered == measure_plainly(held, period)
