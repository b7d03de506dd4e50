"""Quotas, as arithmetic on values: whether a push fits, and which limits it comes near."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gitstore.ledger.values import Quota, QuotaNotice

_WARN = 80
"""Per cent of a hard quota."""


class QuotaUse(NamedTuple):
    """The quota of an owner or a model, with the bytes that it uses: charged and reserved."""

    name: str
    quota: Quota
    used: int


def find_exceeded(uses: tuple[QuotaUse, ...], needed: int) -> QuotaUse | None:
    """Return the first quota into which `needed` more bytes do not fit. Nothing always fits."""
    for use in uses:
        if needed and use.quota.hard is not None and use.used + needed > use.quota.hard:
            return use
    return None


def list_notices(uses: tuple[QuotaUse, ...], needed: int = 0) -> tuple[QuotaNotice, ...]:
    """Return a warning for each limit that is reached with `needed` more bytes."""
    return tuple(notice for use in uses for notice in _warn(use, needed))


def list_crossings(before: tuple[QuotaUse, ...], after: tuple[QuotaUse, ...]) -> tuple[QuotaNotice, ...]:
    """Return the warnings that hold now and did not hold before."""
    earlier = {(notice.name, notice.is_hard) for notice in list_notices(before)}
    return tuple(notice for notice in list_notices(after) if (notice.name, notice.is_hard) not in earlier)


def _warn(use: QuotaUse, needed: int) -> Iterator[QuotaNotice]:
    used, (hard, soft) = use.used + needed, use.quota
    if hard is not None and used and used * 100 >= hard * _WARN:
        yield QuotaNotice(use.name, used, hard, is_hard=True)
    if soft is not None and used > soft:
        yield QuotaNotice(use.name, used, soft, is_hard=False)
