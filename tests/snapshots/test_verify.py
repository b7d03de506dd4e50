from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.models import reference, snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid
from gitstore.packs.pack import Pack
from gitstore.snapshots import verify
from gitstore.snapshots.verify import Report
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Git, Run
from tests.support.models import make, noise, picture, put, refs, take


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


def retagged(model: Model, git: Git, base: str, name: str, **changes: str | None) -> None:
    """A tag on the same commit with other trailers, as somebody would forge it: with stock git."""
    text = git("tag", "--list", "--format=%(contents)", base, cwd=model.directory)
    lines = []
    for line in text.rstrip("\n").split("\n"):
        key, separator, _ = line.partition(": ")
        change = changes.get(key.replace("-", "_"), "as it is") if separator else "as it is"
        if change is not None:
            lines.append(line if change == "as it is" else f"{key}: {change}")
    git("tag", "--annotate", "--cleanup=verbatim", "--message", "\n".join(lines), name, f"{base}^{{commit}}",
        cwd=model.directory)  # fmt: skip


def snapshot_of(model: Model, git: Git, name: str, entries: Iterable[str]) -> None:
    """A snapshot with trailers that fit, on a tree of these `git mktree` lines."""
    here = model.directory
    tree = git("mktree", cwd=here, stdin="".join(f"{entry}\n" for entry in entries).encode()).strip()
    commit = git("commit-tree", "-p", "main", "-m", "by hand", tree, cwd=here).strip()
    found = {
        path: git("rev-parse", f"{tree}:{path}", cwd=here).strip()
        for path in ("code", "state", "settings.yaml")
    }
    message = (
        f"by hand\n\nModel: digits\nState: initial\nCode-Tree: {found['code']}\n"
        f"State-Tree: {found['state']}\nSettings-Blob: {found['settings.yaml']}\nGitstore-Format: 1"
    )
    git("tag", "--annotate", "--message", message, name, commit, cwd=here)


def top(model: Model, git: Git, snapshot: str, **replaced: str) -> list[str]:
    """The entries of a snapshot's tree, some with other objects."""
    lines = git("ls-tree", snapshot, cwd=model.directory).splitlines()
    for key, oid in replaced.items():
        name = key.replace("_", ".")
        lines = [
            f"{line.split()[0]} {line.split()[1]} {oid}\t{name}" if line.endswith(f"\t{name}") else line
            for line in lines
        ]
    return lines


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
        """v1 and v2 share a large file; v3 has another. All in one pack."""
        scenes.copy(_shared, tmp_path)
        model = Model.open(tmp_path / "digits")
        (pack,) = model.repository.objects.own_packs
        return model, pack

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
        (v1, *_) = snapshot.below(Model.open(model.directory))
        part = next(file for file in v1.state_files() if str(file.path) == "shared").blobs[1]
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
    def test_trailers(self, model: Model, git: Git) -> None:
        found = scenes.find(model.directory.parent)
        is_so = {"Code-Tree": found.code, "State-Tree": found.state, "Settings-Blob": found.settings_blob}
        for trailer, oid in is_so.items():
            for said in ("0" * 40, None):
                retagged(model, git, "v1", "v2", **{trailer.replace("-", "_"): said})
                assert problems(model) == [f"v2: its tag says {trailer}: {said}, but it is {oid}"]
                git("tag", "--delete", "v2", cwd=model.directory)

    def test_a_tag_under_another_s_name(self, model: Model, git: Git) -> None:
        git("update-ref", "refs/tags/v2", "refs/tags/v1", cwd=model.directory)
        assert problems(model) == ["v2: its tag was created as v1"]

    def test_the_shape(self, model: Model, git: Git) -> None:
        blob = git("rev-parse", "v1:settings.yaml", cwd=model.directory).strip()
        snapshot_of(model, git, "v2", [*top(model, git, "v1"), f"100644 blob {blob}\tnotes"])
        assert problems(model) == [
            "v2: refs/tags/v2 is not a snapshot: its tree has notes, which does not belong in a snapshot"
        ]

    def test_settings(self, model: Model, git: Git) -> None:
        broken = git(
            "hash-object", "-w", "--stdin", cwd=model.directory, stdin=b"name: digits\ncolor: red\nsize: 1\n"
        )
        snapshot_of(model, git, "v2", top(model, git, "v1", settings_yaml=broken.strip()))
        found = problems(model)
        assert [problem.split(": ")[:3] for problem in found] == [
            ["v2", "v2:settings.yaml:2", "color"],
            ["v2", "v2:settings.yaml:3", "size"],
        ]

    def test_parts_that_are_not_in_sequence(self, model: Model, git: Git) -> None:
        blob = git("hash-object", "-w", "--stdin", cwd=model.directory, stdin=b"part").strip()
        parts = git("mktree", cwd=model.directory, stdin=f"100644 blob {blob}\t00000001\n".encode()).strip()
        tree = git("mktree", cwd=model.directory, stdin=f"040000 tree {parts}\tw.parts\n".encode()).strip()
        snapshot_of(model, git, "v2", top(model, git, "v1", state=tree))
        assert problems(model) == [f"v2: tree {parts}: b'00000001' stands where part 00000000 should"]

    def test_names_that_git_keeps_for_itself(self, model: Model, git: Git) -> None:
        blob = git("hash-object", "-w", "--stdin", cwd=model.directory, stdin=b"x").strip()
        tree = git("mktree", cwd=model.directory, stdin=f"100644 blob {blob}\t.GIT\n".encode()).strip()
        snapshot_of(model, git, "v2", top(model, git, "v1", code=tree))
        assert problems(model) == [f"v2: tree {tree}: b'.GIT' is a name that git reserves"]

    def test_a_format_from_the_future(self, model: Model, git: Git) -> None:
        retagged(model, git, "v1", "v2", Gitstore_Format="2")
        assert problems(model) == ["v2: refs/tags/v2 is of format 2, which this gitstore does not know"]


def _derived(root: Path) -> None:
    take(scenes.derived(root), "v1")


class TestBase:
    @pytest.fixture
    def derived(self, tmp_path: Path) -> Snapshot:
        scenes.copy(_derived, tmp_path)
        return reference.resolve("dogs@v1", tmp_path / "dogs")

    @pytest.fixture
    def model(self, derived: Snapshot, tmp_path: Path) -> Model:
        return Model.open(tmp_path / "digits")

    def forge(self, model: Model, git: Git, **replaced: str) -> None:
        """dogs/v2: like dogs/v1, with other code, and trailers that admit it."""
        here = model.directory
        tree = git(
            "mktree",
            cwd=here,
            stdin="".join(f"{line}\n" for line in top(model, git, "dogs/v1", **replaced)).encode(),
        ).strip()
        commit = git("commit-tree", "-p", "dogs", "-m", "forged", tree, cwd=here).strip()
        git("tag", "-f", "-m", "x", "forged", commit, cwd=here)
        text = git("tag", "--list", "--format=%(contents)", "dogs/v1", cwd=here).rstrip("\n")
        for key, oid in replaced.items():
            name = {"code": "Code-Tree", "settings_yaml": "Settings-Blob"}[key]
            text = "\n".join(
                f"{name}: {oid}" if line.startswith(f"{name}: ") else line for line in text.split("\n")
            )
        git("tag", "--annotate", "--cleanup=verbatim", "-m", text, "dogs/v2", commit, cwd=here)

    def test_code_that_is_not_the_base_s(self, model: Model, derived: Snapshot, git: Git) -> None:
        blob = git("hash-object", "-w", "--stdin", cwd=model.directory, stdin=b"other code").strip()
        tree = git("mktree", cwd=model.directory, stdin=f"100644 blob {blob}\tmodel.py\n".encode()).strip()
        self.forge(model, git, code=tree)
        assert problems(model) == ["dogs@v2: its code/ differs from that of its base digits@v1"]

    def test_another_base_in_the_settings(self, model: Model, derived: Snapshot, git: Git) -> None:
        text = derived.settings_content.decode().replace("snapshot: v1", "snapshot: v7")
        blob = git("hash-object", "-w", "--stdin", cwd=model.directory, stdin=text.encode()).strip()
        self.forge(model, git, settings_yaml=blob)
        said = derived.tag.trailers["Based-On"]
        assert problems(model) == [
            f"dogs@v2: its tag says Based-On: {said}, but settings.yaml says {said.replace('@v1', '@v7')}"
        ]

    def test_a_base_that_is_not_there(self, model: Model, derived: Snapshot, git: Git) -> None:
        base = derived.settings.based_on
        assert base is not None
        text = derived.settings_content.decode().replace(base.commit, "12" * 20)
        blob = git("hash-object", "-w", "--stdin", cwd=model.directory, stdin=text.encode()).strip()
        self.forge(model, git, settings_yaml=blob)
        assert problems(model) == [f"dogs@v2: object {'12' * 20} is missing from the repository"]


def test_states_are_not_snapshots(tmp_path: Path) -> None:
    model = make(tmp_path / "m")
    save_state(model, "initial")
    assert verified(model).snapshots == ()
