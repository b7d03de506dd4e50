"""What is read at two instants is not believed at once: files that change while a snapshot is taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore import capture, state
from gitstore.model import Model
from gitstore.objects.sources import FileChanged
from tests.support.commands import Git
from tests.support.models import edit, make, noise, put, refs, take


@pytest.fixture
def large(tmp_path: Path) -> Model:
    """A model whose state has three files, of which the second has parts, so that it is read for a while."""
    model = make(tmp_path / "digits")
    put(model, "initial", {"1": b"old", "2": noise(6_000_000), "3": b"old"})
    return model


def during(change: Callable[[], None], *, at: int = 1_000_000) -> Callable[[int], None]:
    """A progress that makes a change, once, when so many bytes of a state were read."""
    heard = 0

    def progress(count: int) -> None:
        nonlocal heard
        before, heard = heard, heard + count
        if before <= at < heard:
            change()

    return progress


def _rewrite(model: Model) -> None:
    put(model, "initial", {"1": b"new", "3": b"new"})


def _replace(model: Model) -> None:
    for name in "13":
        path = model.states / "initial" / name
        path.with_suffix(".tmp").write_bytes(b"new")
        path.with_suffix(".tmp").replace(path)


def _first(model: Model) -> None:
    put(model, "initial", {"1": b"new"})


def _appear(model: Model) -> None:
    put(model, "initial", {"sub/4": b"new"})


def _vanish(model: Model) -> None:
    (model.states / "initial" / "1").unlink()


def _rename(model: Model) -> None:
    (model.states / "initial" / "3").rename(model.states / "initial" / "4")


def _code(model: Model) -> None:
    (model.directory / "code" / "model.py").write_text("class Model: pass\n")


def _new_code(model: Model) -> None:
    (model.directory / "code" / "new.py").write_text("")


def _settings(model: Model) -> None:
    edit(model, "# no more", "# much more")


def _lock(model: Model) -> None:
    (model.directory / "packages.lock").write_text("new")


STATE = {
    "1": (_rewrite, _replace, _first),
    "sub": (_appear,),
    "3": (_rename,),
}
CHANGES = [
    *((change, f"states/initial/{name}") for name, changes in STATE.items() for change in changes),
    (_code, "code/model.py"),
    (_new_code, "code/new.py"),
    (_settings, "settings.yaml"),
    (_lock, "packages.lock"),
]


@pytest.mark.parametrize(("change", "named"), CHANGES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_snapshot_is_of_one_time_or_not_taken(
    large: Model, change: Callable[[Model], None], named: str
) -> None:
    before = refs(large.directory), os.listdir(large.repository.common / "objects" / "pack")
    with pytest.raises(FileChanged) as caught:
        capture.take(large, "v1", progress=during(lambda: change(large)))
    if change in (_rewrite, _replace):
        assert caught.value.path.name in "13"
    else:
        assert caught.value.path == large.directory / named
    assert (refs(large.directory), os.listdir(large.repository.common / "objects" / "pack")) == before
    assert take(large, "v1").name == "v1"


def test_a_file_that_vanishes(large: Model) -> None:
    with pytest.raises(FileChanged) as caught:
        capture.take(large, "v1", progress=during(lambda: _vanish(large)))
    assert caught.value.path == large.states / "initial" / "1"


@pytest.mark.parametrize("change", [_rewrite, _first, _appear, _vanish])
def test_a_state_is_saved_as_of_one_time_or_not_at_all(large: Model, change: Callable[[Model], None]) -> None:
    with pytest.raises(FileChanged):
        state.save(large, "initial", progress=during(lambda: change(large)))
    assert state.saved_tree(large, "initial") is None


def _ignored(model: Model) -> None:
    (model.directory / "code" / "model.pyc").write_bytes(b"x")


def test_files_that_git_ignores_are_no_change_of_the_code(large: Model, git: Git) -> None:
    (large.directory / ".gitignore").write_text("/states/\n*.pyc\n")
    capture.take(large, "v1", progress=during(lambda: _ignored(large)))
    assert git("ls-tree", "--name-only", "v1:code", cwd=large.directory) == "model.py\n"
