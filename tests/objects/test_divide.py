"""Packs are divided into wanted objects and others, and nothing is lost on the way."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.errors import Corrupt, GitstoreError
from gitstore.git.repository import Repository
from gitstore.objects import divide, prune, repack
from gitstore.packs.format import KEEP_MARK
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack
from gitstore.packs.writer import PackWriter
from tests.support import combinations
from tests.support.commands import fsck
from tests.support.content import MIB, noise
from tests.support.packs import pack_names, write_pack

A, B, C, D, E = (noise(3000, seed) for seed in range(5))


def oid(content: bytes) -> Oid:
    return Oid.of(Kind.BLOB, content)


def oids(*contents: bytes) -> set[Oid]:
    return {oid(content) for content in contents}


def add_packs(repository: Repository, *packs: Iterable[bytes]) -> list[Pack]:
    """Packs with these blobs each, in their order."""
    paths = [write_pack(repository.common / "objects" / "pack", contents).path for contents in packs]
    repository.objects.refresh()
    by_path = {pack.path: pack for pack in repository.objects.own_packs}
    return [by_path[path] for path in paths]


def held(repository: Repository) -> list[set[Oid]]:
    """The objects of each pack."""
    packs = Repository(repository.common).objects.own_packs
    return sorted((set(pack.index.oids()) for pack in packs), key=lambda found: sorted(found))


def sets(*packs: Iterable[bytes]) -> list[set[Oid]]:
    return sorted((oids(*contents) for contents in packs), key=lambda found: sorted(found))


def check_readable(repository: Repository, *contents: bytes) -> None:
    objects = Repository(repository.common).objects
    assert all(objects.read(oid(content)) == (Kind.BLOB, content) for content in contents)
    fsck(repository)


class TestWhatItMakes:
    def test_the_wanted_get_a_pack_and_the_rest_another(self, repository: Repository) -> None:
        packs = add_packs(repository, [A, B], [C, D], [E])
        before = sum(pack.size for pack in packs)
        assert divide.divide_packs(repository.objects, packs[:2], oids(B, C)) == 0
        assert held(repository) == sets([A, D], [B, C], [E])
        assert sum(pack.size for pack in repository.objects.own_packs) == before
        assert {pack.keep_path.read_bytes() for pack in repository.objects.own_packs} == {KEEP_MARK}
        check_readable(repository, A, B, C, D, E)

    def test_a_pack_of_which_all_is_wanted_or_nothing_stays(self, repository: Repository) -> None:
        packs = add_packs(repository, [A, B], [C])
        names = pack_names(repository.common / "objects")
        divide.divide_packs(repository.objects, packs, oids(C))
        divide.divide_packs(repository.objects, packs[:1], oids(A, B))
        assert pack_names(repository.common / "objects") == names

    def test_an_object_in_two_packs_is_in_one_then(self, repository: Repository) -> None:
        packs = add_packs(repository, [A, B], [B, C])
        divide.divide_packs(repository.objects, packs, oids(B))
        assert held(repository) == sets([A, C], [B])

    def test_large_rests_stay_apart(self, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(divide, "SMALLEST", 4000)
        packs = add_packs(repository, [A, B, C], [D, E])
        divide.divide_packs(repository.objects, packs, oids(A, E))
        assert held(repository) == sets([B, C], [D], [A, E])

    def test_the_old_packs_stay_where_they_are_linked(self, repository: Repository, tmp_path: Path) -> None:
        linked, alone = add_packs(repository, [A, B], [C, D])
        os.link(linked.path, tmp_path / linked.path.name)
        size = linked.size - 32 - sum(size for found, size in linked.disk_sizes() if found == oid(B))
        assert divide.divide_packs(repository.objects, [linked, alone], oids(A, C)) == size
        assert (tmp_path / linked.path.name).stat().st_nlink == 1

    def test_many_wanted_bytes_get_several_packs(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(divide, "SMALLEST", 4000)
        packs = add_packs(repository, [A, E, B, C, D])
        divide.divide_packs(repository.objects, packs, oids(A, B, C, D))
        assert held(repository) == sets([A, B], [C, D], [E])


@given(st.lists(st.integers(1, 4 * MIB), max_size=200))
def test_how_a_row_of_entries_is_cut(sizes: list[int]) -> None:
    ranges = list(divide.cut(sizes))
    assert [at for start, end in ranges for at in range(start, end)] == list(range(len(sizes)))
    assert len(ranges) <= divide.MOST
    packs = [sum(sizes[start:end]) for start, end in ranges]
    assert len(packs) <= 1 or min(packs) >= divide.SMALLEST
    for (start, end), size in zip(ranges, packs, strict=True):
        within = max(divide.SMALLEST, sum(sizes) // divide.MOST) + max(sizes[start:end])
        assert size < within + (divide.SMALLEST if end == len(sizes) else 0)


class TestFailures:
    def test_a_damaged_entry(self, repository: Repository) -> None:
        (pack,) = add_packs(repository, [A, B, C])
        names = pack_names(repository.common / "objects")
        pack.path.chmod(0o644)
        with pack.path.open("r+b") as file:
            file.seek(-50, os.SEEK_END)
            file.write(b"damage")
        for wanted in (oids(A), oids(C)):
            with pytest.raises(Corrupt):
                divide.divide_packs(repository.objects, [pack], wanted)
            assert pack_names(repository.common / "objects") == names

    @pytest.mark.parametrize("call", range(1, 4))
    def test_a_full_disk(self, repository: Repository, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
        """What was written until then would fill it."""
        monkeypatch.setattr(divide, "SMALLEST", 1000)
        packs = add_packs(repository, [A, B], [C, D])
        names = pack_names(repository.common / "objects")
        calls = iter(range(1, 100))
        finish = PackWriter.finish

        def full(writer: PackWriter) -> object:
            if next(calls) == call:
                raise writer._cannot_write(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            return finish(writer)

        monkeypatch.setattr(PackWriter, "finish", full)
        with pytest.raises(GitstoreError):
            divide.divide_packs(repository.objects, packs, oids(B, C))
        assert pack_names(repository.common / "objects") == names
        check_readable(repository, A, B, C, D)

    def test_a_pack_that_was_written_before_is_not_removed(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A killed process left it; the same objects in the same order have the same name."""
        packs = add_packs(repository, [A, B], [B])
        monkeypatch.setattr(divide, "remove_packs", lambda *_: [][0])
        with pytest.raises(IndexError):
            divide.divide_packs(repository.objects, packs[:1], oids(B))
        monkeypatch.undo()
        assert sorted(map(len, held(repository))) == [1, 1, 2]
        repository.objects.refresh()
        divide.divide_packs(repository.objects, packs[:1], oids(B))
        assert held(repository) == sets([A], [B])


CALLS = 26
"""One more than there are changes of names."""

KILL_IT = """
    import os, signal
    from pathlib import Path
    from gitstore.git.repository import Repository
    from gitstore.objects import divide
    from gitstore.packs.oid import Oid

    def divide_and_die(directory, at):
        objects = Repository(directory / ".git").objects
        calls = iter(range(1, 1000))
        for name in ("unlink", "rename"):
            def dying(path, *arguments, real=getattr(Path, name), **named):
                if next(calls) == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(path, *arguments, **named)
            setattr(Path, name, dying)
        packs = [pack for pack in objects.own_packs if pack.index.count > 1]
        divide.divide_packs(objects, packs, {wanted})

    for call in range(1, {calls} + 1):
        child = os.fork()
        if child == 0:
            divide_and_die(Path({top!r}, str(call)), call)
            os._exit(0)
        print(os.waitpid(child, 0)[1])
"""


@combinations.rest
def test_a_crash_at_any_name_that_changes_loses_nothing(repository: Repository, tmp_path: Path) -> None:
    """Killed at each file that gets its name or goes. The same again, or a collection, makes one copy."""
    add_packs(repository, [A, B], [C, D], [E])
    killed = {call: tmp_path / f"{call}" for call in range(1, CALLS + 1)}
    for directory in killed.values():
        shutil.copytree(repository.directory, directory)
    wanted = "{Oid.parse(name) for name in %r}" % sorted(map(str, oids(B, C)))  # noqa: UP031 - braces
    script = textwrap.dedent(KILL_IT).format(wanted=wanted, calls=len(killed), top=str(tmp_path))
    command = [sys.executable, "-c", script]
    ends = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert ends == [str(int(signal.SIGKILL))] * (CALLS - 1) + ["0"]
    for call, directory in killed.items():
        fresh = Repository(directory / ".git")
        check_readable(fresh, A, B, C, D, E)
        if call % 2:
            survey = prune.survey(fresh.objects)
            prune.carry_out(fresh.objects, prune.plan(survey, oids(A, B, C, D, E)), survey)
        else:
            repack.merge_small_packs(fresh.objects, fresh.private)
        assert sum(map(len, held(fresh))) == 5
        check_readable(fresh, A, B, C, D, E)
