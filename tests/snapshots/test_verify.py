from __future__ import annotations

import random
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.packs.oid import Oid
from gitstore.packs.pack import Pack
from gitstore.snapshots import verify
from gitstore.snapshots.verify import Report
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Git, Run
from tests.support.models import make, noise, picture, put, refs, take
from tests.support.stock import Stock


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """digits, with v1."""
    return Model.open(scenes.snapshot(tmp_path).repository.directory)


def _shared(root: Path) -> None:
    model = make(root / "digits")
    put(model, "initial", {"shared": noise(5_000_000), "small": noise(3000, 9)})
    take(model, "v1")
    (model.directory / "code" / "model.py").write_text("v2\n")
    take(model, "v2")
    put(model, "initial", {"shared": noise(4_500_000, 1), "small": b""})
    take(model, "v3")


def verified(model: Model, *names: str) -> Report:
    here = Model.open(model.directory)
    tags = verify.list_tags(here.repository, "refs/tags/", below=True)
    return verify.verify(
        here.repository, [tag for tag in tags if not names or tag[0].removeprefix("refs/tags/") in names]
    )


def problems(model: Model, *names: str) -> list[str]:
    return [str(problem) for problem in verified(model, *names).problems]


def flip(path: Path, offset: int, bit: int = 0) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def held_by(model: Model, git: Git, tag: str) -> set[str]:
    """The ids of all objects of a snapshot, as stock git lists them."""
    listed = git("rev-list", "--objects", "--no-walk", tag, cwd=model.directory).splitlines()
    return {git("rev-parse", tag, cwd=model.directory).strip(), *(line.split()[0] for line in listed)}


class TestSound:
    def test_all_snapshots_of_all_models(self, tmp_path: Path, git: Git) -> None:
        model = make(tmp_path / "m")
        put(model, "initial", {"large": noise(5_000_000)})
        dogs = worktree.derive(take(model, "v1"), "dogs", tmp_path / "dogs").model
        take(dogs, "v1")
        git("tag", "light", cwd=model.directory)
        git("tag", "-m", "a release", "heavy", cwd=model.directory)
        report = verified(model)
        assert (report.snapshots, report.problems) == (("dogs@v1", "v1"), ())
        held = held_by(model, git, "v1") | held_by(model, git, "dogs/v1")
        assert report.objects == len(held)

    def test_after_stock_git_repacked_it_with_deltas(self, model: Model, git: Git) -> None:
        for number in range(2):
            (model.directory / "code" / "data").write_text(
                "".join(f"{i * 7919 % 1000}\n" for i in range(3000 + number))
            )
            take(model, f"w{number}")
        for kept in (model.repository.common / "objects" / "pack").glob("*.keep"):
            kept.unlink()
        git("repack", "-adf", "--quiet", cwd=model.directory)
        shown = git(
            "verify-pack",
            "--verbose",
            *map(str, (model.repository.common / "objects" / "pack").glob("*.idx")),
            cwd=model.directory,
        )
        assert "chain length = 1" in shown
        assert problems(model) == []

    def test_writes_nothing(self, model: Model) -> None:
        before = picture(model.repository.common), refs(model.directory)
        verified(model)
        assert (picture(model.repository.common), refs(model.directory)) == before


class TestFlippedBits:
    @pytest.fixture
    def shared(self, tmp_path: Path) -> tuple[Model, Pack]:
        """v1 and v2 share a large file; v3 has another. The pack is the one of their parts."""
        scenes.copy(_shared, tmp_path)
        model = Model.open(tmp_path / "digits")
        return model, max(model.repository.objects.own_packs, key=lambda pack: pack.size)

    def test_anywhere_in_a_pack(self, shared: tuple[Model, Pack], git: Git, run: Run) -> None:
        """The object whose bytes they are is named, with just those snapshots that hold it."""
        model, pack = shared
        content = pack.path.read_bytes()
        held = {tag: held_by(model, git, tag) for tag in ("v1", "v2", "v3")}
        for seed in range(12):
            draw = random.Random(seed)
            position = draw.choice(
                [at for at in range(pack.index.count) if pack.span(at)[1] - pack.span(at)[0] > 20]
            )
            start, end = pack.span(position)
            oid = pack.index.oid(position)
            holders = [tag for tag in held if str(oid) in held[tag]]
            # Not the first bytes: in the header of a stream and of a stored block, some bits mean nothing.
            flip(pack.path, draw.randrange(start + 9, end - 4), draw.randrange(8))
            (problem,) = verified(model).problems
            assert (problem.oid, problem.snapshots) == (oid, tuple(holders))
            if seed == 0:
                outcome = run("verify", "--all", cwd=model.directory)
                assert outcome.code == 12
                assert outcome.stderr.startswith(f"error: {', '.join(holders)}: object {oid} is corrupt: ")
                assert f"error: {pack.path}: its checksum is wrong\n" in outcome.stderr
            pack.path.write_bytes(content)

    def test_in_a_part_that_two_snapshots_share(self, shared: tuple[Model, Pack], run: Run) -> None:
        model, pack = shared
        objects = Model.open(model.directory).repository.objects
        (v1, *_) = snapshot.read_own_snapshots(Model.open(model.directory))
        part = next(file for file in v1.list_state_files() if str(file.path) == "shared").parts[1].oid
        position = pack.index.find(part)
        assert position is not None
        assert objects.size(part) > 1000
        start, end = pack.span(position)
        flip(pack.path, (start + end) // 2)
        message = f"object {part} is corrupt: its content does not hash to its id"
        outcome = run("verify", "v1", cwd=model.directory)
        assert outcome.code == 12
        (error, hint) = outcome.stderr.splitlines()
        assert error.startswith("error: v1, v2: object ")
        assert str(part) in error
        assert error.endswith(" (state/shared.parts/00000001)")
        assert hint == "hint: a clone or a backup may still have the object; git fetch restores it"
        assert message.split(":")[0] in error
        assert run("verify", "v3", cwd=model.directory).code == 0

    def test_outside_of_objects_only_the_checksums_tell(self, shared: tuple[Model, Pack], run: Run) -> None:
        model, pack = shared
        for path, offset in (
            (pack.path, 11),  # its header
            (pack.path, pack.size - 5),  # its trailer
            (pack.index.path, pack.index.size - 30),
        ):
            content = path.read_bytes()
            flip(path, offset)
            outcome = run("verify", "--all", cwd=model.directory)
            assert outcome.code == 12
            assert f"{path}: its checksum is wrong" in outcome.stderr
            path.write_bytes(content)

    def test_in_what_says_which_model_it_is(self, model: Model, git: Git, run: Run) -> None:
        """With the branch's own commit damaged, verify still checks the snapshots, and names it."""
        head = git("rev-parse", "HEAD:settings.yaml", cwd=model.directory).strip()
        path = model.repository.common / "objects" / head[:2] / head[2:]
        path.chmod(0o644)
        path.write_bytes(b"garbage")
        outcome = run("verify", cwd=model.directory)
        assert outcome.code == 12
        assert outcome.stderr.startswith(f"error: v1: object {head} is corrupt: ")
        assert "(settings.yaml)" in outcome.stderr


class TestMissing:
    def test_an_object(self, model: Model, git: Git) -> None:
        (model.directory / "code" / "model.py").write_text("committed\n")
        git("commit", "--quiet", "--all", "-m", "loose objects", cwd=model.directory)
        take(model, "v2")
        take(model, "v3")
        oid = git("rev-parse", "v2:code/model.py", cwd=model.directory).strip()
        (model.repository.common / "objects" / oid[:2] / oid[2:]).unlink()
        (problem,) = verified(model, "v3").problems
        assert str(problem) == f"v2, v3: object {oid} is missing from the repository (code/model.py)"
        assert (problem.oid, problem.path) == (Oid.parse(oid), "code/model.py")


class TestForged:
    """What is wrong in such a snapshot. tests/compat/test_reading.py has all that must be refused."""

    def test_settings(self, model: Model) -> None:
        stock = Stock(model.directory)
        stock.snapshot("v2", stock.entries("v1") | {"settings.yaml": b"name: digits\ncolor: red\nsize: 1\n"})
        assert [problem.split(": ")[:3] for problem in problems(model)] == [
            ["v2", "v2:settings.yaml:2", "color"],
            ["v2", "v2:settings.yaml:3", "size"],
        ]

    def test_a_tree_is_named(self, model: Model) -> None:
        stock = Stock(model.directory)
        parts = stock.tree({"00000001": b"part"})
        stock.snapshot("v2", stock.entries("v1") | {"state": {"w.parts": f"040000 {parts}"}})
        (problem,) = verified(model).problems
        assert problem.snapshots == ("v2",)
        assert parts in problem.message


def test_states_are_not_snapshots(tmp_path: Path) -> None:
    model = make(tmp_path / "m")
    save_state(model, "initial")
    assert verified(model).snapshots == ()
