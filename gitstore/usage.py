"""What storage costs, and who holds it.

Every ref is a holder of the objects it reaches: a snapshot, a state, a branch; so is a detached HEAD.
An object's bytes are those it takes in its pack (git's `objectsize:disk`). Held by one, they are that
holder's *exclusive* bytes, which removing it frees; held by several, they are *shared*, and each is
*charged* an equal part. Charges are whole bytes and add up to the bytes of all live objects, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gitstore import export, snapshot
from gitstore.objects import graph, pack_format, stored
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.oid import Kind, Oid
from gitstore.objects.pack import Pack, Packed
from gitstore.objects.repository import Repository
from gitstore.snapshot import NotASnapshot

_KINDS = {"refs/tags/": "snapshot", "refs/states/": "state", "refs/heads/": "branch"}


@dataclass(frozen=True)
class Holder:
    """A ref and its bill, in bytes. `logical` counts its files as they are on disk."""

    kind: str
    name: str
    ref: str
    logical: int
    exclusive: int
    shared: int
    charged: int


@dataclass(frozen=True)
class PackUse:
    """A pack file, explained to the byte: `size` is the sum of the other four.

    `duplicate` are copies of objects that another pack is billed for; `frame` is header and checksum.
    """

    name: str
    size: int
    live: int
    dead: int
    duplicate: int
    frame: int


@dataclass(frozen=True)
class Usage:
    """The storage of a repository. `index` are bytes of the files beside the packs, `.idx` and others."""

    holders: list[Holder]
    packs: list[PackUse]
    loose_live: int
    loose_dead: int
    index: int

    @property
    def live(self) -> int:
        """Bytes of all objects that something holds, each counted once."""
        return self.loose_live + sum(pack.live for pack in self.packs)

    @property
    def dead(self) -> int:
        """Bytes that gc frees: of objects nothing holds, and of second copies."""
        return self.loose_dead + sum(pack.dead + pack.duplicate for pack in self.packs)

    @property
    def disk(self) -> int:
        """Bytes of everything below objects/ that is pack, index or loose object."""
        return self.loose_live + self.loose_dead + self.index + sum(pack.size for pack in self.packs)


def measure(repository: Repository) -> Usage:
    """The usage of a repository, all its models together. Reads trees and commits, no weights."""
    objects = repository.objects
    objects.refresh()
    refs = [*repository.refs.all(), *_detached(repository)]
    holding = _holding(objects, [oid for _, oid in refs])
    places = _Places(objects, holding.keys())
    exclusive, shared, charged = _bill(holding, places, len(refs))
    holders = [
        Holder(*_called(ref), ref, _logical(repository, ref, oid), exclusive[i], shared[i], charged[i])
        for i, (ref, oid) in enumerate(refs)
    ]
    packs = [places.use(pack) for pack in objects.own_packs]
    return Usage(holders, packs, places.loose_live, places.loose_dead, _beside_packs(objects))


def exclusive(repository: Repository, refs: Collection[str]) -> dict[Oid, int]:
    """The objects that only these refs hold, together, with the bytes of each: what removing them frees."""
    objects = repository.objects
    objects.refresh()
    held = [*repository.refs.all(), *_detached(repository)]
    others = graph.topological(objects, [oid for ref, oid in held if ref not in refs])
    theirs = graph.topological(objects, [oid for ref, oid in held if ref in refs])
    return _Places(objects, theirs.keys() - others.keys()).size


def _detached(repository: Repository) -> Iterator[tuple[str, Oid]]:
    """The commits that working copies have checked out without a branch: they hold it like a ref."""
    listing = repository.git("worktree", "list", "--porcelain", "-z").decode("utf-8", "surrogateescape")
    for block in listing.split("\0\0"):
        lines = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
        if "detached" in lines:
            yield f"HEAD of {lines['worktree']}", Oid.parse(lines["HEAD"])


def _holding(objects: ObjectDatabase, roots: list[Oid]) -> dict[Oid, int]:
    """For every live object the set of its holders, as bits of a number: bit i is the i-th root."""
    order = graph.topological(objects, roots)
    holding = dict.fromkeys(order, 0)
    for i, root in enumerate(roots):
        holding[root] |= 1 << i
    for oid, children in order.items():
        for child in children:
            holding[child] |= holding[oid]
    return holding


def _bill(holding: dict[Oid, int], places: _Places, count: int) -> tuple[list[int], list[int], list[int]]:
    """Exclusive, shared and charged bytes of each holder."""
    together: dict[int, int] = defaultdict(int)
    for oid, holders in holding.items():
        together[holders] += places.size.get(oid, 0)
    exclusive, shared, charged = [0] * count, [0] * count, [0] * count
    for holders, size in together.items():
        members = [i for i in range(count) if holders >> i & 1]
        part, rest = divmod(size, len(members))
        for place, i in enumerate(members):
            # The bytes that do not divide go to the first ones, one each: the sum stays exact.
            charged[i] += part + (place < rest)
            (exclusive if len(members) == 1 else shared)[i] += size
    return exclusive, shared, charged


class _Places:
    """Which copy of each live object is billed: the first pack's, else the loose one. `size` has its bytes.

    What lies in an alternate costs nothing here, and has no size.
    """

    def __init__(self, objects: ObjectDatabase, live: Collection[Oid]) -> None:
        self.size: dict[Oid, int] = {}
        self.loose_live = self.loose_dead = 0
        self._live = live
        self._billed: dict[Oid, Pack] = {}
        for pack in objects.own_packs:
            for position in range(pack.index.count):
                oid = pack.index.oid(position)
                if oid in live and oid not in self._billed:
                    self._billed[oid] = pack
                    self.size[oid] = Packed(pack, position).disk_size
        for oid, path in objects.loose():
            if oid in live and oid not in self.size:
                self.size[oid] = path.stat().st_size
                self.loose_live += self.size[oid]
            else:
                self.loose_dead += path.stat().st_size

    def use(self, pack: Pack) -> PackUse:
        """What the bytes of one pack are for."""
        live = dead = duplicate = 0
        for position in range(pack.index.count):
            oid, size = pack.index.oid(position), Packed(pack, position).disk_size
            if oid not in self._live:
                dead += size
            elif self._billed[oid] is pack:
                live += size
            else:
                duplicate += size
        frame = pack_format.PACK_HEADER_SIZE + pack_format.TRAILER_SIZE
        return PackUse(pack.path.name, pack.size, live, dead, duplicate, frame)


def _called(ref: str) -> tuple[str, str]:
    """A ref's kind and its name for people."""
    for namespace, kind in _KINDS.items():
        if ref.startswith(namespace):
            return kind, ref.removeprefix(namespace)
    return "ref", ref


def _logical(repository: Repository, ref: str, oid: Oid) -> int:
    """The bytes of a holder's files on disk; 0 for a ref that holds no files."""
    objects = repository.objects
    if ref.startswith("refs/tags/"):
        try:
            found = snapshot.read(repository, ref, oid)
        except NotASnapshot:
            return 0
        return export.size(found) if found is not None else 0
    if objects.read(oid)[0] is not Kind.COMMIT:
        return 0
    listed = stored.files(objects, repository.commit(oid).tree, joined=ref.startswith("refs/states/"))
    return sum(file.size(objects) for file in listed)


def _beside_packs(objects: ObjectDatabase) -> int:
    """The bytes of what stands beside the packs: indexes, keep files, bitmaps, leftovers."""
    own = {pack.path for pack in objects.own_packs}
    found = (objects.directory / "pack").iterdir() if (objects.directory / "pack").is_dir() else iter(())
    return sum(path.stat().st_size for path in found if path.is_file() and path not in own)
