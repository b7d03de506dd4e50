"""The chain of rows, checked by the script of docs/store.md, which knows nothing of gitstore."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gitstore.disk.processes import ProcessId
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import Admission, StoredObject
from gitstore.packs.oid import Kind, Oid
from tests.support import ledgers

PAGE = Path(__file__).parents[2] / "docs" / "store.md"
NAMES = ("v1", "größe", 'quote"back', "日本")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of four rows."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.create("ada/digits", now=1)
        for number, name in enumerate(NAMES):
            target = Oid.of(Kind.BLOB, name.encode())
            objects = {target: StoredObject(Kind.BLOB, number)}
            admission = Admission(ref=f"refs/tags/{name}", new=target, tag=target, objects=objects)
            process = ProcessId(1, 1, "")
            ledger.reserve("ada/digits", [admission], transaction=name, process=process, now=number)
            ledger.settle(name, {f"refs/tags/{name}": target}, now=number)
    return path


def run_script(path: Path) -> tuple[int, str]:
    (script,) = re.findall(r"```python\n(# check_chain.py\n.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(script.splitlines()) <= 20
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def tamper(path: Path, statement: str) -> None:
    """Change a row as somebody would who has the file."""
    with Ledger.open(path) as ledger:
        for (name,) in ledger.connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            ledger.connection.execute(f"DROP TRIGGER {name}")
        ledger.connection.execute(statement)


def test_the_script_of_the_page_agrees(path: Path) -> None:
    with Ledger.open(path) as ledger:
        *_, last = ledger.rows()
    assert run_script(path) == (0, f"4 rows, head {last.hash.hex()}")


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE ledger_rows SET bytes = 7 WHERE number = 2", 2),
        ("UPDATE ledger_rows SET time = time + 1 WHERE number = 4", 4),
        ("UPDATE ledger_rows SET owner = 'eve' WHERE number = 1", 1),
        ("DELETE FROM ledger_rows WHERE number = 3", 4),
        ("DELETE FROM ledger_rows WHERE number = 1", 2),
        ("UPDATE ledger_rows SET hash = zeroblob(32) WHERE number = 3", 3),
    ],
)
def test_a_row_that_was_changed_is_named(path: Path, statement: str, row: int) -> None:
    tamper(path, statement)
    assert run_script(path) == (1, f"row {row} does not continue the chain")
    with Ledger.open(path) as ledger:
        assert ledgers.find_break(ledger.rows()) == row


def test_no_rows_are_a_chain(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger.open(path).close()
    assert run_script(path) == (0, f"0 rows, head {'0' * 64}")
