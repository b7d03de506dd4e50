"""Histories of operations of many clients at once: is there an order in which they are all right?

A history is *linearizable* if each operation seems to happen at one instant between its call and its answer
(Herlihy and Wing 1990). Refs are registers that git compares and swaps. Quotas are counters with a limit.
Each ref and each quota has a history of its own: a history is linearizable if those of all its objects are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_State = TypeVar("_State")


@dataclass(frozen=True)
class Operation(Generic[_State]):
    """An operation of a client. `apply` returns the state after it, in a tuple; `None` if that cannot be.

    Times are of one clock. Without an `end`, nobody answered: it may have happened, at any time, or never.
    """

    what: str
    start: float
    end: float | None
    apply: Callable[[_State], tuple[_State] | None]

    def __str__(self) -> str:
        return f"[{self.start:.3f}, {'…' if self.end is None else f'{self.end:.3f}'}] {self.what}"


def swap(
    ref: str, old: object, new: object, *, start: float, end: float | None, moved: bool = True
) -> Operation[object]:
    """A push that moves a ref from `old` to `new` (`None`: it does not exist), or that git refused to move.

    git also refuses when it finds the ref locked, so what a refusal says of the ref is nothing.
    """

    def apply(value: object) -> tuple[object] | None:
        if not moved:
            return (value,)
        return (new,) if value == old else None

    return Operation(f"{ref}: {old} -> {new}{'' if moved else ' refused'}", start, end, apply)


def look(ref: str, seen: object, *, start: float, end: float | None) -> Operation[object]:
    """A listing of refs that saw a value; `None` if the ref did not exist."""

    def apply(value: object) -> tuple[object] | None:
        return (value,) if value == seen else None

    return Operation(f"{ref} is {seen}", start, end, apply)


@dataclass(frozen=True)
class QuotaPush:
    """A push that brings bytes, or, with negative ones, a removal. `fits` is whether it was let in.

    It is `None` if the push failed for another reason: it may have been reserved meanwhile.
    """

    bytes: int
    start: float
    end: float | None
    fits: bool | None = True


def charge(pushes: Sequence[QuotaPush], *, limit: int) -> list[Operation[int]]:
    """The history of a quota. Whatever is let in fits, and what is refused did not fit.

    Beside what is charged, a push that is refused may have met the reservations of all pushes at the same
    time, of which some were released afterwards.
    """
    return [_charge(push, pushes, limit=limit) for push in pushes]


def _charge(push: QuotaPush, pushes: Iterable[QuotaPush], *, limit: int) -> Operation[int]:
    reserved = sum(max(other.bytes, 0) for other in pushes if other is not push and _overlap(push, other))

    def apply(used: int) -> tuple[int] | None:
        if push.fits:
            return (used + push.bytes,) if push.bytes <= 0 or used + push.bytes <= limit else None
        return (used,) if push.fits is None or used + reserved + push.bytes > limit else None

    verdict = {True: "let in", False: "refused", None: "failed"}[push.fits]
    return Operation(f"{push.bytes:+,} bytes {verdict}", push.start, push.end, apply)


def _overlap(one: QuotaPush, other: QuotaPush) -> bool:
    return one.start <= _end(other.end) and other.start <= _end(one.end)


def linearize(
    operations: Iterable[Operation[_State]], initial: _State, *, final: _State | None = None
) -> list[Operation[_State]] | None:
    """Return an order in which all operations are right, without those that never happened, or `None`.

    With `final`, the state must be that afterwards. States must be hashable. The time grows with the number
    of operations at once, not with that of all.
    """
    ordered = sorted(operations, key=lambda operation: operation.start)
    answered = sum(1 << i for i, operation in enumerate(ordered) if operation.end is not None)
    seen: set[tuple[int, _State]] = set()
    stack: list[tuple[int, _State, tuple[object, ...]]] = [(0, initial, ())]
    while stack:
        done, state, path = stack.pop()
        if done & answered == answered and final in (None, state):
            return _unroll(path, ordered)
        for i in _list_next(ordered, done):
            following = ordered[i].apply(state)
            if following is not None and (key := (done | 1 << i, following[0])) not in seen:
                seen.add(key)
                stack.append((*key, (i, path)))
    return None


def _list_next(ordered: Sequence[Operation[_State]], done: int) -> list[int]:
    """Return the operations that may be next: those that no other one ended before."""
    candidates: list[int] = []
    first_end = math.inf
    i = (~done & (done + 1)).bit_length() - 1  # the first that is not done
    while i < len(ordered) and ordered[i].start <= first_end:
        if not done >> i & 1:
            candidates.append(i)
            first_end = min(first_end, _end(ordered[i].end))
        i += 1
    return [i for i in candidates if ordered[i].start <= first_end]


def _unroll(path: tuple[object, ...], ordered: Sequence[Operation[_State]]) -> list[Operation[_State]]:
    order = []
    while path:
        i, path = path  # type: ignore[assignment]
        order.append(ordered[i])  # type: ignore[call-overload]
    return order[::-1]


def _end(end: float | None) -> float:
    return math.inf if end is None else end
