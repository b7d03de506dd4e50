"""The journal: each change of a repository is told once, whoever made it and whoever was killed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitstore.aliases.move import remove_alias, roll_back, set_alias
from gitstore.aliases.write_move import Reason
from gitstore.derive import remove as models_rm
from gitstore.events import journal
from gitstore.git.refs import RefChange
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.outbox import listing
from gitstore.outbox.events import (
    AliasMoved,
    EvaluationFinished,
    ModelDerived,
    ModelEvent,
    SnapshotCreated,
    SnapshotRenamed,
    StateCreated,
    type_of,
)
from gitstore.snapshots import remove, rename
from gitstore.states.save import save_state
from tests.support import models, scenes
from tests.support.commands import Git, Run


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """digits with v1, and an outbox that was made after it."""
    model = Model.open(scenes.snapshot(tmp_path).repository.directory)
    journal.create(model.repository)
    return model


def told(model: Model) -> list[ModelEvent]:
    with journal.opened(model.repository) as connection:
        return [stored.event for stored in listing.list_events(connection)]


def names(model: Model) -> list[tuple[str, str]]:
    return [(type_of(event), event.subject) for event in told(model)]


def test_what_was_there_before_is_no_news(model: Model) -> None:
    journal.observe(model.repository)
    assert told(model) == []


def test_without_an_outbox_nothing_is_written(tmp_path: Path) -> None:
    model = Model.open(scenes.snapshot(tmp_path).repository.directory)
    models.take(model, "v2")
    assert not journal.find_file(model.repository).exists()


def test_each_command_tells_what_it_did(model: Model, tmp_path: Path, run: Run) -> None:
    taken = models.take(model, "v2", "second\n\nwith reasons")
    save_state(model, "initial")
    rename.rename(taken, "second")
    set_alias(model, "best", reference.resolve("second", model.directory), reason=Reason("good"))
    remove.remove(remove.plan_removal([reference.resolve("v1", model.directory)]))
    remove_alias(model, "best")
    assert names(model) == [
        ("snapshot.created", "v2"),
        ("state.created", "initial"),
        ("snapshot.renamed", "second"),
        ("alias.moved", "best"),
        ("snapshot.deleted", "v1"),
        ("alias.moved", "best"),
    ]
    created, state, renamed, moved, _, gone = told(model)
    assert isinstance(created, SnapshotCreated) and isinstance(state, StateCreated)
    assert (created.message, created.user) == ("second\n\nwith reasons", "Ada Lovelace <ada@example.org>")
    assert created.tag == str(taken.tag_oid) and created.model == "digits" and created.owner is None
    assert state.tree == str(model.repository.commit(model.repository.refs.get("refs/states/initial")).tree)  # type: ignore[arg-type]
    assert isinstance(renamed, SnapshotRenamed)
    assert (renamed.old_snapshot, renamed.old_tag) == ("v2", created.tag)
    assert isinstance(moved, AliasMoved) and isinstance(gone, AliasMoved)
    assert (moved.snapshot, moved.old_snapshot, moved.message) == ("second", None, "good")
    assert (gone.snapshot, gone.old_snapshot, gone.commit) == (None, "second", None)


def test_a_recorded_evaluation_is_told_once_even_if_the_snapshot_is_renamed(model: Model, run: Run) -> None:
    arguments = ("evaluate", "v1", "-p", "values=[1.0]", "--record", "bench")
    assert run(*arguments, cwd=model.directory).code == 0
    rename.rename(reference.resolve("v1", model.directory), "one")
    assert names(model) == [("evaluation.finished", "v1"), ("snapshot.renamed", "one")]
    finished = told(model)[0]
    assert isinstance(finished, EvaluationFinished)
    assert (finished.record, finished.ref) == ("bench", "refs/tags/v1")


def test_the_record_of_a_renamed_snapshot_that_was_pulled_is_no_news(model: Model, git: Git) -> None:
    """Whoever pulls the new name has both, with one record."""
    models.take(model, "v2")
    for name in ("v1", "v2"):
        tag = reference.resolve(name, model.directory).tag_oid
        git("update-ref", f"refs/records/{tag}/bench", "HEAD", cwd=model.directory)
        journal.observe(model.repository)
    assert names(model) == [("snapshot.created", "v2"), ("evaluation.finished", "v1")]


def test_a_record_that_plain_git_fetched_before_its_snapshot(model: Model, git: Git) -> None:
    models.take(model, "v2")
    tag = str(reference.resolve("v2", model.directory).tag_oid)
    for change in [("-d", "refs/tags/v2"), (f"refs/records/{tag}/bench", "HEAD"), ("refs/tags/v2", tag)]:
        git("update-ref", *change, cwd=model.directory)
        journal.observe(model.repository)
        journal.observe(model.repository)
    assert names(model) == [
        ("snapshot.created", "v2"),
        ("snapshot.deleted", "v2"),
        ("snapshot.created", "v2"),
        ("evaluation.finished", "v2"),
    ]


def test_models_that_are_derived_and_removed(model: Model, run: Run) -> None:
    assert run("derive", "v1", "dogs", cwd=model.directory).code == 0
    dogs = Model.open(model.directory.parent / "dogs")
    models.put(dogs, "initial", {"weights": b"dog"})
    models.take(dogs, "d1")
    removal = models_rm.plan_removal(model, "dogs")
    models_rm.remove(removal)
    assert names(model) == [
        ("model.derived", "dogs"),
        ("state.created", "dogs@initial"),
        ("snapshot.created", "dogs@d1"),
        ("model.deleted", "dogs"),
        ("snapshot.deleted", "dogs@d1"),
    ]
    derived = told(model)[0]
    assert isinstance(derived, ModelDerived)
    assert (derived.base, derived.model) == ("digits@v1", "digits")


def test_what_a_killed_command_did_is_told_by_the_next(model: Model, git: Git) -> None:
    """A command that finds no outbox is like one that was killed after its ref."""
    journal.find_file(model.repository).rename(model.directory / "hidden")
    models.take(model, "v2")
    (model.directory / "hidden").rename(journal.find_file(model.repository))
    assert names(model) == []
    remove.remove(remove.plan_removal([reference.resolve("v2", model.directory)]))
    assert names(model) == [("snapshot.created", "v2"), ("snapshot.deleted", "v2")]


def test_plain_tags_and_branches_are_no_events(model: Model, git: Git) -> None:
    git("tag", "plain", cwd=model.directory)
    git("tag", "-a", "-m", "x", "annotated", cwd=model.directory)
    git("branch", "topic", cwd=model.directory)
    git("update-ref", "refs/aliases/broken", "HEAD", cwd=model.directory)
    journal.observe(model.repository)
    git("tag", "-d", "plain", cwd=model.directory)
    git("branch", "-D", "topic", cwd=model.directory)
    git("update-ref", "-d", "refs/aliases/broken", cwd=model.directory)
    journal.observe(model.repository)
    assert names(model) == [("alias.moved", "broken")]  # that it is gone


def test_all_moves_of_an_alias_are_told_in_order(model: Model) -> None:
    models.take(model, "v2")
    find = {name: reference.resolve(name, model.directory) for name in ("v1", "v2")}
    set_alias(model, "best", find["v1"], reason=Reason())
    set_alias(model, "best", find["v2"], reason=Reason())
    roll_back(model, "best", Reason())
    moves = [event for event in told(model) if isinstance(event, AliasMoved)]
    assert [(move.old_snapshot, move.snapshot) for move in moves] == [
        (None, "v1"),
        ("v1", "v2"),
        ("v2", "v1"),
    ]


def test_an_alias_that_was_forced_back_is_told_once(model: Model, git: Git) -> None:
    models.take(model, "v2")
    for name in ("v1", "v2"):
        set_alias(model, "best", reference.resolve(name, model.directory), reason=Reason())
    git("update-ref", "refs/aliases/best", "refs/aliases/best~1", cwd=model.directory)
    journal.observe(model.repository)
    moves = [event for event in told(model) if isinstance(event, AliasMoved)]
    assert [(move.old_snapshot, move.snapshot) for move in moves] == [
        (None, "v1"),
        ("v1", "v2"),
        ("v2", "v1"),
    ]
    assert [move.old_commit for move in moves[1:]] == [move.commit for move in moves[:-1]]


def test_many_at_once_tell_each_change_once(model: Model) -> None:
    commit = reference.resolve("v1", model.directory).commit
    start = threading.Barrier(4)

    def work(number: int) -> None:
        repository = Model.open(model.directory).repository
        start.wait()
        for turn in range(5):
            change = RefChange(f"refs/states/c{number}-{turn}", None, commit)
            repository.refs.change([change], "test")
            journal.observe(repository)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert sorted(name for _, name in names(model)) == sorted(f"c{n}-{t}" for n in range(4) for t in range(5))


def test_a_damaged_outbox_does_not_fail_a_command(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    journal.find_file(model.repository).write_bytes(b"no database" * 1000)
    models.take(model, "v2")
    assert "is damaged" in caplog.text
