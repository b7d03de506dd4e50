"""The charging rule, as arithmetic on values.

Every object that some ref of a model needs is charged to exactly one admission: the oldest that holds it. An
admission is a ref that got a value; it holds what that value needs, as long as the ref has that value or one
that contains it. In one push, snapshots are older than saved states, these than branches, these than all
others, and then names decide. When an admission goes, what others still need passes to the oldest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import TypeVar

_Key = TypeVar("_Key")
_Holder = TypeVar("_Holder")

_ORDER = ("refs/tags/", "refs/states/", "refs/heads/")


def order_refs(ref: str) -> tuple[int, str]:
    """Return the key by which the refs of one push are sorted, the oldest holder first."""
    place = next((i for i, prefix in enumerate(_ORDER) if ref.startswith(prefix)), len(_ORDER))
    return place, ref


def list_new(
    target: _Key, children_of: Callable[[_Key], Sequence[_Key]], *, is_charged: Callable[[_Key], bool]
) -> list[_Key]:
    """Return what a new admission is charged: what `target` needs and nobody is charged for.

    Each object comes after those that it refers to. Nothing is asked about what a charged object refers to,
    because whoever holds that object holds those, too.
    """
    order: list[_Key] = []
    seen: set[_Key] = set()
    # With an explicit stack: histories are deeper than Python's recursion limit.
    stack = [(target, False)]
    while stack:
        key, is_visited = stack.pop()
        if is_visited:
            order.append(key)
        elif key not in seen and not is_charged(key):
            seen.add(key)
            children = children_of(key)
            if not children:
                order.append(key)
                continue
            stack.append((key, True))
            stack += [(child, False) for child in children if child not in seen]
    return order


def charge_all(
    holders: Iterable[tuple[_Holder, _Key]], children_of: Callable[[_Key], Sequence[_Key]]
) -> dict[_Key, _Holder]:
    """Charge each object to the first holder that needs it: the rule itself, from nothing.

    `holders` are admissions with their targets, the oldest first.
    """
    charged: dict[_Key, _Holder] = {}
    for holder, target in holders:
        for key in list_new(target, children_of, is_charged=charged.__contains__):
            charged[key] = holder
    return charged


def pass_on(children: Mapping[int, Sequence[int]], outside: Mapping[int, int]) -> dict[int, int | None]:
    """Return who is charged next for each object whose admission goes: a rank, or `None` if nobody needs it.

    `children` has all those objects, with what each refers to. `outside` has the lowest rank among other
    admissions that hold an object through something that is not among them.
    """
    waiting = _count_parents(children)
    ranks: dict[int, int | None] = {key: outside.get(key) for key in children}
    ready = [key for key, count in waiting.items() if not count]
    while ready:
        key = ready.pop()
        rank = ranks[key]
        for child in set(children[key]) & children.keys():
            if rank is not None:
                lowest = ranks[child]
                ranks[child] = rank if lowest is None else min(lowest, rank)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return ranks


def _count_parents(children: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Count, for each object, how many of the others refer to it."""
    counts = dict.fromkeys(children, 0)
    keys: Set[int] = children.keys()
    for references in children.values():
        if references:
            for child in set(references) & keys:
                counts[child] += 1
    return counts
