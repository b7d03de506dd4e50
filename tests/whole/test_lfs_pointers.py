"""Weights that a download did not bring: the pointer that Git LFS leaves in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive.first_state import Imported
from gitstore.errors import GitstoreError
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.snapshots import take as capture
from gitstore.states import import_files
from gitstore.states.save import save_state
from tests.support.commands import Run
from tests.support.failing import names, refuses
from tests.support.models import put, take

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 438007537\n"
WHAT = "is a Git LFS pointer, not the file itself"


def test_a_state_on_disk(model: Model) -> None:
    put(model, "initial", {"weights.bin": POINTER, "about": b"# " + POINTER, "long": POINTER + bytes(2000)})
    for refused in (lambda: take(model, "v1"), lambda: save_state(model, "initial")):
        with pytest.raises(GitstoreError) as caught:
            refused()
        assert names(caught.value, f"{model.claim_states()}/initial/weights.bin", "Git LFS pointer")
    assert state.find_saved_tree(model, "initial") is None
    save_state(model, "initial", allow_pointers=True)
    assert capture.take(model, "v1", allow_pointers=True).snapshot.name == "v1"


def test_a_state_from_elsewhere(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "bert"
    source.mkdir()
    for name in ("a.bin", "b.bin"):
        (source / name).write_bytes(POINTER)
    with pytest.raises(GitstoreError) as caught:
        import_files.import_files(model, "bert", [source])
    assert names(caught.value, f"{source}/a.bin", "1 more", "Git LFS pointers")
    assert not (model.claim_states() / "bert").exists()
    base = take(model, "v1")
    imported = Imported([source])
    with refuses("Git LFS pointers"), imported.prepare(base, lambda _: None):
        pass
    assert import_files.import_files(model, "bert", [source], force=True).saved is not None


def test_the_commands(run: Run, model: Model) -> None:
    put(model, "initial", {"weights.bin": POINTER})
    refused = run("snapshot", "v1", cwd=model.directory)
    assert (refused.code, refused.stderr.splitlines()[0]) == (
        1,
        f"error: {model.claim_states()}/initial/weights.bin {WHAT}",
    )
    assert run("state", "save", cwd=model.directory).code == 1
    assert run("state", "save", "--force", cwd=model.directory).code == 0
    assert run("snapshot", "v1", "--force", cwd=model.directory).code == 0
