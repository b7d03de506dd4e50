"""What is read at two instants is not believed at once: files that change while a snapshot is taken."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.derive import base_repository, detach, rebase
from gitstore.disk import exchange as replacement
from gitstore.disk import locks
from gitstore.errors import FileChanged, Locked, StateExists
from gitstore.models import reference, state
from gitstore.models.model import Model
from gitstore.snapshots import take as capture
from gitstore.snapshots.restore import Component, restore
from gitstore.states import import_files, remove
from gitstore.states.save import save_state
from gitstore.workingcopy.branch import Branch
from tests.support import combinations, scenes
from tests.support.commands import Git
from tests.support.failing import refuses
from tests.support.models import again, edit, make, noise, put, refs, take


@pytest.fixture
def large(tmp_path: Path) -> Model:
    """A model whose state has three files, of which the second has parts, so that it is read for a while."""
    model = make(tmp_path / "digits")
    put(model, "initial", {"1": b"old", "2": noise(LARGE + 1), "3": b"old"})
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


VERSIONS = itertools.count()


def _new() -> bytes:
    """Other bytes of the same size each time."""
    return b"new%6d" % next(VERSIONS)


def _rewrite(model: Model) -> None:
    put(model, "initial", {"1": _new(), "3": _new()})


def _replace(model: Model) -> None:
    for name in "13":
        path = model.claim_states() / "initial" / name
        path.with_suffix(".tmp").write_bytes(_new())
        path.with_suffix(".tmp").replace(path)


def _first(model: Model) -> None:
    put(model, "initial", {"1": _new()})


def _appear(model: Model) -> None:
    put(model, "initial", {"sub/4": _new()})


def _vanish(model: Model) -> None:
    (model.claim_states() / "initial" / "1").unlink()


def _rename(model: Model) -> None:
    (model.claim_states() / "initial" / "3").rename(model.claim_states() / "initial" / "4")


def _code(model: Model) -> None:
    (model.directory / "code" / "model.py").write_text("class Model: pass\n")


def _new_code(model: Model) -> None:
    (model.directory / "code" / "new.py").write_text("")


def _settings(model: Model) -> None:
    edit(model, "# no more", "# much more")


def _lock(model: Model) -> None:
    (model.directory / "packages.lock").write_text("new")


STATE = [
    (_rewrite, "1"),
    (_replace, "1"),
    (_first, "1"),
    (_appear, "sub"),
    (_rename, "3"),
    (_vanish, "1"),
]
CHANGES = [
    *((change, f"states/initial/{name}") for change, name in STATE),
    (_code, "code/model.py"),
    (_new_code, "code/new.py"),
    (_settings, "settings.yaml"),
    (_lock, "packages.lock"),
]


def test_a_snapshot_is_of_one_time_or_not_taken(large: Model) -> None:
    packs = large.repository.common / "objects" / "pack"
    before = refs(large.directory), os.listdir(packs)
    for number, (change, named) in enumerate(CHANGES):
        put(large, "initial", {"2": noise(LARGE + 1, number)})  # which nobody has read yet
        progress = during(functools.partial(change, large))
        with pytest.raises(FileChanged) as caught:
            capture.take(again(large), "v1", progress=progress)
        if change in (_rewrite, _replace):
            assert caught.value.path.name in "13"
        else:
            assert caught.value.path == large.directory / named
        assert (refs(large.directory), os.listdir(packs)) == before
    assert take(large, "v1").name == "v1"


def test_a_state_is_saved_as_of_one_time_or_not_at_all(large: Model) -> None:
    for number, change in enumerate((_rewrite, _first, _appear, _vanish)):
        put(large, "initial", {"2": noise(LARGE + 1, number)})
        with pytest.raises(FileChanged):
            save_state(large, "initial", progress=during(functools.partial(change, large)))
        assert state.find_saved_tree(large, "initial") is None


def _ignored(model: Model) -> None:
    (model.directory / "code" / "model.pyc").write_bytes(b"x")


def test_files_that_git_ignores_are_no_change_of_the_code(large: Model, git: Git) -> None:
    (large.directory / ".gitignore").write_text("/states/\n*.pyc\n")
    capture.take(large, "v1", progress=during(lambda: _ignored(large)))
    assert git("ls-tree", "--name-only", "v1:code", cwd=large.directory) == "model.py\n"


# Files that follow a branch


def after(monkeypatch: pytest.MonkeyPatch, what: object, name: str, change: Callable[[], object]) -> None:
    """Make a change as soon as a function has done its work, the first time."""
    function, changes = getattr(what, name), [change]

    def with_change(*arguments: object, **others: object) -> object:
        value = function(*arguments, **others)
        if changes:
            changes.pop()()
        return value

    monkeypatch.setattr(what, name, with_change)


@pytest.fixture
def dogs(tmp_path: Path) -> Model:
    """A reference model on digits@v1, while digits has a v2 with other code."""
    scenes.copy(_dogs, tmp_path)
    return Model.open(tmp_path / "dogs")


def _dogs(root: Path) -> None:
    scenes.referencing(root)
    model = Model.open(root / "digits")
    _code(model)
    take(model, "v2")


def _rebase(dogs: Model) -> None:
    rebase.rebase(again(dogs), reference.resolve_base("v2", dogs, dogs.directory))


def _detach(dogs: Model) -> None:
    detach.detach(again(dogs))


@combinations.sample(3)
@pytest.mark.parametrize(
    ("command", "what", "name"),
    [
        (_rebase, base_repository, "import_base"),
        (_rebase, Branch, "add_commit"),
        (_detach, Branch, "check_clean"),
        (_detach, Branch, "add_commit"),
    ],
    ids=["rebase-imported", "rebase-committed", "detach-looked", "detach-committed"],
)
def test_settings_that_are_edited_meanwhile_are_not_overwritten(
    dogs: Model,
    monkeypatch: pytest.MonkeyPatch,
    git: Git,
    *,
    command: Callable[[Model], None],
    what: object,
    name: str,
) -> None:
    before = refs(dogs.directory)
    with monkeypatch.context() as patch:
        after(patch, what, name, lambda: _settings(dogs))
        with refuses("settings.yaml"):
            command(dogs)
    assert "# much more" in (dogs.directory / "settings.yaml").read_text()
    assert refs(dogs.directory) == before
    assert git("status", "--porcelain", cwd=dogs.directory) == " M settings.yaml\n"
    git("commit", "--quiet", "-am", "edited", cwd=dogs.directory)
    command(dogs)
    assert git("status", "--porcelain", cwd=dogs.directory) == ""
    assert "# much more" in (dogs.directory / "settings.yaml").read_text()


@pytest.mark.parametrize(("command", "moment"), [(_rebase, "committed"), (_detach, "before")])
def test_edits_that_git_was_told_to_overlook_are_not_overwritten(
    dogs: Model, monkeypatch: pytest.MonkeyPatch, git: Git, command: Callable[[Model], None], moment: str
) -> None:
    before, path = refs(dogs.directory), dogs.directory / "settings.yaml"
    content = path.read_text()
    for mark in ("assume-unchanged", "skip-worktree"):
        git("update-index", f"--{mark}", "settings.yaml", cwd=dogs.directory)
        with monkeypatch.context() as patch:
            if moment == "before":
                _settings(dogs)
            else:
                after(patch, Branch, "add_commit", lambda: _settings(dogs))
            with refuses("settings.yaml"):
                command(dogs)
        assert "# much more" in path.read_text()
        assert refs(dogs.directory) == before
        path.write_text(content)
        git("update-index", f"--no-{mark}", "settings.yaml", cwd=dogs.directory)


@pytest.mark.parametrize("command", [_rebase, _detach])
def test_who_replaces_files_waits_for_who_reads_them(
    dogs: Model, monkeypatch: pytest.MonkeyPatch, command: Callable[[Model], None]
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with dogs.repository.reading_files():
        with pytest.raises(Locked):
            command(dogs)
        take(dogs, "v1")
    with dogs.repository.replacing_files(), pytest.raises(Locked):
        take(dogs, "v2")
    command(dogs)


# Between a check and the deed


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "w").write_bytes(noise(100))
    return tmp_path / "source"


def test_files_that_appear_while_others_are_imported_stay(model: Model, source: Path) -> None:
    def appear() -> None:
        put(model, "run", {"mine": b"mine"})

    with pytest.raises(StateExists):
        import_files.import_files(model, "run", [source], progress=during(appear, at=1))
    assert os.listdir(model.claim_states() / "run") == ["mine"]
    assert sorted(os.listdir(model.claim_states())) == ["initial", "run"]


def test_a_state_that_is_saved_while_files_are_imported_stays(model: Model, source: Path, git: Git) -> None:
    """As another working copy of the repository can."""
    here, tree = model.directory, save_state(model, "initial").tree

    def save() -> None:
        commit = git("commit-tree", "-m", "theirs", str(tree), cwd=here).strip()
        git("update-ref", "refs/states/run", commit, cwd=here)

    with pytest.raises(StateExists):
        import_files.import_files(model, "run", [source], progress=during(save, at=1))
    assert state.find_saved_tree(model, "run") == tree


def _second(root: Path) -> None:
    """digits with a v1, and a v2 of other settings and weights, as they are on disk."""
    scenes.snapshot(root)
    model = Model.open(root / "digits")
    put(model, "initial", {"weights": b"second"})
    edit(model, "digits", "digits # second")
    take(model, "v2")


@pytest.mark.parametrize(
    ("change", "part", "path"),
    [
        (
            lambda model: put(model, "initial", {"weights": b"third"}),
            Component.STATE,
            "states/initial/weights",
        ),
        (lambda model: put(model, "initial", {"new": b"new"}), Component.STATE, "states/initial/new"),
        (_settings, Component.SETTINGS, "settings.yaml"),
    ],
    ids=["weights", "new", "settings"],
)
def test_files_that_change_after_a_restore_has_looked_stay(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    change: Callable[[Model], object],
    part: Component,
    path: str,
) -> None:
    """In the very last instant: after everything was looked at again."""
    scenes.copy(_second, tmp_path)
    first, model = scenes.find(tmp_path), Model.open(tmp_path / "digits")
    exchange, changes = replacement.exchange, [change]

    def changed_first(one: Path, other: Path) -> bool:
        if changes:
            changes.pop()(model)
        return exchange(one, other)

    monkeypatch.setattr(replacement, "exchange", changed_first)
    with pytest.raises(FileChanged) as caught:
        restore(again(model), first, components=[part])
    assert caught.value.path == model.directory / path
    assert (model.directory / path).read_bytes() != b"second"
    assert "# second" in (model.directory / "settings.yaml").read_text()
    assert [path for path in model.directory.iterdir() if path.name.startswith(".gitstore")] == []
    assert os.listdir(model.claim_states()) == ["initial"]


def test_files_that_change_before_a_state_is_removed_stay(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(model, "run", {"weights": b"saved"})
    save_state(model, "run")
    after(monkeypatch, remove, "find_held", lambda: put(model, "run", {"weights": b"new"}))
    with pytest.raises(FileChanged) as caught:
        remove.remove(model, ["run"])
    assert caught.value.path == path / "weights"
    assert (path / "weights").read_bytes() == b"new"
    assert state.find_saved_tree(model, "run") is not None


def test_a_hook_may_commit_and_change_settings(model: Model, git: Git) -> None:
    """What it was called with is read anew after it."""
    hook = model.repository.common / "hooks" / "pre-snapshot"
    hook.write_text("#!/bin/sh\ngit mv code src\necho 'code: src' >> settings.yaml\ngit commit -qam moved\n")
    hook.chmod(0o755)
    found = take(model, "v1")
    assert git("ls-tree", "--name-only", "v1:code", cwd=model.directory) == "model.py\n"
    assert found.repository.commit(found.commit).parents == (again(model).head,)
