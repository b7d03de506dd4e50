"""Many small pushes to one store: each is recorded once. The suite does a few, `make stress` 10,000."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import stores
from tests.support.commands import fsck
from tests.support.load import Pool

CLIENTS, MODELS = 4, 8


def test_small_pushes(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    number = request.config.getoption("pushes")
    store = stores.make_store(tmp_path / "store")
    models = [stores.add_model(store, f"ada/model{each}") for each in range(MODELS)]
    pool = Pool.make(tmp_path / "pool.git", number)

    def push(each: int) -> str:
        ref, model = f"refs/tags/{pool.snapshots[each]}", models[each % MODELS]
        done = subprocess.run(
            ["git", "push", "--quiet", str(model.directory), ref],
            cwd=pool.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr if done.returncode else ""

    start = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as threads:
        said = list(threads.map(push, range(number)))
    seconds = time.monotonic() - start
    print(f"{number} pushes in {seconds:.1f} s, {number / seconds:.1f} a second")
    assert [text for text in said if text] == []
    with store.ledger() as ledger:
        assert ledger.pending() == []
        assert {model.full_name: len(ledger.refs(model.full_name)) for model in models} == {
            model.full_name: len(range(each, number, MODELS)) for each, model in enumerate(models)
        }
        for model in models:
            recorded = {ref: str(oid) for ref, oid in ledger.refs(model.full_name).items()}
            assert recorded == stores.list_refs(model.directory)
    for model in models:
        fsck(model.directory)
