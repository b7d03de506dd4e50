"""The bounds of git itself: each is set, has a reason, and lets the largest sound push through."""

from __future__ import annotations

from pathlib import Path

from gitstore.policy import reception
from gitstore.policy.limits import PushLimits
from gitstore.store.config.schema import LimitsConfig
from gitstore.store.git_settings import repository_settings
from gitstore.units import GIB, MIB


def test_each_bound_has_a_reason() -> None:
    bounds = (*reception.CONFIGURATION, *reception.environment(PushLimits()))
    assert [bound.key for bound in bounds if not bound.reason] == []
    assert len({bound.key for bound in bounds}) == len(bounds)


def test_the_repositories_of_a_store_have_them() -> None:
    settings = repository_settings(Path("hooks"), LimitsConfig())
    assert {bound.key: settings.get(bound.key) for bound in reception.CONFIGURATION} == {
        bound.key: bound.value for bound in reception.CONFIGURATION
    }


def test_git_has_memory_for_the_table_of_all_objects() -> None:
    for limits in (PushLimits(), PushLimits(objects=5_000_000)):
        (bound,) = reception.environment(limits)
        assert bound.key == "GIT_ALLOC_LIMIT"
        assert limits.objects * 80 <= int(bound.value)  # struct object_entry of index-pack has 72 bytes
        assert limits.tree < int(bound.value)


def test_the_largest_push_has_the_time_that_it_needs() -> None:
    assert reception.cpu_seconds(PushLimits(inflated=100 * GIB)) > 100 * GIB // (20 * MIB)
