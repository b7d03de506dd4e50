from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitstore import settings
from gitstore.derive import detach, rebase, worktree
from gitstore.git.refs import RefChange, RefListing, Refs
from gitstore.models import catalog, snapshot
from gitstore.models.lineage import Lineage, LineageModel
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from gitstore.storage.sizes import Sizes
from tests.support import scenes
from tests.support.commands import Git, Outcome, Run
from tests.support.models import again, make, put, take
from tests.support.shapes import base_shape


@pytest.fixture
def dogs(tmp_path: Path) -> Model:
    """dogs, based on digits@v1, in `tmp_path`/dogs."""
    scenes.copy(_scene, tmp_path)
    return Model.open(tmp_path / "dogs")


@pytest.fixture
def model(dogs: Model) -> Model:
    """digits, whose state is saved."""
    return Model.open(dogs.directory.with_name("digits"))


@pytest.fixture
def pugs(tmp_path: Path) -> Model:
    """pugs, based on dogs@w1, which is based on digits@v1."""
    scenes.copy(_three, tmp_path)
    return Model.open(tmp_path / "pugs")


def _three(root: Path) -> None:
    scenes.copy(_scene, root)
    worktree.derive(take(Model.open(root / "dogs"), "w1"), "pugs", root / "pugs")


def _scene(root: Path) -> None:
    save_state(make(root / "digits"), "initial")
    worktree.derive(take(Model.open(root / "digits"), "v1"), "dogs", root / "dogs")


def found(model: Model) -> list[catalog.ListedModel]:
    return list(catalog.list_models(again(model)).models)


def drawn(lines: list[LineageModel]) -> dict[str, object]:
    return {
        line.model.name: [
            (place.name, place.snapshot is None, drawn(place.models)) for place in line.snapshots
        ]
        for line in lines
    }


def tree(model: Model) -> dict[str, object]:
    return drawn(Lineage(found(model)).roots)


class TestModels:
    def test_a_lonely_one(self, tmp_path: Path) -> None:
        model = make(tmp_path / "digits")
        (root,) = found(model)
        assert (root.name, root.prefix, root.base, root.snapshots) == ("digits", "", None, ())
        assert (root.active_state, root.state_tree, root.directory) == ("initial", None, model.directory)

    def test_the_same_from_every_working_copy(self, model: Model, dogs: Model) -> None:
        take(dogs, "v1")
        seen = [
            [(each.name, each.prefix, each.base, len(each.snapshots), each.directory) for each in found(here)]
            for here in (model, dogs)
        ]
        assert seen[0] == seen[1]
        assert [each[:2] for each in seen[0]] == [("digits", ""), ("dogs", "dogs/")]
        assert [each[4] for each in seen[0]] == [model.directory, dogs.directory]

    def test_a_root_model_with_a_new_name(self, model: Model, dogs: Model, git: Git) -> None:
        path = model.directory / "settings.yaml"
        path.write_text(path.read_text().replace("name: digits", "name: numbers"))
        git("commit", "--quiet", "--all", "-m", "another name", cwd=model.directory)
        assert [each.name for each in found(dogs)] == ["numbers", "dogs"]
        assert tree(dogs) == tree(model) == {"numbers": [("v1", False, {"dogs": []})]}

    def test_active_states(self, dogs: Model) -> None:
        put(dogs, "other", {"weights": b"12345"})
        save_state(dogs, "other")
        use_state(dogs, "other")
        root, derived = found(dogs)
        assert (root.active_state, derived.active_state) == ("initial", "other")
        assert derived.state_tree is not None
        assert Sizes(dogs.repository.objects).measure_tree(derived.state_tree) == 5

    def test_sizes_are_those_of_list(self, model: Model, dogs: Model, run: Run) -> None:
        (dogs.directory / "packages.lock").write_text("locked\n")
        take(dogs, "v1")
        listed = json.loads(run("list", "--all", "--json", cwd=model.directory).stdout)
        sizes = Sizes(model.repository.objects)
        assert {each["ref"]: each["size"] for each in listed} == {
            each.ref: sizes.measure_snapshot(each) for row in found(model) for each in row.snapshots
        }

    def test_without_a_branch_and_without_a_directory(self, model: Model, dogs: Model, git: Git) -> None:
        take(dogs, "v1")
        base = dogs.base
        git("worktree", "remove", "--force", str(dogs.directory), cwd=model.directory)
        assert [each.directory for each in found(model)] == [model.directory, None]
        git("branch", "--quiet", "-D", "dogs", cwd=model.directory)
        assert [(each.name, each.base) for each in found(model)] == [("digits", None), ("dogs", base)]

    def test_other_branches_and_tags_are_no_models(self, model: Model, dogs: Model, git: Git) -> None:
        git("branch", "topic/x", cwd=model.directory)
        git("branch", "copy", "dogs", cwd=model.directory)
        git("tag", "release/1", cwd=model.directory)
        git("tag", "-a", "-m", "plain", "plain/1", cwd=model.directory)
        assert [each.name for each in found(model)] == ["digits", "dogs"]

    def test_in_a_bare_repository(self, model: Model, dogs: Model, git: Git, tmp_path: Path) -> None:
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        rows = found(Model.open(tmp_path / "b.git"))
        assert [(each.name, each.directory) for each in rows] == [("digits", None), ("dogs", None)]


class TestTree:
    def test_models_hang_on_their_bases(self, pugs: Model, tmp_path: Path) -> None:
        model = Model.open(tmp_path / "digits")
        second = take(model, "v2")
        cats = worktree.derive(second, "cats", tmp_path / "cats").model
        expected = {
            "digits": [
                ("v1", False, {"dogs": [("w1", False, {"pugs": []})]}),
                ("v2", False, {"cats": []}),
            ]
        }
        assert tree(model) == tree(cats) == expected

    def test_a_rebased_one_hangs_on_the_new_base(self, model: Model, dogs: Model) -> None:
        take(dogs, "w1")
        rebase.rebase(dogs, take(model, "v2"))
        assert tree(model) == {"digits": [("v1", False, {}), ("v2", False, {"dogs": [("w1", False, {})]})]}

    def test_a_base_that_was_removed(self, model: Model, dogs: Model, tmp_path: Path, git: Git) -> None:
        worktree.derive(take(model, "v0"), "cats", tmp_path / "cats")
        git("tag", "--delete", "v1", cwd=model.directory)
        assert tree(model) == {"digits": [("v0", False, {"cats": []}), ("v1", True, {"dogs": []})]}

    def test_a_base_with_another_tag(self, model: Model, dogs: Model, git: Git) -> None:
        """The commit counts: a renamed snapshot has another tag on it."""
        content = git("cat-file", "tag", "v1", cwd=model.directory).replace("tag v1\n", "tag first\n", 1)
        oid = git("hash-object", "-t", "tag", "-w", "--stdin", cwd=model.directory, stdin=content.encode())
        git("update-ref", "refs/tags/first", oid.strip(), cwd=model.directory)
        git("update-ref", "-d", "refs/tags/v1", cwd=model.directory)
        assert tree(model) == {"digits": [("first", False, {"dogs": []})]}
        rows = found(model)
        assert rows[1].base is not None
        assert Lineage(rows).describe_base(rows[1].base) == "digits@first"

    def test_a_model_whose_base_is_gone_altogether(self, pugs: Model, tmp_path: Path, git: Git) -> None:
        model = Model.open(tmp_path / "digits")
        git("worktree", "remove", "--force", str(tmp_path / "dogs"), cwd=model.directory)
        git("branch", "--quiet", "-D", "dogs", cwd=model.directory)
        git("tag", "--delete", "dogs/w1", cwd=model.directory)
        git("update-ref", "-d", "refs/states/dogs/initial", cwd=model.directory)
        assert tree(model) == {"digits": [("v1", False, {})], "pugs": []}

    def test_a_circle_that_somebody_wrote(self, pugs: Model, tmp_path: Path, git: Git) -> None:
        """Every model is in the tree once, whatever the settings say."""
        model, dogs = Model.open(tmp_path / "digits"), Model.open(tmp_path / "dogs")
        base = take(pugs, "p1")
        path = dogs.directory / "settings.yaml"
        based_on = settings.BasedOn(
            model="pugs", snapshot="p1", tag=str(base.tag_oid), commit=str(base.commit)
        )
        path.write_bytes(settings.set_keys(path.read_bytes(), {"based_on": based_on}))
        git("commit", "--quiet", "--all", "-m", "a circle", cwd=dogs.directory)
        assert sorted(str(tree(model)).count(f"'{name}'") for name in ("dogs", "pugs", "digits")) == [1, 1, 1]


class TestCommands:
    def test_models(self, model: Model, dogs: Model, run: Run) -> None:
        detach.detach(dogs)
        done = run("models", cwd=dogs.directory / "code")
        assert done == Outcome(
            0,
            "MODEL   BASE                  SNAPSHOTS     SIZE  STATE    STATE SIZE  DIRECTORY\n"
            f"digits                                1  1.2 KiB  initial         8 B  {model.directory}\n"
            f"dogs    digits@v1 (detached)          0      0 B  initial         8 B  {dogs.directory}\n",
            "",
        )

    def test_models_as_json(self, model: Model, dogs: Model, run: Run, git: Git) -> None:
        (base,) = snapshot.read_own_snapshots(model)
        git("tag", "--delete", "v1", cwd=model.directory)
        assert json.loads(run("models", "--json", cwd=dogs.directory).stdout)[1] == {
            "name": "dogs",
            "derived": True,
            "base": base_shape(base),
            "base_name": None,
            "detached": False,
            "snapshots": 0,
            "size": 0,
            "state": "initial",
            "state_size": 8,
            "directory": str(dogs.directory),
        }

    def test_log(self, model: Model, dogs: Model, run: Run, tmp_path: Path) -> None:
        take(dogs, "w1")
        second = take(model, "v2")
        worktree.derive(second, "cats", tmp_path / "größer cats")
        here = rebase.rebase(dogs, second).model
        pugs = worktree.derive(take(here, "w2"), "pugs", tmp_path / "pugs").model
        detach.detach(pugs)
        done = run("log", cwd=model.directory)
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout == (
            "digits\n"
            "├─ v1  2023-11-14 22:13  1.2 KiB\n"
            "└─ v2  2023-11-14 22:13  1.2 KiB\n"
            "   ├─ cats  no snapshots\n"
            "   └─ dogs\n"
            "      ├─ w1  2023-11-14 22:13  1.3 KiB  on digits@v1\n"
            "      └─ w2  2023-11-14 22:13  1.3 KiB\n"
            "         └─ pugs (detached)  no snapshots\n"
        )

    def test_log_of_what_was_removed(self, model: Model, dogs: Model, run: Run, git: Git) -> None:
        git("tag", "--delete", "v1", cwd=model.directory)
        assert run("log", cwd=model.directory).stdout == (
            "digits\n└─ v1 (removed)\n   └─ dogs  no snapshots\n"
        )

    def test_log_as_json(self, model: Model, dogs: Model, run: Run) -> None:
        (base,) = snapshot.read_own_snapshots(model)
        assert json.loads(run("log", "--json", cwd=model.directory).stdout) == [
            {
                "model": "digits",
                "base": None,
                "base_name": None,
                "detached": False,
                "snapshots": [
                    {
                        "name": "v1",
                        "model": "digits",
                        "ref": base.ref,
                        "tag": str(base.tag_oid),
                        "commit": str(base.commit),
                        "tagger": "Ada Lovelace <ada@example.org>",
                        "date": "2023-11-14T22:13:20+00:00",
                        "signed": None,
                        "state": "initial",
                        "message": "Snapshot v1 of digits",
                        "removed": False,
                        "size": Sizes(model.repository.objects).measure_snapshot(base),
                        "based_on": None,
                        "aliases": [],
                        "models": ["dogs"],
                    }
                ],
            },
            {
                "model": "dogs",
                "base": base_shape(base),
                "base_name": "digits@v1",
                "detached": False,
                "snapshots": [],
            },
        ]

    def test_a_tag_that_cannot_be_read(self, model: Model, run: Run, git: Git) -> None:
        content = git("cat-file", "tag", "v1", cwd=model.directory).replace("Format: 1", "Format: 9")
        oid = git("hash-object", "-t", "tag", "-w", "--stdin", cwd=model.directory, stdin=content.encode())
        git("update-ref", "refs/tags/v9", oid.strip(), cwd=model.directory)
        for command in ("models", "log"):
            done = run(command, cwd=model.directory)
            assert done.code == 12
            assert "dogs" in done.stdout
            assert done.stderr.startswith(
                "error: refs/tags/v9 is of format 9, which this gitstore does not know"
            )

    def test_no_model(self, tmp_path: Path, run: Run) -> None:
        for command in (["models"], ["log"], ["rebase", "v1"], ["detach"]):
            done = run(*command, cwd=tmp_path)
            assert (done.code, done.stdout) == (10, "")


def test_many_models_are_listed_with_one_look_at_the_refs(
    model: Model, dogs: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = again(model)
    base, tip = dogs.base, dogs.head
    assert base is not None
    assert tip is not None
    here.repository.refs.change(
        [RefChange(f"refs/states/m{number}/initial", None, tip) for number in range(200)], "many"
    )
    looks: list[str] = []
    look = Refs.list_below

    def counted(self: Refs, prefix: str) -> RefListing:
        looks.append(prefix)
        return look(self, prefix)

    monkeypatch.setattr(Refs, "list_below", counted)
    assert len(catalog.list_models(here).models) == 202
    assert looks == ["refs/"]
