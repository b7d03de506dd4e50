from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.derive import worktree
from gitstore.errors import Corrupt
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import NotASnapshot, UnreadableSnapshots
from gitstore.packs.oid import Oid
from tests.support import scenes
from tests.support.commands import Git
from tests.support.failing import names, refuses
from tests.support.models import noise, put, take

FORMAT = "x\n\nGitstore-Format: 1"


def tag(model: Model, git: Git, name: str, tree: str, message: str = FORMAT) -> tuple[str, Oid]:
    """A tag as anybody could make it: with stock git."""
    commit = git("commit-tree", "-m", "made by hand", tree, cwd=model.directory).strip()
    git("tag", "--annotate", "--message", message, name, commit, cwd=model.directory)
    return f"refs/tags/{name}", Oid.parse(git("rev-parse", name, cwd=model.directory).strip())


def tree(model: Model, git: Git, *lines: str) -> str:
    return git("mktree", cwd=model.directory, stdin="".join(f"{line}\n" for line in lines).encode()).strip()


def test_what_was_taken_is_what_is_read(model: Model, git: Git) -> None:
    put(model, "initial", {"large": noise(LARGE + 1), "sub/small": b"s"})
    taken = take(model, "v1", "Subject\n\nBody")
    found = snapshot.read(model.repository, "refs/tags/v1", taken.tag_oid)
    assert found is not None
    assert (found.name, found.prefix, found.short_name, found.model) == ("v1", "", "v1", "digits")
    assert found.tag.message == "Subject\n\nBody"
    assert found.tag.date is not None
    assert found.tag.date.isoformat() == "2023-11-14T22:13:20+00:00"
    assert found.settings_content == (model.directory / "settings.yaml").read_bytes()
    assert found.settings.name == "digits"
    assert {str(file.path): file.size(model.repository.objects) for file in found.list_state_files()} == {
        "large": LARGE + 1,
        "sub/small": 1,
        "weights": 8,
    }
    assert [str(file.path) for file in found.list_code_files()] == ["model.py"]
    for path, oid in {
        "code": found.code_tree,
        "state": found.state_tree,
        "settings.yaml": found.settings_blob,
    }.items():
        assert git("rev-parse", f"v1:{path}", cwd=model.directory).strip() == str(oid)


def test_below_are_the_model_s_own_and_every_are_all(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, name in enumerate(["v2", "v10", "v1"]):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{1700000000 + day} +0000")
        take(model, name)
    dogs = worktree.derive(take(model, "base"), "dogs", model.directory.parent / "dogs").model
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1600000000 +0000")
    take(dogs, "v1")
    assert [each.name for each in snapshot.read_own_snapshots(model)] == ["v2", "v10", "base", "v1"]
    assert [each.short_name for each in snapshot.read_own_snapshots(dogs)] == ["dogs@v1"]
    assert [each.short_name for each in snapshot.read_all_snapshots(model.repository)] == [
        "dogs@v1",
        "v2",
        "v10",
        "base",
        "v1",
    ]


def test_of_the_wrong_shape(model: Model, git: Git) -> None:
    blob = git("hash-object", "-w", "--stdin", cwd=model.directory, stdin=b"name: digits\n").strip()
    inner = tree(model, git, f"100644 blob {blob}\tfile")
    for number, (entries, named) in enumerate(
        (
            (["code", "state"], "settings.yaml"),
            (["code", "settings.yaml"], "state"),
            (["state", "settings.yaml"], "code"),
            (
                ["code", "state", "settings.yaml", "notes"],
                "notes",
            ),
            (["code", "state=blob", "settings.yaml"], "state"),
            (["code", "state", "settings.yaml=tree"], "settings.yaml"),
            (["code", "state", "settings.yaml", "packages.lock=tree"], "packages.lock"),
        )
    ):
        lines = []
        for entry in entries:
            name, _, kind = entry.partition("=")
            is_tree = kind == "tree" or (not kind and name in ("code", "state"))
            lines.append(f"040000 tree {inner}\t{name}" if is_tree else f"100644 blob {blob}\t{name}")
        ref, oid = tag(model, git, f"v{number}", tree(model, git, *lines))
        with refuses(ref, named, kind=NotASnapshot):
            snapshot.read(model.repository, ref, oid)


def test_of_a_format_from_the_future(model: Model, git: Git) -> None:
    ref, oid = tag(model, git, "v1", "HEAD^{tree}", "x\n\nGitstore-Format: 2")
    with pytest.raises(NotASnapshot) as caught:
        snapshot.read(model.repository, ref, oid)
    assert names(caught.value, "refs/tags/v1", "format 2")
    assert "newer" in (caught.value.hint or "")
    assert caught.value.exit_code == Corrupt.exit_code == 12


def test_one_that_cannot_be_read_hides_no_other(git: Git, tmp_path: Path) -> None:
    dogs, model = scenes.derived(tmp_path), Model.open(tmp_path / "digits")
    tag(model, git, "v2", "HEAD^{tree}", "x\n\nGitstore-Format: 2")
    take(model, "v3")
    take(dogs, "d1")
    tag(model, git, "dogs/d2", "HEAD^{tree}")
    with pytest.raises(UnreadableSnapshots) as caught:
        snapshot.read_all_snapshots(model.repository)
    misshapen, unknown = caught.value.message.splitlines()
    assert misshapen.startswith("refs/tags/dogs/d2 ") and unknown.startswith("refs/tags/v2 ")
    assert [each.short_name for each in caught.value.readable] == ["dogs@d1", "v1", "v3"]
    for own, message, others in ((model, unknown, ["v1", "v3"]), (dogs, misshapen, ["d1"])):
        with pytest.raises(UnreadableSnapshots) as caught:
            snapshot.read_own_snapshots(own)
        assert caught.value.message == message
        assert [each.name for each in caught.value.readable] == others


def test_the_weights_are_not_read_to_list(model: Model) -> None:
    """Of a thousand snapshots of a gigabyte each, the list reads tags, commits and trees."""
    put(model, "initial", {"weights": noise(1_000_000)})
    found = take(model, "v1")
    (weights,) = [file for file in found.list_state_files() if str(file.path) == "weights"]
    packed = Model.open(model.directory).repository.objects.find(weights.entry)
    assert packed is not None
    start, end = packed.pack.span(packed.position)
    packed.pack.path.chmod(0o644)
    with packed.pack.path.open("r+b") as file:
        file.seek(start + 10)
        file.write(bytes(end - start - 20))
    (again,) = snapshot.read_own_snapshots(Model.open(model.directory))
    assert sum(file.size(again.repository.objects) for file in again.list_state_files()) == 1_000_000
