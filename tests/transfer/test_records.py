"""Records travel with what they are about, and nothing is lost on either side."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot, read_own_snapshots
from gitstore.packs.oid import Oid
from gitstore.records import evaluations, files, trainings
from gitstore.records.record import Circumstances, EvaluationRecord, TrainingRecord
from gitstore.states.save import save_state
from gitstore.transfer.wanted import Selection
from tests.support.commands import Fsck, git
from tests.support.models import again, put, take
from tests.support.sharing import connect, fetch, make_bare, make_clone, prepare_push, send


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return make_bare(tmp_path / "origin.git")


@pytest.fixture
def model(model: Model, bare: Path) -> Model:
    """A model with a snapshot v1 that was evaluated."""
    connected = connect(model, bare)
    take(connected, "v1")
    evaluate(connected, "first")
    return again(connected)


def snapshot(model: Model, name: str = "v1") -> Snapshot:
    return next(one for one in read_own_snapshots(again(model)) if one.name == name)


def circumstances(day: int) -> Circumstances:
    return Circumstances(date=f"2026-11-{day:02}T00:00:00Z", user="A", gitstore="0", durations={})


def evaluate(
    model: Model, name: str, *, of: str = "v1", day: int = 1, content: bytes = b"1", force: bool = False
) -> None:
    """Record an evaluation that gave `content`."""
    directory = model.directory.parent / "values"
    directory.mkdir(exist_ok=True)
    (directory / "output").write_bytes(content)
    record = EvaluationRecord(
        name=name, inputs=[], outputs=[], tree=str(Oid(bytes(20))), circumstances=circumstances(day)
    )
    evaluations.add_record(snapshot(model, of), record, directory, replacing=force)


def train(model: Model, state: str) -> None:
    """Record the training of a saved state."""
    tree = again(model).repository.commit(saved(model, state)).tree
    directory = model.directory.parent / "metrics"
    directory.mkdir(exist_ok=True)
    (directory / "metrics.csv").write_bytes(b"step,loss\n")
    record = TrainingRecord(
        name=state, model="digits", parameters={}, data=[], metrics=[], circumstances=circumstances(1)
    )
    trainings.add_record(again(model).repository, tree, record, directory=directory)


def saved(model: Model, state: str) -> Oid:
    oid = again(model).repository.refs.get(f"refs/states/{state}")
    assert oid is not None
    return oid


def outputs(model: Model, of: str = "v1") -> dict[str, bytes]:
    """What each record of a snapshot has as output; its files must be held by a ref of its name."""
    taken = snapshot(model, of)
    contents = {}
    for record in evaluations.list_records(taken):
        ref = files.make_ref(taken.tag_oid, record.name)
        assert git("rev-parse", f"{ref}^{{tree}}", cwd=model.directory).strip() == record.tree
        contents[record.name] = git("cat-file", "blob", f"{ref}:output", cwd=model.directory).encode()
    return contents


def noted(directory: Path) -> set[str]:
    """The objects that have a note in a bare repository."""
    listing = git("notes", "--ref=evaluations", "list", cwd=directory)
    return {line.split()[1] for line in listing.splitlines()}


def record_refs(directory: Path) -> set[str]:
    listing = git("for-each-ref", "--format=%(refname)", "refs/records", "refs/notes", cwd=directory)
    return set(listing.split())


def test_there_and_in_a_clone(model: Model, bare: Path, tmp_path: Path, fsck: Fsck) -> None:
    send(model)
    copy = make_clone(bare, tmp_path / "copy")
    assert outputs(copy) == {"first": b"1"}
    evaluate(model, "second", content=b"2")
    send(model)
    assert fetch(copy).has_records
    assert outputs(copy) == {"first": b"1", "second": b"2"}
    assert not fetch(copy).has_records
    assert send(model).plan.updates == ()
    fsck(bare)
    fsck(copy.repository)


def test_notes_that_diverged_are_merged(model: Model, bare: Path, tmp_path: Path, fsck: Fsck) -> None:
    send(model)
    copy = make_clone(bare, tmp_path / "copy")
    evaluate(model, "mine", content=b"mine")
    evaluate(copy, "yours", content=b"yours")
    send(model)
    before = git("rev-parse", evaluations.NOTES, cwd=bare).strip()
    send(copy)
    assert git("merge-base", "--is-ancestor", before, evaluations.NOTES, cwd=bare) == ""
    fetch(model)
    assert outputs(model) == outputs(copy) == {"first": b"1", "mine": b"mine", "yours": b"yours"}
    assert send(model).plan.updates == ()
    assert send(copy).plan.updates == ()
    fsck(bare)


def test_two_records_of_one_name(model: Model, bare: Path, tmp_path: Path, fsck: Fsck) -> None:
    """The older one keeps it; the other gets another name, the same on both sides."""
    send(model)
    copy = make_clone(bare, tmp_path / "copy")
    evaluate(model, "night", day=3, content=b"late")
    evaluate(copy, "night", day=2, content=b"early")
    send(model)
    send(copy)
    fetch(model)
    assert outputs(model) == outputs(copy)
    (other,) = outputs(copy).keys() - {"first", "night"}
    assert outputs(copy) == {"first": b"1", "night": b"early", other: b"late"}
    assert record_refs(bare) == record_refs(copy.directory) == record_refs(model.directory)
    assert send(model).plan.updates == send(copy).plan.updates == ()
    assert not fetch(copy).has_records
    fsck(model.repository)


def test_a_record_that_was_replaced(model: Model, bare: Path, tmp_path: Path) -> None:
    send(model)
    copy = make_clone(bare, tmp_path / "copy")
    evaluate(copy, "second", content=b"2")
    evaluate(model, "first", day=4, content=b"again", force=True)
    send(model)
    fetch(copy)
    assert outputs(copy) == {"first": b"again", "second": b"2"}
    send(copy)
    fetch(model)
    assert outputs(model) == outputs(copy)


def test_none_about_a_snapshot_that_is_not_there(model: Model, bare: Path, fsck: Fsck) -> None:
    take(model, "v2")
    evaluate(model, "secret", of="v2", content=b"secret")
    v1, v2 = snapshot(model), snapshot(model, "v2")
    send(model, Selection((v1,)))
    assert noted(bare) == {str(v1.tag_oid)}
    assert all("secret" not in ref for ref in record_refs(bare))
    assert "secret" not in git("log", "-p", evaluations.NOTES, cwd=bare)
    assert send(model, Selection((v1,))).plan.updates == ()
    send(model)
    assert noted(bare) == {str(v1.tag_oid), str(v2.tag_oid)}
    assert send(model).plan.updates == ()
    fsck(bare)


def test_those_of_others_stay(model: Model, bare: Path, tmp_path: Path) -> None:
    """A push of one snapshot keeps the notes about others that were there."""
    take(model, "v2")
    evaluate(model, "one", of="v2")
    send(model)
    copy = make_clone(bare, tmp_path / "copy")
    take(copy, "v3")
    evaluate(copy, "private", of="v3")
    evaluate(copy, "two", of="v2", content=b"2")
    send(copy, Selection((snapshot(copy, "v2"),)))
    assert noted(bare) == {str(snapshot(copy, name).tag_oid) for name in ("v1", "v2")}
    fetch(model)
    assert outputs(model, "v2") == {"one": b"1", "two": b"2"}


def test_trainings_travel_with_states_and_snapshots(model: Model, bare: Path, tmp_path: Path) -> None:
    for name in ("initial", "night"):
        put(model, name, {"weights": name.encode()})
        save_state(again(model), name)
        train(model, name)
    send(model, Selection(states=("initial",)))
    copy = make_clone(bare, tmp_path / "copy")
    repository = Repository.discover(copy.directory)
    trees = [again(model).repository.commit(saved(model, name)).tree for name in ("initial", "night")]
    kept = [trainings.find_record(repository, tree) is not None for tree in trees]
    assert kept == [True, False]
    assert {ref for ref in record_refs(bare) if str(trees[0]) in ref}
    assert not {ref for ref in record_refs(bare) if str(trees[1]) in ref}


def test_a_host_that_refuses_them_gets_the_rest(
    model: Model, bare: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hook = bare / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/heads/*|refs/tags/*) exit 0;; esac\nexit 1\n')
    hook.chmod(0o755)
    send(model)
    assert record_refs(bare) == set()
    assert git("rev-parse", "refs/tags/v1", cwd=bare).strip() == str(snapshot(model).tag_oid)
    assert "records were not sent: origin refuses refs/" in caplog.text


def test_damaged_notes_do_not_stop_a_pull(
    model: Model, bare: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    send(model)
    copy = make_clone(bare, tmp_path / "copy")
    evaluate(copy, "mine")
    tag = snapshot(model).tag_oid
    blob = git("hash-object", "-w", "--stdin", cwd=bare, stdin=b" " * 5_000_000).strip()
    tree = git("mktree", cwd=bare, stdin=f"100644 blob {blob}\t{tag}\n".encode()).strip()
    commit = git("commit-tree", "-m", "too long", tree, cwd=bare).strip()
    git("update-ref", evaluations.NOTES, commit, cwd=bare)
    take(model, "v2")
    git("push", "--quiet", "origin", "v2", cwd=model.directory)
    fetch(copy)
    assert [one.name for one in read_own_snapshots(again(copy))] == ["v1", "v2"]
    assert outputs(copy).keys() == {"first", "mine"}
    assert "refs/notes/evaluations was not fetched from origin" in caplog.text


def test_a_dry_run_merges_nothing(model: Model, bare: Path, tmp_path: Path) -> None:
    send(model)
    copy = make_clone(bare, tmp_path / "copy")
    evaluate(copy, "yours")
    send(copy)
    evaluate(model, "mine")
    before = record_refs(model.directory)
    prepare_push(model, dry_run=True)
    assert record_refs(model.directory) == before
