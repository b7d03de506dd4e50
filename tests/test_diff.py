"""What differs between snapshots, and from the working copy: as values, and as a person meets it."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gitstore import creation, derive, diff, settings, settings_diff, state
from gitstore.code_diff import CodeChange
from gitstore.diff import Diff
from gitstore.errors import BadSettings
from gitstore.model import Model
from gitstore.objects import parts
from gitstore.objects.database import BrokenObject
from gitstore.objects.oid import Kind
from gitstore.objects.tree import Mode, TreeEntry, encode
from gitstore.settings_diff import KeyChange
from gitstore.snapshot import Snapshot
from gitstore.state_diff import FileChange
from gitstore.tensor_diff import TensorDiff
from tests.support.commands import Fsck, Git, Outcome, Run
from tests.support.commands import git as run_git
from tests.support.failing import fails
from tests.support.models import git_state, make, noise, picture, put, refs, take
from tests.support.tensors import safetensors, with_header

MIB = 1024**2


@pytest.fixture
def v1(model: Model) -> Snapshot:
    return take(model, "v1")


def now(model: Model) -> Model:
    """The model as a fresh process would see it."""
    return Model.open(model.directory)


def write(model: Model, name: str, content: str) -> None:
    path = model.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def edit(model: Model, old: str, new: str) -> None:
    path = model.directory / "settings.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def between(old: str, new: str) -> tuple[KeyChange, ...]:
    """What differs in settings, of which only these lines are given."""
    before, after = (settings.parse(f"name: m\n{each}\n".encode()) for each in (old, new))
    return settings_diff.compare(before, after, is_other_text=True).changes


class TestSettings:
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("", "max_durations: {train: 24h}", []),
            ("max_durations: {train: 2d}", "max_durations: {train: 48h}", []),
            ("", "max_durations: {train: 36h}", [("max_durations.train", "1d", "36h")]),
            ("filesystem_size: 1GiB", "", [("filesystem_size", "1GiB", "32MiB")]),
            (
                "",
                "default_launchers: {evaluate: {disk: 256MiB, cpus: 2}}",
                [
                    ("default_launchers.evaluate.cpus", 1.0, 2.0),
                    ("default_launchers.evaluate.disk", None, "256MiB"),
                ],
            ),
            ('packages: {python: "3.11"}', "", [("packages.python", "3.11", None)]),
            (
                "packages: {requirements: [a==1, b==2, c==3]}",
                "packages: {requirements: [c==3, b==2.1, d==4]}",
                [
                    ("packages.requirements.a", "1", None),
                    ("packages.requirements.b", "2", "2.1"),
                    ("packages.requirements.d", None, "4"),
                ],
            ),
            ("packages: {requirements: [a==1]}", "", [("packages.requirements.a", "1", None)]),
            (
                "packages: {requirements: [a==1, a==2]}",
                "packages: {requirements: [a==1]}",
                [("packages.requirements", ["a==1", "a==2"], ["a==1"])],
            ),
            (
                "types: {train: [{name: a, types: [f32], shape: []}, {name: b, types: [f32], shape: []}]}",
                "types: {train: [{name: c, types: [u8], shape: []}, {name: b, types: [f32, u8], shape: []}]}",
                [
                    ("types.train.a", {"types": ["f32"], "shape": [], "required": True}, None),
                    ("types.train.b.types", ["f32"], ["f32", "u8"]),
                    ("types.train.c", None, {"types": ["u8"], "shape": [], "required": True}),
                ],
            ),
            (
                "types: {train: [{name: a, types: [f32], shape: []}]}",
                "types: {train: [{name: a, types: [f32], shape: [-1]}]}",
                [("types.train.a.shape", [], [-1])],
            ),
        ],
    )
    def test_by_key(self, old: str, new: str, expected: list[tuple[str, Any, Any]]) -> None:
        assert between(old, new) == tuple(KeyChange(*each) for each in expected)

    def test_kinds(self) -> None:
        found = between(
            'packages: {python: "3.11", requirements: [a==1]}', "packages: {requirements: [a==2]}"
        )
        assert [change.kind for change in found] == ["removed", "changed"]
        (added,) = between("", 'packages: {python: "3.11"}')
        assert added.kind == "added"

    def test_a_comment(self, model: Model, v1: Snapshot) -> None:
        edit(model, "# no more", "# not more")
        found = diff.compare(v1, now(model))
        assert (found.settings.changes, found.settings.is_other_text) == ((), True)
        assert found.differs

    def test_broken_ones_on_disk(self, model: Model, v1: Snapshot) -> None:
        write(model, "settings.yaml", "name: digits\nfilesystem_size: much\n")
        with pytest.raises(BadSettings) as caught:
            diff.compare(v1, now(model))
        assert caught.value.problems[0].startswith("settings.yaml:2: filesystem_size: ")


class TestCode:
    def test_the_working_copy_as_a_snapshot_would_take_it(
        self, model: Model, v1: Snapshot, git: Git, fsck: Fsck
    ) -> None:
        """Uncommitted, staged and new files are in; ignored ones are not; nothing of git's is touched."""
        write(model, "code/model.py", "changed\n")
        write(model, "code/größer als.py", "one\ntwo\n")
        write(model, "code/staged.py", "x\n")
        write(model, "code/junk.pyc", "ignored")
        write(model, "code/.gitignore", "*.pyc\n")
        write(model, "beside.txt", "not code\n")
        git("add", "code/staged.py", cwd=model.directory)
        before = (git_state(model.directory), refs(model.directory), picture(model.directory))
        objects = git("count-objects", "-v", cwd=model.directory)
        found = diff.compare(v1, now(model)).code
        assert [(each.path, each.kind) for each in found.files] == [
            ("code/.gitignore", "added"),
            ("code/größer als.py", "added"),
            ("code/model.py", "changed"),
            ("code/staged.py", "added"),
        ]
        assert before == (git_state(model.directory), refs(model.directory), picture(model.directory))
        assert objects == git("count-objects", "-v", cwd=model.directory)
        assert list((model.repository.private).glob("tmp_*")) == []
        fsck(model.repository)
        after = take(model, "v2")
        assert diff.compare(v1, after).code == found

    def test_lines_and_binary_files(self, model: Model) -> None:
        write(model, "code/text", "a\nb\nc\n")
        write(model, "code/old name", "x\n" * 20)
        (model.directory / "code" / "binary").write_bytes(b"\0\1")
        first = take(model, "v1")
        write(model, "code/text", "a\nB\nc\nd\n")
        (model.directory / "code" / "binary").write_bytes(b"\0\2")
        (model.directory / "code" / "old name").rename(model.directory / "code" / "new name")
        found = diff.compare(first, now(model)).code
        assert found.files == (
            CodeChange("code/binary", "changed", None, None),
            CodeChange("code/new name", "added", 20, 0),
            CodeChange("code/old name", "removed", 0, 20),
            CodeChange("code/text", "changed", 2, 1),
        )
        assert found.text.decode() == (
            " code/binary                 | Bin 2 -> 2 bytes\n"
            " code/{old name => new name} |   0\n"
            " code/text                   |   3 ++-\n"
            " 3 files changed, 2 insertions(+), 1 deletion(-)\n"
        )

    def test_a_patch(self, model: Model, git: Git) -> None:
        first = take(model, "v1")
        write(model, "code/model.py", "changed\n")
        second = take(model, "v2")
        expected = git("diff", "v1", "v2", "--", "code", cwd=model.directory)
        assert diff.compare(first, second, patch=True).code.text.decode() == expected
        assert diff.compare(first, now(model), patch=True).code.text.decode() == expected
        coloured = diff.compare(first, second, patch=True, colour=True).code.text
        assert b"\x1b[32m+" in coloured

    def test_no_code_left(self, model: Model, v1: Snapshot) -> None:
        (model.directory / "code" / "model.py").unlink()
        expected = (CodeChange("code/model.py", "removed", 0, 34),)
        assert diff.compare(v1, now(model)).code.files == expected
        (model.directory / "code").rmdir()
        assert diff.compare(v1, now(model)).code.files == expected

    def test_packages_lock(self, model: Model, v1: Snapshot) -> None:
        write(model, "packages.lock", "numpy==2.4.6\n")
        assert diff.compare(v1, now(model)).code.files == (CodeChange("packages.lock", "added", 1, 0),)
        second = take(model, "v2")
        assert diff.compare(v1, second).code.files == (CodeChange("packages.lock", "added", 1, 0),)
        assert not diff.compare(second, now(model)).differs

    def test_code_elsewhere(self, tmp_path: Path, git: Git) -> None:
        """The paths are those of a snapshot, wherever the code is."""
        root = tmp_path / "mit Leerzeichen"
        (root / "src" / "net").mkdir(parents=True)
        (root / "src" / "net" / "a.py").write_text("a\n")
        git("init", "--quiet", cwd=root)
        model = creation.create(root, name="m", code="src/net").model
        put(model, "initial", {"w": b"x"})
        first = take(model, "v1")
        assert not diff.compare(first, now(model)).differs
        (root / "src" / "net" / "a.py").write_text("b\n")
        (root / "src" / "outside.py").write_text("not code\n")
        assert diff.compare(first, now(model)).code.files == (CodeChange("code/a.py", "changed", 1, 1),)

    def test_a_nested_repository(self, model: Model, v1: Snapshot, git: Git) -> None:
        (model.directory / "code" / "inner").mkdir()
        git("init", "--quiet", "code/inner", cwd=model.directory)
        with fails(
            "code/inner is a git repository of its own, which a snapshot cannot hold",
            hint="remove code/inner/.git to make it part of the code, or ignore it",
        ):
            diff.compare(v1, now(model))

    def test_a_bare_repository(self, model: Model, git: Git, tmp_path: Path) -> None:
        """Its branch head, and its saved active state."""
        state.save(now(model), "initial")
        take(model, "v1")
        git("clone", "--quiet", "--mirror", str(model.directory), str(tmp_path / "bare.git"), cwd=tmp_path)
        bare = Model.open(tmp_path / "bare.git")
        first = take(bare, "v2")
        assert not diff.compare(first, bare).differs
        write(model, "code/model.py", "changed\n")
        git("commit", "--quiet", "--all", "-m", "change", cwd=model.directory)
        git("push", "--quiet", str(tmp_path / "bare.git"), "main", cwd=model.directory)
        found = diff.compare(first, Model.open(tmp_path / "bare.git"))
        assert found.code.files == (CodeChange("code/model.py", "changed", 1, 34),)
        assert found.state.files == ()

    def test_models_of_one_repository(self, model: Model, v1: Snapshot, tmp_path: Path) -> None:
        """In a linked worktree, from its subdirectory."""
        even = derive.derive(v1, "even", tmp_path / "even").model
        assert not diff.compare(v1, now(even)).code.files
        found = diff.compare(v1, Model.open(even.directory / "code"))
        assert [change.path for change in found.settings.changes] == ["name", "based_on"]
        assert found.state.files == ()

    def test_another_repository(self, v1: Snapshot, tmp_path: Path, fsck: Fsck) -> None:
        other = make(tmp_path / 'with: colon and "quotes"', name="other")
        write(other, "code/model.py", "other\n")
        put(other, "initial", {"weights": b"other", "more": b"x"})
        snapshot = take(other, "v1")
        for after in (snapshot, now(other)):
            found = diff.compare(v1, after)
            assert found.settings.changes == (KeyChange("name", "digits", "other"),)
            assert found.code.files == (CodeChange("code/model.py", "changed", 1, 34),)
            assert [(str(file.path), file.kind) for file in found.state.files] == [
                ("more", "added"),
                ("weights", "changed"),
            ]
        fsck(v1.repository)
        fsck(other.repository)


def cut_otherwise(model: Model, name: str, content: bytes) -> None:
    """Make a file, in parts of 3 MiB as some other tool may cut it, the model's active state."""
    with model.repository.writer() as writer:
        blobs = [writer.add(Kind.BLOB, content[at : at + 3 * MIB]) for at in range(0, len(content), 3 * MIB)]
        named = [TreeEntry(Mode.FILE, parts.part_name(number), blob) for number, blob in enumerate(blobs)]
        joined = TreeEntry(Mode.TREE, f"{name}.parts".encode(), writer.add(Kind.TREE, encode(named)))
        tree = writer.add(Kind.TREE, encode([joined]))
        writer.finish()
    commit = run_git("commit-tree", "-m", "foreign", str(tree), cwd=model.directory).strip()
    run_git("update-ref", "refs/states/foreign", commit, cwd=model.directory)
    state.use(now(model), "foreign")


def files(found: Diff) -> dict[str, FileChange]:
    return {str(file.path): file for file in found.state.files}


class TestState:
    def test_nothing(self, model: Model, v1: Snapshot) -> None:
        found = diff.compare(v1, now(model))
        assert not found.differs
        assert (found.state.unchanged, found.state.size_before, found.state.size_after) == (1, 8, 8)
        assert not diff.compare(v1, v1).differs

    def test_files(self, model: Model) -> None:
        put(model, "initial", {"same": b"s", "gone": b"gone", "moved": b"moved away", "sub dir/ü": b"u"})
        first = take(model, "v1")
        states = model.directory / "states" / "initial"
        (states / "gone").unlink()
        (states / "moved").rename(states / "here")
        put(model, "initial", {"weights": b"\0" * 9, "new": b"new", "sub dir/ü": b"U"})
        expected = [
            FileChange(PurePosixPath("gone"), 4, None, 0, 4),
            FileChange(PurePosixPath("here"), None, 10, 10, 0),
            FileChange(PurePosixPath("moved"), 10, None, 10, 0),
            FileChange(PurePosixPath("new"), None, 3, 0, 3),
            FileChange(PurePosixPath("sub dir/ü"), 1, 1, 0, 1),
            FileChange(PurePosixPath("weights"), 8, 9, 0, 9),
        ]
        on_disk = diff.compare(first, now(model))
        assert list(on_disk.state.files) == expected
        assert (on_disk.state.unchanged, on_disk.state.changed) == (1, 13)
        assert diff.compare(first, take(model, "v2")).state == on_disk.state

    def test_a_large_file_shares_all_but_what_changed(self, model: Model, git: Git) -> None:
        content = bytearray(noise(12 * MIB))
        put(model, "initial", {"w": bytes(content)})
        first = take(model, "v1")
        content[7 * MIB] ^= 1
        put(model, "initial", {"w": bytes(content)})
        packs = sorted((model.directory / ".git" / "objects").rglob("*"))
        on_disk = files(diff.compare(first, now(model)))["w"]
        assert packs == sorted((model.directory / ".git" / "objects").rglob("*"))
        assert 0 < on_disk.changed <= 2 * parts.PART_MAX
        assert on_disk.shared + on_disk.changed == on_disk.before == on_disk.after == 12 * MIB
        assert files(diff.compare(first, take(model, "v2")))["w"] == on_disk

    def test_a_state_that_is_not_on_disk(self, model: Model, v1: Snapshot) -> None:
        put(model, "other", {"weights": b"other!"})
        state.save(now(model), "other")
        state.use(now(model), "other")
        (model.directory / "states" / "other" / "weights").unlink()
        (model.directory / "states" / "other").rmdir()
        found = diff.compare(v1, now(model)).state
        assert (found.before, found.after) == ("initial", "other")
        assert found.files == (FileChange(PurePosixPath("weights"), 8, 6, 0, 6),)

    def test_no_state_at_all(self, model: Model, v1: Snapshot) -> None:
        (model.directory / "states" / "initial" / "weights").unlink()
        (model.directory / "states" / "initial").rmdir()
        assert diff.compare(v1, now(model)).state.files == (
            FileChange(PurePosixPath("weights"), 8, None, 0, 8),
        )

    def test_a_file_that_a_state_cannot_hold(self, model: Model, v1: Snapshot) -> None:
        path = model.directory / "states" / "initial" / "pipe"
        os.mkfifo(path)
        with fails(f"{path} is a named pipe; a state holds plain files", hint="move it away"):
            diff.compare(v1, now(model))

    def test_what_others_cut_otherwise_is_the_same(self, model: Model) -> None:
        content = noise(5 * MIB)
        put(model, "initial", {"weights": content})
        first = take(model, "v1")
        cut_otherwise(model, "weights", content)
        found = diff.compare(first, now(model)).state
        assert (found.files, found.unchanged) == ((), 1)

    def test_a_part_that_is_damaged(self, model: Model) -> None:
        put(model, "initial", {"weights": noise(5 * MIB)})
        first = take(model, "v1")
        put(model, "initial", {"weights": noise(5 * MIB, seed=1)})
        (pack,) = (model.directory / ".git" / "objects" / "pack").glob("*.pack")
        pack.chmod(0o600)
        with pack.open("r+b") as file:
            file.seek(100_000)  # in the first part: code and settings before it are small
            file.write(b"damaged")
        with pytest.raises(BrokenObject):
            diff.compare(first, now(model))


def tensors_of(model: Model, before: bytes, after: bytes) -> FileChange:
    """What differs in a file, stored and on disk alike."""
    put(model, "initial", {"m.safetensors": before})
    first = take(model, "before")
    put(model, "initial", {"m.safetensors": after})
    on_disk = files(diff.compare(first, now(model)))["m.safetensors"]
    assert files(diff.compare(first, take(model, "after")))["m.safetensors"] == on_disk
    return on_disk


def kinds(found: TensorDiff | None) -> list[tuple[str, str]]:
    assert found is not None
    return [(change.name, change.kind) for change in found.tensors]


class TestTensors:
    def test_every_kind(self, model: Model) -> None:
        """In a file in parts, where tensors have moved."""
        big, other = noise(8 * MIB), bytearray(noise(2 * MIB, seed=1))
        before = safetensors(
            {
                "a same": ("F32", [2 * MIB], big),
                "gone": ("U8", [3], b"abc"),
                "retyped": ("F16", [2], b"1234"),
                "reshaped": ("F16", [2, 3], b"123456789012"),
                "resized": ("U8", [1], b"1"),
                "values": ("U8", [2 * MIB], bytes(other)),
                "empty": ("U8", [0], b""),
            },
            {"format": "pt", "step": "1"},
        )
        other[-1] ^= 1
        after = safetensors(
            {
                "new": ("I64", [], b"12345678"),
                "a same": ("F32", [2 * MIB], big),
                "values": ("U8", [2 * MIB], bytes(other)),
                "resized": ("U8", [2], b"12"),
                "reshaped": ("F16", [3, 2], b"123456789012"),
                "retyped": ("BF16", [2], b"1234"),
                "empty": ("U8", [0], b""),
            },
            {"format": "pt", "step": "2"},
        )
        found = tensors_of(model, before, after)
        assert found.note is None
        assert kinds(found.tensors) == [
            ("gone", "removed"),
            ("new", "added"),
            ("reshaped", "shape"),
            ("resized", "shape"),
            ("retyped", "dtype"),
            ("values", "values"),
        ]
        assert found.tensors is not None
        assert found.tensors.unchanged == 2
        assert found.tensors.metadata == (KeyChange("step", "1", "2"),)

    def test_only_the_order(self, model: Model) -> None:
        a, b = ("U8", [1], b"a"), ("U8", [1], b"b")
        found = tensors_of(model, safetensors({"a": a, "b": b}), safetensors({"b": b, "a": a}))
        assert found.tensors == TensorDiff((), 2, ())

    @pytest.mark.parametrize(
        ("before", "after", "note"),
        [
            (b"junk", safetensors({}), "the old file is malformed: it is shorter than a header's length"),
            (
                safetensors({}),
                with_header({"a": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}, b"12"),
                "the new file is malformed: its tensor 'a' lies outside the file",
            ),
        ],
    )
    def test_a_malformed_file_is_compared_as_a_whole(
        self, model: Model, before: bytes, after: bytes, note: str
    ) -> None:
        found = tensors_of(model, before, after)
        assert (found.tensors, found.note) == (None, f"not compared by tensor: {note}")
        assert (found.before, found.after, found.changed) == (len(before), len(after), len(after))

    def test_a_large_file_is_not_held_in_memory(self, model: Model) -> None:
        """Some parts at a time, even if nothing is shared and the very last byte is the first to differ."""
        content = bytearray(noise(4 * MIB) * 10)
        put(model, "initial", {"m.safetensors": safetensors({"w": ("U8", [len(content)], bytes(content))})})
        first = take(model, "v1")
        content[-1] ^= 1
        cut_otherwise(model, "m.safetensors", safetensors({"w": ("U8", [len(content)], bytes(content))}))
        read: list[int] = []
        tracemalloc.start()
        found = files(diff.compare(first, now(model), progress=read.append))["m.safetensors"]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kinds(found.tensors) == [("w", "values")]
        assert (found.shared, found.changed) == (0, found.after)
        assert sum(read) > len(content)
        assert peak < 32 * MIB


EVERYTHING = """\
settings
  ~ filesystem_size: 1MiB → 2MiB
  + packages.python: "3.11"

 code/model.py | 35 +----------------------------------
 1 file changed, 1 insertion(+), 34 deletions(-)

state initial → other: 275 B of 283 B changed
  ~ bad.safetensors  3 B → 4 B, 4 B changed
      not compared by tensor: the old file is malformed: it is shorter than a header's length
  ~ m.safetensors  232 B → 270 B, 270 B changed
      ~ '\\x1b[2J'  U8 [1] → I8 [1]
      ~ b  U8 [1]  values
      + c  F32 [1, 1]
      - metadata of: 'v1'
      1 tensor is the same
  + new  1 B
"""


class TestCommand:
    def test_nothing(self, run: Run, model: Model, v1: Snapshot) -> None:
        assert run("diff", "v1", cwd=model.directory) == Outcome(0, "", "")
        assert run("diff", "v1", "v1", "--exit-code", cwd=model.directory / "code") == Outcome(0, "", "")

    def test_everything(self, run: Run, model: Model) -> None:
        tensors = {"b": ("U8", [1], b"b"), "\x1b[2J": ("U8", [1], b"e"), "same": ("U8", [1], b"s")}
        put(
            model, "initial", {"m.safetensors": safetensors(tensors, {"of": "v1"}), "bad.safetensors": b"bad"}
        )
        take(model, "v1")
        edit(model, "filesystem_size: 1MiB", 'packages: {python: "3.11"}\nfilesystem_size: 2MiB')
        write(model, "code/model.py", "x\n")
        tensors |= {"b": ("U8", [1], b"B"), "c": ("F32", [1, 1], b"1234"), "\x1b[2J": ("I8", [1], b"e")}
        put(
            model,
            "other",
            {"m.safetensors": safetensors(tensors), "bad.safetensors": b"good", "weights": bytes(range(8))},
        )
        put(model, "other", {"new": b"n"})
        state.save(now(model), "other")
        state.use(now(model), "other")
        outcome = run("diff", "v1", "--exit-code", cwd=model.directory)
        assert outcome == Outcome(1, EVERYTHING, "")
        assert run("diff", "v1", cwd=model.directory).code == 0

    def test_patch(self, run: Run, model: Model, v1: Snapshot) -> None:
        write(model, "code/new.py", "x\n")
        assert run("diff", "v1", "-p", cwd=model.directory).stdout == (
            "diff --git a/code/new.py b/code/new.py\nnew file mode 100644\nindex 0000000..587be6b\n"
            "--- /dev/null\n+++ b/code/new.py\n@@ -0,0 +1 @@\n+x\n"
        )

    def test_layout_only(self, run: Run, model: Model, v1: Snapshot) -> None:
        edit(model, "# no more", "")
        outcome = run("diff", "v1", "--exit-code", cwd=model.directory)
        assert outcome == Outcome(1, "settings: only comments or layout differ\n", "")

    def test_only_the_order_of_tensors(self, run: Run, model: Model) -> None:
        a, b = ("U8", [1], b"a"), ("U8", [1], b"b")
        put(model, "initial", {"m.safetensors": safetensors({"a": a, "b": b})})
        take(model, "v1")
        put(model, "initial", {"m.safetensors": safetensors({"b": b, "a": a})})
        assert run("diff", "v1", cwd=model.directory).stdout.endswith("      every tensor is the same\n")

    def test_json(self, run: Run, model: Model, v1: Snapshot) -> None:
        edit(model, "filesystem_size: 1MiB", "filesystem_size: 2MiB")
        write(model, "code/new.py", "x\n")
        put(model, "initial", {"weights": b"12"})
        outcome = run("diff", "v1", "--json", "-p", cwd=model.directory)
        assert (outcome.code, outcome.stderr) == (0, "")
        found = json.loads(outcome.stdout)
        assert found["code"].pop("patch").startswith("diff --git a/code/new.py")
        assert found == {
            "before": {"snapshot": "v1", "model": "digits", "tag": str(v1.oid), "directory": None},
            "after": {
                "snapshot": None,
                "model": "digits",
                "tag": None,
                "directory": str(model.directory),
            },
            "differs": True,
            "settings": {
                "changes": [{"key": "filesystem_size", "kind": "changed", "before": "1MiB", "after": "2MiB"}],
                "is_other_text": True,
            },
            "code": {
                "files": [{"path": "code/new.py", "kind": "added", "lines_added": 1, "lines_removed": 0}]
            },
            "state": {
                "before": "initial",
                "after": "initial",
                "size_before": 8,
                "size_after": 2,
                "changed": 2,
                "unchanged_files": 0,
                "files": [
                    {
                        "path": "weights",
                        "kind": "changed",
                        "size_before": 8,
                        "size_after": 2,
                        "shared": 0,
                        "changed": 2,
                        "note": None,
                        "tensors": None,
                    }
                ],
            },
        }

    def test_json_of_tensors(self, run: Run, model: Model) -> None:
        put(model, "initial", {"m.safetensors": safetensors({"a": ("U8", [1], b"a")})})
        take(model, "v1")
        put(model, "initial", {"m.safetensors": safetensors({"b": ("U8", [1], b"a")}, {"k": "v"})})
        (file,) = json.loads(run("diff", "v1", "--json", cwd=model.directory).stdout)["state"]["files"]
        form = {"dtype": "U8", "shape": [1]}
        assert file["tensors"] == {
            "changes": [
                {"name": "a", "kind": "removed", "before": form, "after": None},
                {"name": "b", "kind": "added", "before": None, "after": form},
            ],
            "unchanged": 0,
            "metadata": [{"key": "k", "kind": "added", "before": None, "after": "v"}],
        }

    def test_names_that_are_not_text(self, run: Run, model: Model, v1: Snapshot) -> None:
        put(model, "initial", {os.fsdecode(b"\xff\n"): b"x"})
        shown = run("diff", "v1", cwd=model.directory).stdout.splitlines()
        assert shown[1] == r"  + '\udcff\n'  1 B"
        (file,) = json.loads(run("diff", "v1", "--json", cwd=model.directory).stdout)["state"]["files"]
        assert file["path"] == "\udcff\n"

    @pytest.mark.parametrize(
        ("arguments", "code", "stderr"),
        [
            ([], 2, "error: Missing argument 'A'.\n"),
            (["v2"], 1, "error: there is no snapshot v2\nhint: gitstore list shows the snapshots\n"),
            (["v1", "v11"], 1, "error: there is no snapshot v11\nhint: did you mean v1?\n"),
            (
                ["v1", "https://example.org/m@v1"],
                1,
                "error: https://example.org/m@v1: snapshots are read from a local repository\n"
                "hint: git clone https://example.org/m first\n",
            ),
        ],
    )
    def test_what_cannot_be_compared(
        self, run: Run, model: Model, v1: Snapshot, arguments: list[str], code: int, stderr: str
    ) -> None:
        outcome = run("diff", *arguments, cwd=model.directory)
        assert (outcome.code, outcome.stdout) == (code, "")
        assert outcome.stderr.endswith(stderr)

    def test_outside_of_a_model(self, run: Run, v1: Snapshot, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        outcome = run("diff", "../digits@v1", cwd=tmp_path / "empty")
        assert (outcome.code, outcome.stdout) == (10, "")
        outcome = run("diff", "../digits@v1", "../digits@v1", cwd=tmp_path / "empty")
        assert outcome == Outcome(0, "", "")
