"""Tags that are not what they say: told by every command that meets them, hiding no other snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.models import snapshot, trust
from gitstore.models.model import Model
from gitstore.models.snapshot import UnreadableSnapshots
from tests.support import scenes
from tests.support.commands import Git, Run
from tests.support.failing import refuses
from tests.support.models import again, picture, put, refs, take


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """digits, with v1."""
    return Model.open(scenes.snapshot(tmp_path).repository.directory)


def forge(model: Model, git: Git, name: str, old: str, new: str, base: str = "v1") -> None:
    """A tag of the base's commit, with another text, as anybody can write it."""
    content = git("cat-file", "tag", base, cwd=model.directory).replace(f"tag {base}\n", f"tag {name}\n")
    assert old in content
    oid = git("mktag", "--no-strict", cwd=model.directory, stdin=content.replace(old, new, 1).encode())
    git("update-ref", f"refs/tags/{name}", oid.strip(), cwd=model.directory)


def problem(model: Model) -> str:
    """What is wrong with the only snapshot that cannot be read."""
    with pytest.raises(UnreadableSnapshots) as caught:
        snapshot.read_own_snapshots(again(model))
    assert [each.name for each in caught.value.readable] == ["v1"]
    return caught.value.message


def test_a_forged_trailer_is_refused_where_it_is_read(model: Model, git: Git) -> None:
    for old, new, said in (
        ("Model: digits", "Model: a b", "its tag says Model: 'a b', which contains a space"),
        ("Model: digits\n", "", "its tag does not say Model"),
        ("Model: digits", "Model: digits\nModel: dogs", "its tag says Model more than once"),
        ("State: initial", "State: ..", "its tag says State: '..', which starts with '.'"),
        ("State: initial", "State: ../x", "its tag says State: '../x', which contains '/'"),
        (
            "State: initial",
            "State: \x1b[2J",
            "its tag says State: '\\x1b[2J', which contains an invisible character",
        ),
        ("State: initial\n", "", "its tag does not say State"),
        ("Gitstore", "Renamed-From: v0\nGitstore", "Renamed-From: 'v0', which is not a name and an id"),
    ):
        forge(model, git, "v2", old, new)
        assert problem(model).startswith("refs/tags/v2 cannot be trusted: ")
        assert said in problem(model)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Model: digits", "Model: dogs"),
        ("Gitstore", f"Based-On: dogs@v1 {'1' * 40}\nGitstore"),
    ],
)
def test_what_the_settings_contradict(model: Model, git: Git, run: Run, old: str, new: str) -> None:
    forge(model, git, "v2", old, new)
    before = refs(model.directory)
    commands = (
        ["show", "v2"], ["derive", "v2", "cats"], ["restore", "v2"], ["diff", "v1", "v2"],
        ["export", "v2", "out"], ["rename", "v2", "v3"],
    )  # fmt: skip
    for command in commands:
        done = run(*command, cwd=model.directory)
        assert (done.code, done.stdout) == (12, "")
        assert done.stderr.startswith("error: refs/tags/v2 cannot be trusted: its tag says ")
    assert refs(model.directory) == before
    done = run("list", cwd=model.directory)
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: refs/tags/v2 cannot be trusted: its tag says ")
    done = run("verify", cwd=model.directory)
    assert done.code == 12
    assert done.stderr.startswith("error: v2: its tag says ")
    assert "hint:" not in done.stderr, "no backup has a better tag"


def test_settings_that_agree_are_not_parsed(model: Model) -> None:
    """Neither those of a root model nor those of a derived one: list reads thousands."""
    (v1,) = snapshot.read_own_snapshots(model)
    even = worktree.derive(v1, "even", model.directory.parent / "even").model
    put(even, "initial", {"w": b"w"})
    for found in (v1, take(even, "v1")):
        content = found.settings_content
        assert trust.agrees_by_text(found, content)
        assert not trust.agrees_by_text(found, content.replace(b"\nname:", b"\nname: other\nname:"))
        assert not trust.agrees_by_text(found, content.replace(b"\nname: ", b"\nname: x"))
    assert not trust.agrees_by_text(found, content.replace(b"snapshot: v1", b"snapshot: v2"))
    assert not trust.agrees_by_text(v1, v1.settings_content + b"based_on: {model: x}\n")


def test_a_forged_model_makes_no_derived_one(model: Model, git: Git, run: Run) -> None:
    """It used to leave a branch and a worktree that nothing could open."""
    forge(model, git, "v2", "Model: digits", "Model: a b")
    before = refs(model.directory)
    done = run("derive", "v2", "cats", cwd=model.directory)
    assert (done.code, refs(model.directory)) == (12, before)
    assert "its tag says Model: 'a b', which contains a space" in done.stderr
    assert not (model.directory.parent / "cats").exists()


def test_a_moved_tag(model: Model, git: Git, run: Run) -> None:
    (model.directory / "code" / "model.py").write_text("# v2\n")
    take(model, "v2")
    git("tag", "--force", "v2", "v1", cwd=model.directory)
    assert problem(model) == "refs/tags/v2 cannot be trusted: its tag was created as v1"
    done = run("list", "--json", cwd=model.directory)
    assert (done.code, [each["name"] for each in json.loads(done.stdout)]) == (12, ["v1"])
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["message"] == "refs/tags/v2 cannot be trusted: its tag was created as v1"
    for command in (["show", "v2"], ["derive", "v2", "cats"], ["evaluate", "v2", "-p", "values=[1]"]):
        assert run(*command, cwd=model.directory).code == 12
    for command in (["verify"], ["verify", "--all"], ["verify", "v2"]):
        done = run(*command, cwd=model.directory)
        assert done.code == 12
        assert "error: v2: its tag was created as v1\n" in done.stderr
    assert run("verify", "v1", cwd=model.directory).code == 0


def test_a_tag_whose_ref_is_damaged(tmp_path: Path, run: Run) -> None:
    """It used to be "no snapshots yet", and "Verified no snapshots"."""
    here = scenes.snapshot(tmp_path, "v1", "v2").repository.directory
    named = "refs/tags/v2"
    for number, content in enumerate(("", "junk\n", "1" * 40 + "\n")):
        (here / ".git" / named).write_text(content)
        done = run("list", cwd=here)
        assert done.code == 12
        assert done.stdout.splitlines()[1].startswith("v1 ")
        assert named in done.stderr
        for command in (
            ["show", "v2"], ["derive", "v2", "cats"], ["evaluate", "v2", "-p", "values=[1]"],
            ["verify", "v2"], ["verify"], ["verify", "--all"], ["usage"], ["gc"],
        ):  # fmt: skip
            done = run(*command, cwd=here)
            assert done.code == 12, command
            assert named in done.stderr or "1" * 40 in done.stderr, done.stderr
        for command in (
            ["verify", "v1"], ["show", "v1"], ["status"], ["snapshot", f"w{number}"], ["state", "list"]
        ):  # fmt: skip
            assert run(*command, cwd=here).code == 0, command


def test_tags_that_are_no_snapshots(model: Model, git: Git, run: Run) -> None:
    git("tag", "light", "main", cwd=model.directory)
    git("tag", "--annotate", "-m", "a release", "heavy", "v1^{commit}", cwd=model.directory)
    assert [each.name for each in snapshot.read_own_snapshots(again(model))] == ["v1"]
    for name in ("light", "heavy"):
        for command in ("show {}", "verify {}", "derive {} cats", "evaluate {} -p values=[1]"):
            done = run(*command.format(name).split(), cwd=model.directory)
            assert (done.code, f"refs/tags/{name} is a tag, but not a snapshot" in done.stderr) == (1, True)
    assert run("verify", "--all", cwd=model.directory).code == 0


def test_a_ref_that_no_snapshot_can_have(model: Model, git: Git) -> None:
    for name in ("a/b/c", "-x", "HEAD", "v1@x"):
        content = git("cat-file", "tag", "v1", cwd=model.directory).replace("tag v1\n", f"tag {name}\n")
        words = ("hash-object", "-t", "tag", "--literally", "-w", "--stdin")
        oid = git(*words, cwd=model.directory, stdin=content.encode()).strip()
        git("update-ref", f"refs/tags/{name}", oid, cwd=model.directory)
        with pytest.raises(UnreadableSnapshots) as caught:
            snapshot.read_all_snapshots(again(model).repository)
        assert f"refs/tags/{name} cannot be trusted: " in caught.value.message
        git("update-ref", "-d", f"refs/tags/{name}", cwd=model.directory)


def test_a_tag_of_a_derived_model_names_that(model: Model, git: Git, tmp_path: Path) -> None:
    dogs = worktree.derive(scenes.find(tmp_path), "dogs", tmp_path / "dogs").model
    take(dogs, "d1")
    forge(model, git, "dogs/d2", "Model: dogs", "Model: digits", base="dogs/d1")
    with refuses("dogs/d2", "Model: digits", kind=UnreadableSnapshots):
        snapshot.read_own_snapshots(again(dogs))


@pytest.mark.parametrize("which", ["settings.yaml", "packages.lock"])
def test_a_link_for_a_file(model: Model, git: Git, which: str) -> None:
    """Who reads it would follow it, or take its target for the content."""
    found = scenes.find(model.directory.parent)
    here = model.directory
    link = git("hash-object", "-w", "--stdin", cwd=here, stdin=b"/etc/passwd").strip()
    lines = [each for each in git("ls-tree", "v1", cwd=here).splitlines() if not each.endswith(which)]
    tree = git("mktree", cwd=here, stdin="\n".join([*lines, f"120000 blob {link}\t{which}"]).encode()).strip()
    commit = git("commit-tree", "-m", "by hand", tree, cwd=here).strip()
    forge(model, git, "v2", str(found.commit), commit)
    assert problem(model).endswith(f"its {which} is a link or a submodule")


def test_two_entries_of_one_name(model: Model, git: Git, run: Run) -> None:
    """git shows the first, and a mapping has the second."""
    found = scenes.find(model.directory.parent)
    here = model.directory
    content = model.repository.objects.read(found.tree)[1]
    entry = b"40000 code\0" + bytes(found.state_tree)
    forged = entry + content
    tree = git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", cwd=here, stdin=forged).strip()
    commit = git("commit-tree", "-m", "by hand", tree, cwd=here).strip()
    forge(model, git, "v2", str(found.commit), commit)
    assert problem(model) == f"refs/tags/v2: tree {tree} is malformed: it has 'code' twice"
    for command in (["verify", "v2"], ["evaluate", "v2", "-p", "values=[1]"], ["export", "v2", "out"]):
        done = run(*command, cwd=here)
        assert done.code == 12
        assert "it has 'code' twice" in done.stderr


def test_no_ref_says_which_state_is_active(model: Model, run: Run) -> None:
    """A snapshot used to take, and restore to delete, files outside of the repository.

    test_active_state has the same for the configuration, which says it now.
    """
    first = scenes.find(model.directory.parent)
    outside = model.directory.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("somebody else's")
    (model.repository.common / "refs" / "states").mkdir()
    head = model.repository.common / "refs" / "states" / "HEAD"
    for name, goal, is_ref in (
        ("v2", "refs/states/../../outside", False),
        ("v3", "refs/heads/main", True),
        ("v4", "refs/states/dogs/x", True),
        ("v5", "/tmp", False),
    ):
        head.write_text(f"ref: {goal}\n")
        for command in (["snapshot", name], ["restore", "v1", "--force"]):
            assert run(*command, cwd=model.directory).code == 0, command
        listed = run("state", "list", cwd=model.directory)
        if is_ref:
            assert listed.code == 0
        else:  # what is no name of a ref is damage, and is named
            assert (listed.code, listed.stderr.count(str(head))) == (12, 2)
            assert listed.stderr.endswith(f"hint: git does not need it: rm {head}\n")
        assert list(picture(outside)) == ["file"]
        taken = scenes.find(model.directory.parent, name)
        assert (taken.state_name, taken.state_tree) == ("initial", first.state_tree)
