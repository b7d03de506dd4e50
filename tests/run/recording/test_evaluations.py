"""Records of evaluations: what is kept, running it again, and what becomes of it."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gitstore.errors import Corrupt
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot, read_own_snapshots
from gitstore.records import evaluations, files
from gitstore.records.evaluations import NoSuchRecord, RecordExists
from gitstore.run.evaluation import LocalLauncher
from gitstore.run.recording.differences import Tolerance
from gitstore.run.recording.evaluations import Recorded, evaluate_and_record
from gitstore.run.recording.verification import VerifiedEvaluation, verify_evaluations
from gitstore.run.values.inputs import Arrays
from gitstore.snapshots.remove import plan_removal, remove
from gitstore.snapshots.rename import rename
from gitstore.storage import usage
from gitstore.storage.gc import collect_garbage
from tests.support import scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import again, take, user_conditions
from tests.support.training import code

NOISE = "return {'products': values + np.random.default_rng().random(values.shape)}"


@pytest.fixture
def nothing_is_left() -> None:
    """Repositories are open here, which close when they are collected as garbage."""


@pytest.fixture
def v1(tmp_path: Path) -> Snapshot:
    return scenes.snapshot(tmp_path)


def record(snapshot: Snapshot, name: str, values: Any = (1.0, 2.25), **options: Any) -> Recorded:
    inputs = Arrays({"values": np.array(values)})
    launcher = LocalLauncher(user_conditions())
    return evaluate_and_record(snapshot, inputs, name=name, launcher=launcher, **options)


def verify(snapshot: Snapshot, *names: str, **tolerance: Any) -> list[VerifiedEvaluation]:
    return list(
        verify_evaluations([snapshot], names, conditions=user_conditions(), tolerance=Tolerance(**tolerance))
    )


def npy(values: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array(values))
    return content.getvalue()


def test_what_git_shows(v1: Snapshot, git: Git, fsck: Fsck) -> None:
    directory = v1.repository.directory
    before = git("cat-file", "tag", "v1", cwd=directory)
    record(v1, "first")
    shown = json.loads(git("notes", "--ref=evaluations", "show", "v1", cwd=directory))
    assert (shown["record"], shown["name"]) == ("EvaluationRecord", "first")
    (output,) = shown["outputs"]
    assert output == {
        "name": "products",
        "type": "f64",
        "shape": [2],
        "size": 144,
        "sha256": hashlib.sha256(npy([2.0, 4.5])).hexdigest(),
        "file": "outputs/products.npy",
    }
    listed = git("ls-tree", "-r", "--name-only", shown["tree"], cwd=directory).split()
    assert listed == ["inputs/values.npy", "outputs/products.npy"]
    ref = f"refs/records/{v1.tag_oid}/first"
    assert git("rev-parse", f"{ref}^{{tree}}", cwd=directory).strip() == shown["tree"]
    assert "Ada Lovelace" in shown["circumstances"]["user"]
    assert git("cat-file", "tag", "v1", cwd=directory) == before
    fsck(v1.repository)


def test_it_gives_the_same_again(v1: Snapshot, tmp_path: Path, git: Git) -> None:
    record(v1, "first")
    record(v1, "large", np.arange(800_000.0))  # in parts
    assert [(entry.record, entry.is_equal) for entry in verify(v1)] == [("first", True), ("large", True)]
    git("clone", "--quiet", "--mirror", str(v1.repository.directory), "mirror", cwd=tmp_path)
    mirror = Model.open(tmp_path / "mirror").repository
    git("gc", "--quiet", "--prune=now", cwd=mirror.directory)
    (snapshot,) = [entry for entry in read_own_snapshots(Model.open(mirror.directory)) if entry.name == "v1"]
    assert [entry.record for entry in verify(snapshot, "large")] == ["large"]


def test_what_differs(model: Model) -> None:
    code(model, "evaluate", NOISE)
    snapshot = take(model, "v1")
    record(snapshot, "first")
    (verified,) = verify(snapshot)
    assert (verified.is_equal, verified.problem) == (False, None)
    assert verified.outputs[0].count == 2
    assert verify(snapshot, absolute=1.0)[0].is_equal
    assert verify(snapshot, absolute_by_name={"products": 1.0})[0].is_equal
    assert not verify(snapshot, absolute_by_name={"other": 1.0})[0].is_equal


def test_a_model_that_fails_now(model: Model, tmp_path: Path) -> None:
    flag = tmp_path / "fails"
    code(model, "evaluate", f"assert not Path({str(flag)!r}).exists(), 'now it fails'")
    snapshot = take(model, "v1")
    record(snapshot, "first")
    flag.touch()
    (verified,) = verify(snapshot)
    assert not verified.is_equal
    assert "now it fails" in (verified.problem or "")


def test_names(v1: Snapshot) -> None:
    record(v1, "first")
    with refuses("first", kind=RecordExists):
        record(v1, "first")
    replaced = record(v1, "first", [3.0], replacing=True)
    assert evaluations.list_records(v1) == [replaced.record]
    with refuses("v1", "second", hint="first", kind=NoSuchRecord):
        evaluations.find_record(v1, "second")
    with refuses("second", kind=NoSuchRecord):
        verify(v1, "first", "second")
    assert evaluations.find_record(v1, "first") == replaced.record


def test_two_at_once(v1: Snapshot, fsck: Fsck) -> None:
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            record(read_own_snapshots(Model.open(v1.repository.directory))[0], name)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(entry.name for entry in evaluations.list_records(v1)) == ["a", "b", "c"]
    fsck(v1.repository)


def test_renaming_the_snapshot(v1: Snapshot, git: Git, fsck: Fsck) -> None:
    directory = v1.repository.directory
    record(v1, "first")
    renamed = rename(v1, "best").snapshot
    assert [entry.record for entry in verify(renamed) if entry.is_equal] == ["first"]
    listed = git("notes", "--ref=evaluations", "list", cwd=directory).split()
    assert listed[1:] == [str(renamed.tag_oid)]
    refs = git("for-each-ref", "--format=%(refname)", "refs/records", cwd=directory).split()
    assert refs == [files.make_ref(renamed.tag_oid, "first")]
    fsck(v1.repository)


def test_removing_the_snapshot_frees_the_record(v1: Snapshot, git: Git, fsck: Fsck) -> None:
    directory = v1.repository.directory
    without = plan_removal([v1]).exclusive
    record(v1, "first", np.random.default_rng(0).random(100_000))
    removal = plan_removal([v1])
    assert removal.exclusive > without + 1_500_000
    remove(removal)
    assert git("for-each-ref", "refs/records", cwd=directory) == ""
    assert git("notes", "--ref=evaluations", "list", cwd=directory) == ""
    report = collect_garbage(again(Model.open(directory)).repository)
    assert report.freed > 1_500_000
    fsck(v1.repository)


def test_a_tag_that_git_removes_leaves_files_until_gc(v1: Snapshot, git: Git, fsck: Fsck) -> None:
    directory = v1.repository.directory
    record(v1, "first")
    collect_garbage(again(Model.open(directory)).repository)
    git("tag", "-d", "v1", cwd=directory)
    collect_garbage(again(Model.open(directory)).repository)
    assert git("for-each-ref", "refs/records", cwd=directory) != ""  # the tag may come back
    collect_garbage(again(Model.open(directory)).repository, dry_run=True, prune_vanished=True)
    assert git("for-each-ref", "refs/records", cwd=directory) != ""
    collect_garbage(again(Model.open(directory)).repository, prune_vanished=True)
    assert git("for-each-ref", "refs/records", cwd=directory) == ""
    fsck(v1.repository)


def test_usage_charges_its_bytes(v1: Snapshot) -> None:
    record(v1, "first", np.random.default_rng(0).random(100_000))
    holders = {(holder.kind, holder.name): holder for holder in usage.measure(v1.repository).holders}
    holder = holders["record", "v1 first"]
    assert (holder.model, holder.exclusive > 1_500_000) == (usage.ROOT, True)


def test_files_that_were_not_fetched(v1: Snapshot, git: Git, tmp_path: Path) -> None:
    record(v1, "first")
    git("clone", "--quiet", "--no-local", str(v1.repository.directory), "clone", cwd=tmp_path)
    git("fetch", "--quiet", "origin", "refs/notes/*:refs/notes/*", cwd=tmp_path / "clone")
    (snapshot,) = read_own_snapshots(Model.open(tmp_path / "clone"))
    (verified,) = verify(snapshot)
    assert "the files of the record first are missing" in (verified.problem or "")
    git("fetch", "--quiet", "origin", "refs/records/*:refs/records/*", cwd=tmp_path / "clone")
    (snapshot,) = read_own_snapshots(Model.open(tmp_path / "clone"))
    assert verify(snapshot)[0].is_equal


def test_a_record_of_a_stranger(v1: Snapshot, git: Git) -> None:
    """It cannot make gitstore read another file, or a file as something else."""
    directory = v1.repository.directory
    record(v1, "first")
    line = git("notes", "--ref=evaluations", "show", "v1", cwd=directory)
    for old, new in (
        ("inputs/values.npy", "../../../etc/passwd"),
        ('"shape":[2]', '"shape":[1]'),
        ('"type":"f64"', '"type":"string"'),
    ):
        git("notes", "--ref=evaluations", "add", "-f", "-m", line.replace(old, new), "v1", cwd=directory)
        (verified,) = verify(v1)
        assert "is damaged" in (verified.problem or "")
    for text in ('{"record":"EvaluationRecord"}', line.replace('"first"', '"a/b"'), "{" * 100_000):
        git("notes", "--ref=evaluations", "add", "-f", "-F", "-", "v1", cwd=directory, stdin=text.encode())
        assert evaluations.list_records(v1) == []


def test_a_ref_that_leads_to_no_notes(v1: Snapshot, git: Git) -> None:
    blob = git("hash-object", "-w", "--stdin", cwd=v1.repository.directory, stdin=b"x").strip()
    git("update-ref", evaluations.NOTES, blob, cwd=v1.repository.directory)
    with pytest.raises(Corrupt):
        record(v1, "first")
    assert git("for-each-ref", "refs/records", cwd=v1.repository.directory) == ""
