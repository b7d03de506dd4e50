"""What storage costs, and who holds it.

Every ref is a holder of the objects it reaches: a snapshot, a state, a branch; so is a detached HEAD.
An object's bytes are those it takes in its pack (git's `objectsize:disk`). Held by one, they are that
holder's *exclusive* bytes, which removing it frees; held by several, they are *shared*, and each is
*charged* an equal part. Charges are whole bytes and add up to the bytes of all live objects, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.names import spell_tag
from gitstore.objects import prune
from gitstore.objects import walk as graph
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.walk import Node
from gitstore.packs import format as pack_format
from gitstore.packs import loose
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack
from gitstore.storage import allocation
from gitstore.storage.retry import retry_while_refs_change

_KINDS = {"refs/tags/": "snapshot", "refs/states/": "state", "refs/heads/": "branch"}

_STATES, _HEADS, _HEAD = "refs/states/", "refs/heads/", "/HEAD"

ROOT = ""
"""Stands for the root model, where a derived one has a name."""


@dataclass(frozen=True)
class Holder:
    """A ref and its bill, in bytes. `logical` counts its files as they are on disk.

    `model` is the name of a derived model, `ROOT`, or `None` for what belongs to no model.
    """

    kind: str
    name: str
    ref: str
    model: str | None
    logical: int
    exclusive: int
    shared: int
    charged: int


@dataclass(frozen=True)
class ModelUse:
    """A model's part of the bill, in bytes: what removing all of it would free, and what it is charged."""

    name: str | None
    exclusive: int
    charged: int


@dataclass(frozen=True)
class PackUse:
    """A pack file, explained to the byte: `size` is the sum of the other four.

    `duplicate` are copies of objects that another pack is billed for; `frame` is header and checksum. One
    that `is_linked` is a file that another repository has, too: it takes its room on the disk once.
    """

    name: str
    size: int
    live: int
    dead: int
    duplicate: int
    frame: int
    is_linked: bool


@dataclass(frozen=True)
class Usage:
    """The storage of a repository. `index` are bytes of the files beside the packs, `.idx` and others."""

    holders: list[Holder]
    models: list[ModelUse]
    packs: list[PackUse]
    loose_live: int
    loose_dead: int
    index: int

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={getattr(self, name)}" for name in ("live", "dead", "disk", "linked"))
        return f"Usage({sizes}, {len(self.holders)} holders)"

    @property
    def live(self) -> int:
        """Bytes of all objects that something holds, each counted once."""
        return self.loose_live + sum(pack.live for pack in self.packs)

    @property
    def dead(self) -> int:
        """Bytes that gc frees: of objects nothing holds, and of second copies."""
        return self.loose_dead + sum(pack.dead + pack.duplicate for pack in self.packs)

    @property
    def linked(self) -> int:
        """Bytes of packs that another repository has, too. They are among those on disk."""
        return sum(pack.size for pack in self.packs if pack.is_linked)

    @property
    def disk(self) -> int:
        """Bytes of everything below objects/ that is pack, index or loose object."""
        return self.loose_live + self.loose_dead + self.index + sum(pack.size for pack in self.packs)


def measure(repository: Repository) -> Usage:
    """The usage of a repository, all its models together. Reads trees, commits and loose objects.

    Raises `Corrupt` for what would make the sizes wrong: a missing object, a loose one that is damaged, a
    damaged index, or a pack that does not end as its index says.
    """
    return retry_while_refs_change(repository, lambda: _measure(repository))


def _measure(repository: Repository) -> Usage:
    objects = repository.objects
    objects.refresh()
    prune.check_indexes(objects)
    refs = [*_without_copies(repository.refs.all()), *_detached(repository)]
    ends = {oid for parents in repository.shallow().values() for oid in parents}
    absent = {oid for oid in ends if oid not in objects}
    nodes = graph.topological(objects, [oid for _, oid in refs], absent=absent)
    places = _Places(objects, nodes.keys())
    owners = _owners([ref for ref, _ in refs])
    split, sizes = (
        allocation.split(nodes, [oid for _, oid in refs], places.size, owners),
        _logical(objects, nodes),
    )
    holders = [
        Holder(kind, _name(kind, ref), ref, owner, sizes[oid], *each)
        for (ref, oid), owner, each in zip(refs, owners, split.bills, strict=True)
        for kind in (_kind(objects, ref, oid),)
    ]
    charged: dict[str | None, int] = defaultdict(int)
    for each in holders:
        charged[each.model] += each.charged
    owned = sorted(charged, key=lambda owner: (owner is None, owner or ROOT))
    models = [ModelUse(owner, split.alone[owner], charged[owner]) for owner in owned]
    return Usage(holders, models, places.packs, places.loose_live, places.loose_dead, _beside_packs(objects))


def exclusive(repository: Repository, refs: Collection[str], others: Collection[Oid]) -> dict[Oid, int]:
    """What removing some refs frees, where all other refs hold `others`: objects, with the bytes of each."""
    objects = repository.objects
    objects.refresh()
    roots = [oid for oid in map(repository.refs.get, refs) if oid is not None]
    found = graph.walk(objects, roots, lambda oid: oid not in others)
    return {oid: size for oid in found if (size := _disk_size(objects, oid)) is not None}


def _detached(repository: Repository) -> Iterator[tuple[str, Oid]]:
    """The commits that working copies have checked out without a branch: they hold it like a ref."""
    for each in repository.worktrees():
        if each.detached is not None:
            yield f"HEAD of {each.directory}", each.detached


def _logical(objects: ObjectDatabase, nodes: Mapping[Oid, Node]) -> dict[Oid, int]:
    """The bytes of the files that each object leads to, as they are on disk, but for a commit's parents."""
    sizes: dict[Oid, int] = {}
    for oid in reversed(list(nodes)):
        kind, children = nodes[oid]
        if kind is Kind.BLOB:
            sizes[oid] = objects.size(oid)
        else:
            counted = children if kind is Kind.TREE else children[:1]
            sizes[oid] = sum(map(sizes.__getitem__, counted))
    return sizes


def _disk_size(objects: ObjectDatabase, oid: Oid) -> int | None:
    """The bytes that an object takes on our own disk; `None` if an alternate has it."""
    packed = objects.find(oid)
    if packed is not None:
        return packed.disk_size if packed.pack.path.parent == objects.directory / "pack" else None
    path = objects.loose_path(oid)
    own = path is not None and path.parent.parent == objects.directory
    return path.stat().st_size if path is not None and own else None


class _Places:
    """Which copy of each live object is billed: the first pack's, else the loose one. `size` has its bytes.

    What lies in an alternate costs nothing here, and has no size.
    """

    def __init__(self, objects: ObjectDatabase, live: Collection[bytes]) -> None:
        self.size: dict[bytes, int] = {}
        self.packs = [self._use(pack, live) for pack in objects.own_packs]
        self.loose_live = self.loose_dead = 0
        for oid, path in objects.loose():
            if oid in live and oid not in self.size:
                # Its header alone would not tell that the file is cut short.
                if not loose.is_sound(path, oid):
                    raise Corrupt(f"{path}: object {oid} is corrupt", loose.remedy(path))
                self.size[oid] = path.stat().st_size
                self.loose_live += self.size[oid]
            else:
                self.loose_dead += path.stat().st_size

    def _use(self, pack: Pack, live: Collection[bytes]) -> PackUse:
        """What the bytes of one pack are for, those before it considered."""
        alive = dead = duplicate = 0
        for oid, size in pack.disk_sizes():
            if oid not in live:
                dead += size
            elif oid in self.size:
                duplicate += size
            else:
                self.size[oid] = size
                alive += size
        frame = pack_format.PACK_HEADER_SIZE + pack_format.TRAILER_SIZE
        return PackUse(pack.path.name, pack.size, alive, dead, duplicate, frame, pack.is_linked)


def _without_copies(refs: Iterable[tuple[str, Oid]]) -> Iterator[tuple[str, Oid]]:
    """Leave out what was a symbolic ref to the active state in early development, where a mirror copied it.

    It means nothing, and would be charged like another holder; only where it alone holds something is it one.
    """
    listed = list(refs)
    held = {oid for ref, oid in listed if ref.startswith(_STATES) and not ref.endswith(_HEAD)}
    for ref, oid in listed:
        if not (ref.startswith(_STATES) and ref.endswith(_HEAD) and oid in held):
            yield ref, oid


def _kind(objects: ObjectDatabase, ref: str, oid: Oid) -> str:
    """What a ref is; a tag is a snapshot only if it says so."""
    if ref.startswith(_STATES) and ref.endswith(_HEAD):
        return "ref"  # no state can be called so
    kind = next((kind for namespace, kind in _KINDS.items() if ref.startswith(namespace)), "ref")
    if kind == "snapshot":
        tag, content = objects.read_inner(oid)
        return kind if tag is Kind.TAG and b"\nGitstore-Format: " in content else "tag"
    return kind


def _name(kind: str, ref: str) -> str:
    """A ref's name for people."""
    return spell_tag(ref) if kind == "snapshot" else _inner_name(ref)


def _inner_name(ref: str) -> str:
    """A ref's name without its namespace."""
    namespace = next((namespace for namespace in _KINDS if ref.startswith(namespace)), "")
    return ref.removeprefix(namespace)


def _owners(refs: Sequence[str]) -> list[str | None]:
    """The model that each ref belongs to: a derived one by its prefix, its branch by the name of that."""
    prefixes = {_prefix(ref) for ref in refs} - {ROOT, None}
    branches = {f"{_HEADS}{prefix}": prefix for prefix in prefixes}
    return [branches.get(ref) or _prefix(ref) for ref in refs]


def _prefix(ref: str) -> str | None:
    """The prefix of a tag or a state; no branch has one."""
    if ref.startswith(_HEADS):
        return ROOT
    if ref.startswith(tuple(_KINDS)):
        return _inner_name(ref).rpartition("/")[0]
    return None


def _beside_packs(objects: ObjectDatabase) -> int:
    """The bytes of what stands beside the packs: indexes, keep files, bitmaps, leftovers."""
    own = {pack.path for pack in objects.own_packs}
    found = (objects.directory / "pack").iterdir() if (objects.directory / "pack").is_dir() else iter(())
    return sum(path.stat().st_size for path in found if path.is_file() and path not in own)
