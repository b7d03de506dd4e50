from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitstore.derive import worktree as derive
from gitstore.derive.first_state import ABSENT, COPIED
from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.storage import usage
from gitstore.storage.usage import Usage
from tests.support.commands import Git
from tests.support.commands import git as run_git
from tests.support.examples import examples
from tests.support.models import again, make, noise, put, take, write


def measured(directory: Path) -> Usage:
    return usage.measure(Model.open(directory).repository)


@dataclass
class Counted:
    """What stock git says: the bytes of each live object, and the objects that each ref holds."""

    sizes: dict[str, int]
    held: dict[str, set[str]]

    @classmethod
    def of(cls, directory: Path) -> Counted:
        listed = run_git("rev-list", "--objects", "--all", cwd=directory)
        oids = [line.split(" ", 1)[0] for line in listed.splitlines()]
        asked = run_git(
            "cat-file",
            "--batch-check=%(objectname) %(objectsize:disk)",
            cwd=directory,
            stdin="\n".join(oids).encode(),
        )
        sizes = {oid: int(size) for oid, size in (line.split() for line in asked.splitlines())}
        refs = run_git(
            "for-each-ref", "--format=%(if)%(symref)%(then)%(else)%(refname)%(end)", cwd=directory
        ).split()
        return cls(sizes, {ref: objects(directory, ref) for ref in refs})

    @property
    def live(self) -> int:
        return sum(self.sizes.values())

    def exclusive(self, ref: str) -> int:
        others = set().union(*(held for other, held in self.held.items() if other != ref))
        return sum(self.sizes[oid] for oid in self.held[ref] - others)


def objects(directory: Path, ref: str) -> set[str]:
    return {
        line.split(" ", 1)[0] for line in run_git("rev-list", "--objects", ref, cwd=directory).splitlines()
    }


def agrees(directory: Path) -> None:
    """Our bill is git's count, to the byte."""
    found, counted = measured(directory), Counted.of(directory)
    assert sum(holder.charged for holder in found.holders) == counted.live == found.live
    assert {holder.ref for holder in found.holders} == counted.held.keys()
    for holder in found.holders:
        assert holder.exclusive == counted.exclusive(holder.ref), holder.ref
        assert holder.exclusive + holder.shared == sum(counted.sizes[oid] for oid in counted.held[holder.ref])
        assert holder.exclusive <= holder.charged <= holder.exclusive + holder.shared
    explained(directory, found)


def explained(directory: Path, found: Usage) -> None:
    """Every byte of every pack, and of the disk, is accounted for."""
    store = Path(
        run_git("rev-parse", "--path-format=absolute", "--git-path", "objects", cwd=directory).strip()
    )
    for pack in found.packs:
        assert pack.size == pack.live + pack.dead + pack.duplicate + pack.overhead
        assert pack.size == (store / "pack" / pack.name).stat().st_size
    on_disk = [path for path in store.rglob("*") if path.is_file() and path.parent.name != "info"]
    assert found.disk == sum(path.stat().st_size for path in on_disk)
    assert found.disk == found.live + found.dead + found.index + sum(pack.overhead for pack in found.packs)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["weights", "code", "commit", "snapshot", "snapshot", "save", "derive", "branch", "drop"]
        ),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=14,
)


def play(root: Path, actions: list[tuple[str, int]]) -> Model:
    """A repository that somebody worked in: snapshots, states, models, branches, and some of it removed."""
    models = [make(root / "digits")]
    for step, (action, number) in enumerate(actions):
        model = models[number % len(models)]
        here = model.directory
        match action:
            case "weights":
                put(model, "initial", {f"w{number}": noise(700 * (number + 1), step)})
            case "code" if not model.prefix:
                (here / "code" / f"f{number}.py").write_text(f"# {step}\n" * 40)
            case "commit":
                run_git("commit", "--quiet", "--allow-empty", "--all", "-m", f"step {step}", cwd=here)
            case "snapshot":
                take(model, f"s{step}")
            case "save":
                put(model, f"state{number}", {"w": noise(900, number)})
                save_state(Model.open(here), f"state{number}")
            case "derive":
                base = take(model, f"base{step}")
                models.append(
                    derive.derive(
                        base, f"m{step}", root / f"m{step}", state=COPIED if number else ABSENT
                    ).model
                )
                put(models[-1], "initial", {"own": noise(500, step)})
            case "branch":
                run_git("branch", "--force", f"topic{number}", cwd=here)
            case "drop":
                tags = run_git("for-each-ref", "--format=%(refname)", "refs/tags", cwd=here).split()
                for ref in tags[:1]:
                    run_git("update-ref", "-d", ref, cwd=here)
    return models[0]


EVERYTHING = [
    ("weights", 1), ("snapshot", 0), ("code", 2), ("commit", 0), ("save", 3), ("derive", 0), ("branch", 1),
    ("weights", 1), ("snapshot", 1), ("derive", 1), ("drop", 0), ("snapshot", 2), ("commit", 1), ("drop", 0),
]  # fmt: skip


@settings(max_examples=examples(2))
@given(ACTIONS)
@example(EVERYTHING)
def test_every_byte_is_on_somebody_s_bill(actions: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        here = play(Path(root), actions).directory
        agrees(here)
        for kept in (here / ".git" / "objects" / "pack").glob("*.keep"):
            kept.unlink()
        run_git("repack", "-ad", "--quiet", cwd=here)
        agrees(here)
        run_git("reflog", "expire", "--expire=now", "--all", cwd=here)
        run_git("gc", "--quiet", "--prune=now", cwd=here)
        agrees(here)


def holder(found: Usage, ref: str) -> usage.Holder:
    return next(each for each in found.holders if each.ref == ref)


def test_exclusive_is_what_removing_it_frees(here: Path, git: Git) -> None:
    for ref in ("refs/tags/v2", "refs/tags/v1"):
        promised = holder(measured(here), ref).exclusive
        before = Counted.of(here)
        git("update-ref", "-d", ref, cwd=here)
        after = Counted.of(here)
        assert before.live - after.live == promised
        assert promised > 0
        found = measured(here)
        assert found.live == after.live
        assert found.dead == sum(pack.dead for pack in found.packs) + found.loose_dead


def test_v2_pays_for_what_it_added(here: Path) -> None:
    found = measured(here)
    assert 30_000 < holder(found, "refs/tags/v2").exclusive < 31_000
    assert holder(found, "refs/tags/v1").exclusive < 1_000
    assert holder(found, "refs/tags/v1").logical == holder(found, "refs/tags/v2").logical - 30_000


def test_loose_objects_are_counted_as_they_lie_on_disk(model: Model, git: Git) -> None:
    assert list((model.directory / ".git" / "objects" / "pack").iterdir()) == []
    agrees(model.directory)
    assert measured(model.directory).loose_live > 0


def test_a_second_copy_is_nobody_s(here: Path, git: Git) -> None:
    before = measured(here)
    for kept in (here / ".git" / "objects" / "pack").glob("*.keep"):
        kept.unlink()
    git("repack", "-a", "--quiet", cwd=here)  # a pack of everything, beside those that are there
    loose = git("rev-parse", "v1:settings.yaml", cwd=here).strip()
    content = git("cat-file", "blob", loose, cwd=here).encode()
    git("-c", "core.looseCompression=0", "hash-object", "-w", "--stdin", cwd=here, stdin=content)
    found = measured(here)
    assert sum(pack.duplicate for pack in found.packs) > 0
    assert sum(each.charged for each in found.holders) == found.live
    assert found.dead > before.dead
    explained(here, found)


def test_what_nothing_holds_is_dead(here: Path, git: Git) -> None:
    before = measured(here)
    git("hash-object", "-w", "--stdin", cwd=here, stdin=noise(5_000))
    after = measured(here)
    assert after.live == before.live
    assert after.loose_dead - before.loose_dead > 4_000
    assert sum(each.charged for each in after.holders) == sum(each.charged for each in before.holders)


@pytest.mark.parametrize("worktree", [False, True])
def test_a_detached_head_holds_what_it_has_checked_out(
    here: Path, git: Git, tmp_path: Path, *, worktree: bool
) -> None:
    """Removing v2 would free nothing while somebody has it checked out."""
    place = here
    if worktree:
        place = tmp_path / "side by side"
        git("worktree", "add", "--quiet", "--detach", str(place), cwd=here)
    git("checkout", "--quiet", "v2", cwd=place)
    found, counted = measured(here), Counted.of(here)
    assert sum(each.charged for each in found.holders) == found.live == counted.live
    assert holder(found, "refs/tags/v2").exclusive == counted.sizes[git("rev-parse", "v2", cwd=here).strip()]
    head = holder(found, f"HEAD of {place}")
    assert (head.kind, head.name) == ("ref", f"HEAD of {place}")
    git("update-ref", "-d", "refs/tags/v2", cwd=here)
    assert measured(here).live == Counted.of(here).live


def test_what_an_alternate_has_costs_nothing_here(here: Path, git: Git, tmp_path: Path) -> None:
    git("clone", "--quiet", "--shared", str(here), "shared", cwd=tmp_path)
    found = measured(tmp_path / "shared")
    assert (found.live, found.disk, found.packs) == (0, 0, [])


def test_a_derived_model_pays_for_its_own(here: Path, tmp_path: Path) -> None:
    base = next(each for each in snapshot.read_own_snapshots(Model.open(here)) if each.name == "v2")
    before = measured(here).live
    made = derive.derive(base, "dogs", tmp_path / "dogs")
    found = measured(here)
    assert made.pack is not None
    assert found.live - before == made.pack.size - 32  # header and checksum of its pack
    assert holder(found, "refs/heads/dogs").exclusive < 2048
    assert holder(found, "refs/states/dogs/initial").logical == 50_008


def test_an_empty_repository(tmp_path: Path, git: Git) -> None:
    git("init", "--quiet", cwd=tmp_path)
    (tmp_path / "settings.yaml").write_text("name: m\n")
    found = measured(tmp_path)
    assert (found.holders, found.packs, found.live, found.disk) == ([], [], 0, 0)


def test_a_shallow_clone(here: Path, git: Git, tmp_path: Path) -> None:
    git("commit", "--quiet", "--allow-empty", "-m", "second", cwd=here)
    git("clone", "--quiet", "--depth=1", f"file://{here}", "shallow", cwd=tmp_path)
    agrees(tmp_path / "shallow")


def test_a_mirror_has_no_other_holder(here: Path, git: Git, tmp_path: Path) -> None:
    """A HEAD among the states, symbolic in early development, is an ordinary ref there, and no state."""
    save_state(Model.open(here), "initial")
    git("symbolic-ref", "refs/states/HEAD", "refs/states/initial", cwd=here)
    git("clone", "--quiet", "--mirror", str(here), "mirror.git", cwd=tmp_path)
    mirrored = usage.measure(Repository(tmp_path / "mirror.git"))
    assert git("rev-parse", "refs/states/HEAD", cwd=tmp_path / "mirror.git")
    assert {each.ref for each in mirrored.holders} == {each.ref for each in measured(here).holders}
    assert sum(each.charged for each in mirrored.holders) == mirrored.live


def test_a_tag_that_is_no_snapshot(here: Path, git: Git) -> None:
    git("tag", "light", cwd=here)
    git("tag", "-a", "-m", "mine", "annotated", cwd=here)
    kinds = {each.name: each.kind for each in measured(here).holders}
    assert [kinds[name] for name in ("v1", "v2", "light", "annotated")] == ["snapshot"] * 2 + ["tag"] * 2


def test_a_model_costs_what_removing_it_would_free(here: Path, git: Git, tmp_path: Path) -> None:
    base = next(each for each in snapshot.read_own_snapshots(Model.open(here)) if each.name == "v2")
    dogs = derive.derive(base, "dogs", tmp_path / "dogs").model
    put(dogs, "initial", {"own": noise(40_000, 7)})
    take(dogs, "d1")
    take(dogs, "d2")
    found = measured(here)
    costs = {each.name: each for each in found.models}
    assert sum(each.charged for each in found.models) == found.live
    assert costs.keys() == {usage.ROOT, "dogs"}
    assert (
        costs["dogs"].exclusive
        > 40_000
        > sum(each.exclusive for each in found.holders if each.model == "dogs")
    )
    before = Counted.of(here).live
    git("worktree", "remove", "--force", str(dogs.directory), cwd=here)
    for each in found.holders:
        if each.model == "dogs":
            git("update-ref", "-d", each.ref, cwd=here)
    assert before - Counted.of(here).live == costs["dogs"].exclusive


@pytest.mark.parametrize("is_packed", [False, True])
def test_what_is_cut_short_is_named(model: Model, git: Git, is_packed: bool) -> None:
    take(model, "v1")
    write(model, "code/more.py", "# more\n" * 400)
    git("add", "--all", cwd=model.directory)
    git("commit", "--quiet", "-m", "more", cwd=model.directory)
    if is_packed:
        git("repack", "--quiet", "-d", cwd=model.directory)
    before = usage.measure(again(model).repository)
    objects = model.repository.common / "objects"
    files = [path for path in objects.rglob("*") if path.is_file() and path.suffix not in (".keep", ".rev")]
    silent = []
    for path in files:
        content = path.read_bytes()
        path.chmod(0o644)
        for size in (len(content) - 1, len(content) - 21, len(content) // 2, 1, 0):
            path.write_bytes(content[: max(size, 0)])
            with suppress(Corrupt):
                silent += [(path, size)] if usage.measure(again(model).repository) != before else []
        path.write_bytes(content)
    assert silent == []
    assert usage.measure(again(model).repository) == before
