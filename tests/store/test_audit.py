"""The audit computes the ledger anew from the repositories, and names what differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.store.audit import audit
from tests.support import stores
from tests.support.commands import Run, parsed
from tests.support.small_store import SmallStore


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallStore]:
    store = SmallStore(tmp_path / "store")
    first = store.commit("one")
    store.move("refs/tags/v1", store.tag("v1", first))
    store.move("refs/heads/main", store.commit("two", first))
    store.move("refs/states/s", store.commit("three"))
    store.reconcile()
    yield store
    store.ledger.close()


def problems(small: SmallStore) -> list[str]:
    return audit(small.store, small.ledger).problems


def test_a_store_as_it_should_be(small: SmallStore) -> None:
    report = audit(small.store, small.ledger)
    (balance,) = small.ledger.balances()
    assert report.problems == []
    assert (report.models, report.refs, report.rows) == (1, 3, 3)
    assert (report.objects, report.bytes, report.repacked) == (balance.objects, balance.bytes, 0)
    *_, last = small.ledger.rows()
    assert report.head == last.hash.hex()


def test_repacking_changes_no_bill(small: SmallStore) -> None:
    before = audit(small.store, small.ledger)
    small.git("-c", "core.hooksPath=/dev/null", "repack", "-adq", "--depth=50")
    report = audit(small.store, small.ledger)
    assert (report.problems, report.bytes) == ([], before.bytes)
    assert report.repacked > 0


def test_a_ref_that_moved_without_a_hook(small: SmallStore) -> None:
    small.move("refs/tags/v2", small.tag("v2", small.commit("four")))
    small.move("refs/states/s", None)
    tag = small.git("rev-parse", "v2")[:12]
    state = small.ledger.refs("ada/digits")["refs/states/s"].short
    assert problems(small) == [
        f"ada/digits refs/states/s is absent, and {state} in the ledger",
        f"ada/digits refs/tags/v2 is {tag}, and absent in the ledger",
    ]
    small.reconcile()
    assert problems(small) == []


def test_a_model_that_is_gone(small: SmallStore) -> None:
    small.model.directory.rename(small.model.directory.with_name("elsewhere"))
    assert problems(small) == ["ada/digits is in the ledger, and its repository is gone"]


def test_a_model_that_is_not_in_the_ledger(small: SmallStore) -> None:
    (small.store.root / "ada" / "new.git").mkdir()
    assert problems(small) == ["ada/new is not in the ledger"]


def test_a_missing_object(small: SmallStore) -> None:
    blob = small.git("rev-parse", "main:file")
    tree = small.git("rev-parse", "main^{tree}")
    (small.model.directory / "objects" / tree[:2] / tree[2:]).unlink()
    assert problems(small) == [f"ada/digits cannot be read: object {tree} is missing from the repository"]
    assert blob


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "UPDATE ledger_objects SET size = size + 1 WHERE id = 1",
            "ada/digits refs/tags/v1 has {v1} bytes, and its objects have {more}",
        ),
        (
            "UPDATE ledger_objects SET admission = 3 WHERE admission = 1 AND kind = 4",
            "ada/digits object {tag} is charged to refs/heads/main, and should be to refs/tags/v1",
        ),
        (
            "UPDATE ledger_models SET bytes = bytes - 1",
            "ada/digits has {less} bytes, and its objects have {all}",
        ),
        (
            "UPDATE ledger_models SET objects = 1, reserved = 7",
            "ada/digits has 7 reserved bytes, and its objects have 0",
        ),
        ("UPDATE ledger_models SET objects = 1", "ada/digits has 1 object, and its objects have {objects}"),
        (
            "UPDATE ledger_admissions SET objects = 9 WHERE id = 1",
            "ada/digits refs/tags/v1 has 9 objects, and is charged {v1_objects}",
        ),
        (
            "UPDATE ledger_admissions SET objects = 9 WHERE id = 1",
            "ada/digits refs/tags/v1 has 9 objects, and its rows have {v1_objects}",
        ),
        (
            "UPDATE ledger_admissions SET tag = zeroblob(20) WHERE id = 1",
            "ada/digits refs/tags/v1 is the snapshot {tag}, and {zeros} on the bill",
        ),
        (
            "UPDATE ledger_admissions SET tag = zeroblob(20) WHERE id = 1",
            "ada/digits refs/tags/v1 is the snapshot {zeros}, and its rows say {tag}",
        ),
    ],
)
def test_a_ledger_that_somebody_edited(small: SmallStore, statement: str, problem: str) -> None:
    (balance,) = small.ledger.balances()
    v1 = next(holding for holding in small.ledger.holdings() if holding.ref == "refs/tags/v1")
    small.ledger.connection.execute(statement)
    expected = problem.format(
        v1=v1.bytes, more=v1.bytes + 1, tag=v1.tag, less=balance.bytes - 1, all=balance.bytes,
        objects=balance.objects, v1_objects=v1.objects, zeros="0" * 40,
    )  # fmt: skip
    assert expected in problems(small)


def test_text_that_is_none_is_no_traceback(small: SmallStore) -> None:
    small.ledger.connection.execute("UPDATE ledger_admissions SET ref = CAST(x'ff' AS TEXT) WHERE id = 1")
    with pytest.raises(Corrupt, match=r"ledger\.sqlite has text that is no UTF-8"):
        audit(small.store, small.ledger)


def test_a_row_that_somebody_edited(small: SmallStore) -> None:
    """The triggers forbid it, so whoever does it drops them."""
    small.ledger.connection.execute("DROP TRIGGER ledger_rows_never_change")
    small.ledger.connection.execute("UPDATE ledger_rows SET bytes = bytes - 5 WHERE number = 2")
    assert "row 2 of the ledger does not continue the chain" in problems(small)


def test_a_row_that_somebody_took_away(small: SmallStore) -> None:
    small.ledger.connection.execute("DROP TRIGGER ledger_rows_stay")
    small.ledger.connection.execute("DELETE FROM ledger_rows WHERE number = 2")
    assert "row 3 of the ledger does not continue the chain" in problems(small)


def test_the_command_compares_what_was_pushed_and_exits_with_12_if_it_differs(
    tmp_path: Path, run: Run
) -> None:
    store = stores.make_store(tmp_path / "store")
    stores.make_pushed(store, tmp_path / "digits", "v1", "v2")
    audited = run("store", "audit", cwd=store.root)
    assert audited.code == 0, audited
    assert ": all equal\nThe ledger has 3 rows, head " in audited.stderr
    assert parsed(run("store", "audit", "ada/digits", "--json", cwd=store.root))["problems"] == []
    with store.ledger() as ledger:
        ledger.connection.execute("DELETE FROM outbox_events WHERE type = 'snapshot.created'")
    audited = run("store", "audit", cwd=store.root)
    assert audited.code == 12
    assert audited.stdout.splitlines() == [
        f"ada/digits refs/tags/{name} has no event snapshot.created for row {row}"
        for row, name in enumerate(("v1", "v2"), start=1)
    ]
