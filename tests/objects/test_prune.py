"""Collecting dead objects from packs: exactly they go, and nothing else, whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Collection
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.objects import prune
from gitstore.objects.prune import Plan
from gitstore.packs.format import KEEP_MARK
from gitstore.packs.oid import Kind, Oid
from tests.support import combinations
from tests.support.commands import fsck, git
from tests.support.content import noise
from tests.support.packs import pack_names, write_pack

A, B, C = noise(3000, 1), noise(3000, 2), noise(30_000, 3)


def oid(content: bytes) -> Oid:
    return Oid.of(Kind.BLOB, content)


def packs(repository: Repository, *contents: list[bytes]) -> list[Path]:
    written = [write_pack(repository.common / "objects" / "pack", each).path for each in contents]
    repository.objects.refresh()
    return written


def on_disk(repository: Repository) -> int:
    return sum(path.stat().st_size for path in (repository.common / "objects" / "pack").glob("pack-*"))


def gc(repository: Repository, live: Collection[bytes]) -> Plan:
    """Collect; the plan's promise is kept to the byte."""
    objects, before = repository.objects, on_disk(repository)
    survey = prune.survey(objects)
    plan = prune.plan(survey, {oid(content) for content in live})
    assert prune.carry_out(objects, plan, survey) == sorted(
        plan.changes, key=lambda change: len(change.kept_positions) > 0
    )
    assert before - on_disk(repository) == plan.freed
    for content in live:
        assert Repository(repository.common).objects.read(oid(content)) == (Kind.BLOB, content)
    fsck(repository)
    return plan


def held(repository: Repository) -> list[set[Oid]]:
    found = Repository(repository.common).objects.own_packs
    return sorted((set(pack.index.oids()) for pack in found), key=sorted)


def test_a_dead_pack_goes_with_all_its_files(repository: Repository) -> None:
    packs(repository, [A, B], [C])
    plan = gc(repository, [C])
    assert [change.kept_positions for change in plan.changes] == [()]
    assert held(repository) == [{oid(C)}]
    assert len(pack_names(repository.common / "objects")) == 3


def test_a_pack_is_rewritten_without_its_dead_objects(repository: Repository) -> None:
    packs(repository, [A, B, C])
    gc(repository, [C, A])
    assert held(repository) == [{oid(A), oid(C)}]
    (pack,) = Repository(repository.common).objects.own_packs
    assert pack.keep_path.read_bytes() == KEEP_MARK
    assert gc(repository, [C, A]) == Plan((), 0)


@pytest.mark.parametrize(("dead", "stays"), [([A], True), ([A, B, noise(4000, 4)], False)])
def test_a_large_pack_is_rewritten_if_over_a_fifth_is_dead(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, dead: list[bytes], *, stays: bool
) -> None:
    monkeypatch.setattr(prune, "LARGE_PACK", 20_000)
    (path,) = packs(repository, [*dead, C])
    plan = gc(repository, [C])
    assert path.exists() is stays
    assert (plan.dead_kept > 3000) is stays


def test_of_two_copies_that_in_the_larger_pack_stays(repository: Repository) -> None:
    large, small = packs(repository, [A, C], [A, B])
    gc(repository, [A, B, C])
    assert large.exists() and not small.exists()
    assert held(repository) == sorted([{oid(A), oid(C)}, {oid(B)}], key=sorted)


def test_a_copy_in_a_linked_pack_goes_before(repository: Repository, tmp_path: Path) -> None:
    """A crash while packs are divided leaves both. What another repository links costs nothing here."""
    large, small = packs(repository, [A, B, C], [A, B])
    os.link(small, tmp_path / small.name)
    gc(repository, [A, B, C])
    assert not large.exists() and small.exists()
    assert held(repository) == sorted([{oid(A), oid(B)}, {oid(C)}], key=sorted)


def test_a_rewritten_pack_may_be_one_that_is_there(repository: Repository) -> None:
    """With the same objects in the same order it has the same bytes, and the same name."""
    packs(repository, [A, B, C], [A, C])
    gc(repository, [A, C])
    assert held(repository) == [{oid(A), oid(C)}]


def test_packs_of_others_stay(repository: Repository) -> None:
    kept, plain = packs(repository, [A], [B])
    kept.with_suffix(".keep").unlink()
    kept.with_suffix(".keep").write_text("mine\n")
    plain.with_suffix(".keep").unlink()
    assert gc(repository, []) == Plan((), 0)
    assert kept.exists() and plain.exists()
    dead = prune.find_dead_elsewhere(repository.objects, set())
    assert 6000 < sum(each.size for each in dead) < 6100
    assert {each.pack: each.is_kept for each in dead} == {kept: True, plain: False}


def test_the_copy_in_a_pack_of_git_does_not_count(repository: Repository) -> None:
    """A git repack that runs beside us takes that away, because it saw ours."""
    _, theirs = packs(repository, [A], [A, B])
    theirs.with_suffix(".keep").unlink()
    assert gc(repository, [A]) == Plan((), 0)


def test_a_pack_that_git_relies_on_meanwhile_stays(repository: Repository) -> None:
    """`git add` of the same content sets the time of the pack, and writes nothing."""
    dead, half = packs(repository, [A], [B, C])
    for path in (dead, half):
        os.utime(path, (1, 1))
    survey = prune.survey(repository.objects)
    plan = prune.plan(survey, {oid(C)})
    for content in (A, B):
        git("hash-object", "-w", "--stdin", cwd=repository.directory, stdin=content)
    assert prune.carry_out(repository.objects, plan, survey) == []
    assert dead.exists() and half.exists()
    again = prune.survey(repository.objects)
    prune.carry_out(repository.objects, prune.plan(again, {oid(C)}), again)
    assert held(repository) == [{oid(C)}]


def test_a_damaged_pack_loses_nothing(repository: Repository) -> None:
    damaged, dead = packs(repository, [A, C], [B])
    damaged.chmod(0o644)
    with damaged.open("r+b") as file:
        file.seek(-50, os.SEEK_END)
        file.write(b"damage")
    survey = prune.survey(repository.objects)
    with pytest.raises(Corrupt):
        prune.carry_out(repository.objects, prune.plan(survey, {oid(C)}), survey)
    assert damaged.exists() and not dead.exists()


def test_a_multi_pack_index_goes_with_the_packs_it_names(repository: Repository) -> None:
    packs(repository, [A, B], [C])
    git("multi-pack-index", "write", cwd=repository.directory)
    gc(repository, [A, C])
    assert git("cat-file", "-t", str(oid(A)), cwd=repository.directory) == "blob\n"
    git("multi-pack-index", "write", cwd=repository.directory)
    git("multi-pack-index", "verify", cwd=repository.directory)


@combinations.rest
def test_a_crash_at_any_removal_loses_nothing(repository: Repository, tmp_path: Path) -> None:
    """Killed at each file that goes; the next collection tidies up."""
    packs(repository, [A], [B, C], [B, A])
    killed = {call: tmp_path / f"{call}" for call in range(1, 9)}
    for directory in killed.values():
        shutil.copytree(repository.directory, directory)
    script = f"""
        import os, signal
        from pathlib import Path
        from gitstore.objects import prune
        from gitstore.packs.oid import Oid
        from gitstore.git.repository import Repository

        def collect_and_die(directory, at):
            objects = Repository(directory / ".git").objects
            survey = prune.survey(objects)
            plan = prune.plan(survey, {{Oid.parse({str(oid(B))!r})}})
            calls = iter(range(1, 100))
            unlink = Path.unlink
            def dying(path, missing_ok=False):
                if "gitstore-tmp" not in path.name and next(calls) == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                unlink(path, missing_ok=missing_ok)
            Path.unlink = dying
            prune.carry_out(objects, plan, survey)

        for call in range(1, 9):
            child = os.fork()
            if child == 0:
                collect_and_die(Path({str(tmp_path)!r}, str(call)), call)
                os._exit(0)
            print(os.waitpid(child, 0)[1])
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    ends = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert ends == [str(int(signal.SIGKILL))] * len(killed)
    for directory in killed.values():
        fresh = Repository(directory / ".git")
        assert fresh.objects.read(oid(B)) == (Kind.BLOB, B)
        fsck(fresh)
        gc(fresh, [B])
        assert held(fresh) == [{oid(B)}]
