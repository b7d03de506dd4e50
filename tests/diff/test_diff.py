"""What differs between snapshots, and from the working copy: their settings and their code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitstore import settings
from gitstore.diff import diff
from gitstore.diff import settings as settings_diff
from gitstore.diff.code import CodeFileChange
from gitstore.diff.settings import KeyChange
from gitstore.errors import BadSettings
from gitstore.models import init
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import again, edit, git_state, make, picture, put, refs, take, write


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    return scenes.model(tmp_path, request.fixturenames)


@pytest.fixture
def v1(model: Model, tmp_path: Path) -> Snapshot:
    return scenes.find(tmp_path)


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
                    (
                        "types.train.a",
                        {"types": ["f32"], "shape": [], "required": True, "ragged": False},
                        None,
                    ),
                    ("types.train.b.types", ["f32"], ["f32", "u8"]),
                    (
                        "types.train.c",
                        None,
                        {"types": ["u8"], "shape": [], "required": True, "ragged": False},
                    ),
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
        found = diff.compare(v1, again(model))
        assert (found.settings.changes, found.settings.is_other_text) == ((), True)
        assert found.differs

    def test_broken_ones_on_disk(self, model: Model, v1: Snapshot) -> None:
        write(model, "settings.yaml", "name: digits\nfilesystem_size: much\n")
        with pytest.raises(BadSettings) as caught:
            diff.compare(v1, again(model))
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
        found = diff.compare(v1, again(model)).code
        assert [(each.path, each.kind) for each in found.files] == [
            ("code/.gitignore", "added"),
            ("code/größer als.py", "added"),
            ("code/model.py", "changed"),
            ("code/staged.py", "added"),
        ]
        assert before == (git_state(model.directory), refs(model.directory), picture(model.directory))
        assert objects == git("count-objects", "-v", cwd=model.directory)
        assert list((model.repository.private).glob(".*~new-*")) == []
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
        found = diff.compare(first, again(model)).code
        assert found.files == (
            CodeFileChange("code/binary", "changed", None, None),
            CodeFileChange("code/new name", "added", 20, 0),
            CodeFileChange("code/old name", "removed", 0, 20),
            CodeFileChange("code/text", "changed", 2, 1),
        )
        assert found.text.decode() == (
            " code/binary                 | Bin 2 -> 2 bytes\n"
            " code/{old name => new name} |   0\n"
            " code/text                   |   3 ++-\n"
            " 3 files changed, 2 insertions(+), 1 deletion(-)\n"
        )

    def test_a_patch(self, model: Model, v1: Snapshot, git: Git) -> None:
        write(model, "code/model.py", "changed\n")
        second = take(model, "v2")
        expected = git("diff", "v1", "v2", "--", "code", cwd=model.directory)
        assert diff.compare(v1, second, patch=True).code.text.decode() == expected
        assert diff.compare(v1, again(model), patch=True).code.text.decode() == expected
        code = diff.compare(v1, second, patch=True, colour=True).code
        assert code.text.decode() == expected
        assert code.coloured is not None
        assert b"\x1b[32m+" in code.coloured

    def test_no_code_left(self, model: Model, v1: Snapshot) -> None:
        (model.directory / "code" / "model.py").unlink()
        expected = (CodeFileChange("code/model.py", "removed", 0, 34),)
        assert diff.compare(v1, again(model)).code.files == expected
        (model.directory / "code").rmdir()
        assert diff.compare(v1, again(model)).code.files == expected

    def test_packages_lock(self, model: Model, v1: Snapshot) -> None:
        write(model, "packages.lock", "numpy==2.4.6\n")
        assert diff.compare(v1, again(model)).code.files == (CodeFileChange("packages.lock", "added", 1, 0),)
        second = take(model, "v2")
        assert diff.compare(v1, second).code.files == (CodeFileChange("packages.lock", "added", 1, 0),)
        assert not diff.compare(second, again(model)).differs

    def test_code_elsewhere(self, tmp_path: Path, git: Git) -> None:
        """The paths are those of a snapshot, wherever the code is."""
        root = tmp_path / "mit Leerzeichen"
        (root / "src" / "net").mkdir(parents=True)
        (root / "src" / "net" / "a.py").write_text("a\n")
        git("init", "--quiet", cwd=root)
        model = init.create_model(root, name="m", code="src/net").model
        put(model, "initial", {"w": b"x"})
        first = take(model, "v1")
        assert not diff.compare(first, again(model)).differs
        (root / "src" / "net" / "a.py").write_text("b\n")
        (root / "src" / "outside.py").write_text("not code\n")
        assert diff.compare(first, again(model)).code.files == (CodeFileChange("code/a.py", "changed", 1, 1),)

    def test_a_nested_repository(self, model: Model, v1: Snapshot, git: Git) -> None:
        (model.directory / "code" / "inner").mkdir()
        git("init", "--quiet", "code/inner", cwd=model.directory)
        with refuses("code/inner"):
            diff.compare(v1, again(model))

    def test_a_bare_repository(self, model: Model, git: Git, tmp_path: Path) -> None:
        """Its branch head, and its saved active state."""
        save_state(again(model), "initial")
        git("clone", "--quiet", "--mirror", str(model.directory), str(tmp_path / "bare.git"), cwd=tmp_path)
        bare = Model.open(tmp_path / "bare.git")
        first = take(bare, "v2")
        assert not diff.compare(first, bare).differs
        write(model, "code/model.py", "changed\n")
        git("commit", "--quiet", "--all", "-m", "change", cwd=model.directory)
        git("push", "--quiet", str(tmp_path / "bare.git"), "main", cwd=model.directory)
        found = diff.compare(first, Model.open(tmp_path / "bare.git"))
        assert found.code.files == (CodeFileChange("code/model.py", "changed", 1, 34),)
        assert found.state.files == ()

    def test_models_of_one_repository(self, tmp_path: Path) -> None:
        """In a linked worktree, from its subdirectory."""
        even, v1 = scenes.derived(tmp_path), scenes.find(tmp_path)
        assert not diff.compare(v1, again(even)).code.files
        found = diff.compare(v1, Model.open(even.directory / "code"))
        assert [change.path for change in found.settings.changes] == ["name", "based_on"]
        assert found.state.files == ()

    def test_another_repository(self, v1: Snapshot, tmp_path: Path, fsck: Fsck) -> None:
        other = make(tmp_path / 'with: colon and "quotes"', name="other")
        write(other, "code/model.py", "other\n")
        put(other, "initial", {"weights": b"other", "more": b"x"})
        snapshot = take(other, "v1")
        for after in (snapshot, again(other)):
            found = diff.compare(v1, after)
            assert found.settings.changes == (KeyChange("name", "digits", "other"),)
            assert found.code.files == (CodeFileChange("code/model.py", "changed", 1, 34),)
            assert [(str(file.path), file.kind) for file in found.state.files] == [
                ("more", "added"),
                ("weights", "changed"),
            ]
        fsck(v1.repository)
        fsck(other.repository)
