"""The objects of a push that git has not accepted yet: their sizes, reading them, and what git says of them.

While pre-receive runs, they are in a directory of their own, which git removes if the push is refused
(git-receive-pack(1), quarantine environment).
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

from gitstore.errors import Corrupt
from gitstore.git import process as git
from gitstore.git.repository import Repository
from gitstore.packs import limits as read_limits
from gitstore.packs import loose as loose_objects
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.push import NewObject
from gitstore.policy.sizes import ObjectCounter
from gitstore.store.receive.object_table import ObjectTable
from gitstore.store.receive.pack_headers import ChainTooDeep, PackedObject, PackHeaders

_BLOCK = 64 * 1024


class Quarantine:
    """What a push brought, before the objects of its repository. Without a directory, it brought nothing."""

    def __init__(self, repository: Repository, directory: Path | None) -> None:
        self.repository = repository
        self.directory = directory
        self.table = ObjectTable()
        self.objects = repository.open_quarantine(directory) if directory else repository.objects

    def measure_packs(self) -> int:
        """Return the bytes of the packs, or of loose objects."""
        if self.directory is None:
            return 0
        files = (Path(folder, name) for folder, _, names in os.walk(self.directory) for name in names)
        return sum(path.stat().st_size for path in files if path.suffix in (".pack", ""))

    def list_objects(self, counter: ObjectCounter) -> None:
        """Fill the table with the objects, up to where the counter is over a limit. Raises `Corrupt`."""
        if self.directory is None:
            return
        packs = [PackHeaders(index) for index in self.directory.glob("pack/pack-*.idx")]
        loose = list(self.objects.list_loose())
        if not counter.begin(sum(pack.count for pack in packs) + len(loose)):
            return
        last: Oid | None = None
        try:
            for oid, new in heapq.merge(*packs, map(_read_loose, loose)):
                if oid != last:
                    self.table.append(oid, new)
                    counter.add(oid, new)
                if counter.is_over:
                    return
                last = oid
        except ChainTooDeep as error:
            counter.add_chain(error.oid)

    def list_needed(self, tips: Iterable[Oid]) -> Iterator[Oid]:
        """Yield the objects that some tips need and that no ref is known to need, each once.

        git does not compare all trees of all refs, so some of the objects may be needed by refs all the same.
        """
        given = "".join(f"{tip}\n" for tip in tips).encode()
        arguments = ("rev-list", "--objects", "--no-object-names", "--stdin", "--not", "--all")
        for line in self._read_lines(arguments, self.variables, given=given):
            yield Oid.parse(line)

    def select_descendants(self, ancestor: Oid, commits: Collection[Oid]) -> set[Oid]:
        """Return those of some commits that have another one among their ancestors, or are it.

        None are, if that commit is not there. One process of git answers for all of them.
        """
        descendants = {oid for oid in commits if oid == ancestor}
        if len(descendants) == len(commits) or not self._has_commit(ancestor):
            return descendants
        given = "".join(f"{oid}\n" for oid in (f"^{ancestor}", *commits)).encode()
        arguments = ("rev-list", "--ancestry-path", "--stdin")
        lines = self._read_lines(arguments, self.variables, given=given)
        return descendants | {oid for line in lines if (oid := Oid.parse(line)) in commits}

    def _has_commit(self, oid: Oid) -> bool:
        try:
            return self.header(oid)[0] is Kind.COMMIT
        except Corrupt:
            return False

    @property
    def variables(self) -> dict[str, str]:
        """The variables with which git sees these objects, too."""
        variables = {"GIT_DIR": str(self.repository.common)}
        if self.directory is not None:
            objects = str(self.repository.common / "objects").replace("\\", "\\\\").replace('"', '\\"')
            variables["GIT_OBJECT_DIRECTORY"] = str(self.directory)
            variables["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = f'"{objects}"'  # it may contain a colon
        return variables

    def header(self, oid: Oid) -> tuple[Kind, int]:
        """Return an object's kind and the size of its content. Raises `Corrupt`."""
        at = self.table.find(oid)
        return self.table.header_at(at) if at is not None else self.objects.header(oid)

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int = read_limits.TREE) -> bytes:
        """Return the content of an object of this kind. Raises `Corrupt`."""
        return self.objects.read_as(kind, oid, at_most=at_most)

    def measure_stored(self, oid: Oid) -> int:
        """Return the bytes of an object in the repository, like git's `objectsize:disk`; 0 if it is gone."""
        packed = self.repository.objects.find(oid)
        if packed is not None:
            return packed.disk_size
        path = self.repository.objects.loose_path(oid)
        return path.stat().st_size if path is not None else 0

    def _read_lines(
        self, arguments: tuple[str, ...], variables: dict[str, str], *, given: bytes = b""
    ) -> Iterator[bytes]:
        with TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            rest = b""
            cwd = self.repository.common
            blocks = git.read_blocks(*arguments, size=_BLOCK, cwd=cwd, stdin=stdin, variables=variables)
            for block in blocks:
                *lines, rest = (rest + block).split(b"\n")
                yield from lines


def _read_loose(found: tuple[Oid, Path]) -> PackedObject:
    oid, path = found
    return PackedObject(oid, NewObject(*loose_objects.header(path), path.stat().st_size))
