"""What storage costs, and who holds it.

Every ref is a holder of the objects that it reaches: a snapshot, a state, a branch. A detached HEAD is one,
too. An object's bytes are its bytes in its pack (git's `objectsize:disk`). If one holder has it, they are
that holder's *exclusive* bytes, and removing the holder frees them. If several have it, they are *shared*,
and each holder is *charged* an equal part. Charges are whole bytes, and add up to the bytes of all live
objects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.names import spell_tag
from gitstore.objects import prune
from gitstore.objects import walk as graph
from gitstore.objects.database import AbsentObject, ObjectDatabase
from gitstore.objects.walk import Node
from gitstore.packs import format as pack_format
from gitstore.packs import loose
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack
from gitstore.records import files
from gitstore.storage import allocation
from gitstore.storage.retry import retry_while_refs_change
from gitstore.text import counted

_KINDS = {
    "refs/tags/": "snapshot",
    "refs/states/": "state",
    "refs/heads/": "branch",
    "refs/records/": "record",
    "refs/aliases/": "alias",
}

_TAGS, _STATES, _HEADS, _HEAD = "refs/tags/", "refs/states/", "refs/heads/", "/HEAD"

ROOT = ""
"""The name of the root model among the models of a repository's usage."""


@dataclass(frozen=True)
class Holder:
    """A ref and its allocation, in bytes. `logical` are the bytes of its files when they are on disk.

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
    """The bytes that removing a whole model would free, and those that it is charged."""

    name: str | None
    exclusive: int
    charged: int


@dataclass(frozen=True)
class PackUse:
    """What the bytes of a pack file are for: `size` is the sum of the next four.

    `duplicate` are copies of objects that are counted in another pack; `overhead` is header and checksum. A
    pack that `is_linked` is also a pack of another repository, and takes its space on the disk once.
    """

    name: str
    size: int
    live: int
    dead: int
    duplicate: int
    overhead: int
    is_linked: bool


@dataclass(frozen=True)
class Usage:
    """The storage of a repository. `index` are bytes of the files beside the packs, `.idx` and others.

    `absent` counts the objects that a partial clone lacks. They take no bytes here, and their sizes are
    unknown.
    """

    holders: list[Holder]
    models: list[ModelUse]
    packs: list[PackUse]
    loose_live: int
    loose_dead: int
    index: int
    absent: int = 0

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={getattr(self, name)}" for name in ("live", "dead", "disk", "linked"))
        return f"Usage({sizes}, {counted(len(self.holders), 'holder')})"

    def only(self, ref: str) -> Usage:
        """Return the same with one holder, that of a ref, and its model."""
        holders = [holder for holder in self.holders if holder.ref == ref]
        names = {holder.model for holder in holders}
        models = [model for model in self.models if model.name in names]
        return replace(self, holders=holders, models=models)

    @property
    def live(self) -> int:
        """Bytes of all objects that something holds, each counted once."""
        return self.loose_live + sum(pack.live for pack in self.packs)

    @property
    def dead(self) -> int:
        """Bytes that gc frees: objects that nothing holds, and duplicates."""
        return self.loose_dead + sum(pack.dead + pack.duplicate for pack in self.packs)

    @property
    def linked(self) -> int:
        """Bytes of packs that another repository also has. They are part of `disk`."""
        return sum(pack.size for pack in self.packs if pack.is_linked)

    @property
    def disk(self) -> int:
        """Bytes of all packs, their indexes and loose objects."""
        return self.loose_live + self.loose_dead + self.index + sum(pack.size for pack in self.packs)


def measure(repository: Repository) -> Usage:
    """Measure the usage of a repository, all its models together. Reads trees, commits and loose objects.

    Raises `Corrupt` for damage that would make the sizes wrong: a missing object, a damaged loose object, a
    damaged index, or a pack that does not end where its index says.
    """
    return retry_while_refs_change(repository, lambda: _measure(repository))


def _measure(repository: Repository) -> Usage:
    objects = repository.objects
    objects.refresh()
    prune.check_indexes(objects)
    refs = [*_drop_state_heads(repository.refs.all()), *_list_detached(repository)]
    ends = {oid for parents in repository.shallow().values() for oid in parents}
    absent = {oid for oid in ends if oid not in objects}
    nodes = graph.sort_topologically(objects, [oid for _, oid in refs], absent=absent)
    copies = _Copies(objects, nodes.keys())
    subjects = _find_subjects(refs, nodes)
    owners = _find_owners([subjects.get(ref, ref) for ref, _ in refs])
    sizes, absent_objects = _measure_logical(objects, nodes)
    allocations = allocation.allocate(nodes, [oid for _, oid in refs], sizes=copies.size, groups=owners)
    holders = [
        Holder(kind, _name(kind, ref, subjects), ref, owner, sizes[oid], *allocated)
        for (ref, oid), owner, allocated in zip(refs, owners, allocations.by_root, strict=True)
        for kind in (_find_kind(objects, ref, oid),)
    ]
    charged: dict[str | None, int] = defaultdict(int)
    for holder in holders:
        charged[holder.model] += holder.charged
    owned = sorted(charged, key=lambda owner: (owner is None, owner or ROOT))
    models = [ModelUse(owner, allocations.exclusive_by_group[owner], charged[owner]) for owner in owned]
    return Usage(
        holders,
        models,
        copies.packs,
        copies.loose_live,
        copies.loose_dead,
        _measure_beside_packs(objects),
        absent_objects,
    )


def measure_exclusive(repository: Repository, refs: Collection[str], held: Collection[Oid]) -> dict[Oid, int]:
    """Return the objects that removing some refs frees, with the bytes of each; other refs hold `held`."""
    objects = repository.objects
    objects.refresh()
    roots = [oid for oid in map(repository.refs.get, refs) if oid is not None]
    exclusive = graph.walk(objects, roots, lambda oid: oid not in held)
    return {oid: size for oid in exclusive if (size := measure_on_disk(objects, oid)) is not None}


def _list_detached(repository: Repository) -> Iterator[tuple[str, Oid]]:
    """Yield the commits that working copies have checked out without a branch, as if HEAD were a ref."""
    for worktree in repository.worktrees():
        if worktree.detached is not None:
            yield f"HEAD of {worktree.directory}", worktree.detached


def _measure_logical(objects: ObjectDatabase, nodes: Mapping[Oid, Node]) -> tuple[dict[Oid, int], int]:
    """Return the bytes of the files below each object when they are on disk, without a commit's parents.

    What a partial clone lacks counts as nothing; also return how many objects that are.
    """
    sizes: dict[Oid, int] = {}
    absent = 0
    for oid in reversed(list(nodes)):
        kind, children = nodes[oid]
        if kind is Kind.BLOB:
            try:
                sizes[oid] = objects.size(oid)
            except AbsentObject:
                sizes[oid] = 0
                absent += 1
        else:
            counted = children if kind is Kind.TREE else children[:1]
            sizes[oid] = sum(map(sizes.__getitem__, counted))
    return sizes, absent


def measure_on_disk(objects: ObjectDatabase, oid: Oid) -> int | None:
    """Return the bytes of an object in the repository's own files; `None` if an alternate has it."""
    packed = objects.find(oid)
    if packed is not None:
        return packed.disk_size if packed.pack.path.parent == objects.directory / "pack" else None
    path = objects.loose_path(oid)
    own = path is not None and path.parent.parent == objects.directory
    return path.stat().st_size if path is not None and own else None


class _Copies:
    """The copy of each live object that is counted: the first pack's, else the loose one.

    `size` has the bytes of each copy. An object in an alternate costs nothing here, and has no size.
    """

    def __init__(self, objects: ObjectDatabase, live: Collection[bytes]) -> None:
        self.size: dict[bytes, int] = {}
        self.packs = [self._use(pack, live) for pack in objects.own_packs]
        self.loose_live = self.loose_dead = 0
        for oid, path in objects.list_loose():
            if oid in live and oid not in self.size:
                # The header alone does not show that a file is cut short.
                if not loose.is_sound(path, oid):
                    raise Corrupt(f"{path}: object {oid} is corrupt", loose.remedy(path))
                self.size[oid] = path.stat().st_size
                self.loose_live += self.size[oid]
            else:
                self.loose_dead += path.stat().st_size

    def _use(self, pack: Pack, live: Collection[bytes]) -> PackUse:
        """Find out what the bytes of one pack are for, after the packs before it."""
        alive = dead = duplicate = 0
        for oid, size in pack.disk_sizes():
            if oid not in live:
                dead += size
            elif oid in self.size:
                duplicate += size
            else:
                self.size[oid] = size
                alive += size
        overhead = pack_format.PACK_HEADER_SIZE + pack_format.TRAILER_SIZE
        return PackUse(pack.path.name, pack.size, alive, dead, duplicate, overhead, pack.is_linked)


def _drop_state_heads(refs: Iterable[tuple[str, Oid]]) -> Iterator[tuple[str, Oid]]:
    """Leave out refs called HEAD among the states, unless they alone hold something.

    In early development they were symbolic refs to the active state. A mirror made plain refs of them. They
    mean nothing, and would be charged like other holders.
    """
    listed = list(refs)
    held = {oid for ref, oid in listed if ref.startswith(_STATES) and not ref.endswith(_HEAD)}
    for ref, oid in listed:
        if not (ref.startswith(_STATES) and ref.endswith(_HEAD) and oid in held):
            yield ref, oid


def _find_subjects(refs: Sequence[tuple[str, Oid]], nodes: Mapping[Oid, Node]) -> dict[str, str]:
    """Return the snapshot or the state that each ref of a record's files is about, as a ref."""
    targets = {ref: target for ref, _ in refs if (target := files.find_target(ref)) is not None}
    holders: dict[Oid, str] = {}
    for ref, oid in refs if targets else ():
        holders.setdefault(oid, ref)
        if ref.startswith(_STATES):
            holders.update(dict.fromkeys(nodes[oid].children, ref))
    for ref, oid in refs if targets else ():
        if ref.startswith(_TAGS) and nodes[oid].kind is Kind.TAG:  # its state, if that has no other name
            top = nodes[nodes[oid].children[0]].children[:1]
            for entry in nodes[top[0]].children if top else ():
                holders.setdefault(entry, ref)
    return {ref: holders[target] for ref, target in targets.items() if target in holders}


def _find_kind(objects: ObjectDatabase, ref: str, oid: Oid) -> str:
    """Return the kind of a ref. A tag is a snapshot only if its trailers say so."""
    if ref.startswith(_STATES) and ref.endswith(_HEAD):
        return "ref"  # HEAD cannot be the name of a state
    kind = next((kind for namespace, kind in _KINDS.items() if ref.startswith(namespace)), "ref")
    if kind == "snapshot":
        tag, content = objects.read_inner(oid)
        return kind if tag is Kind.TAG and b"\nGitstore-Format: " in content else "tag"
    return kind


def _name(kind: str, ref: str, subjects: Mapping[str, str]) -> str:
    """Return the name of a ref that people use. A record has that of its snapshot or state in front."""
    if ref in subjects:
        subject, record = subjects[ref], ref.rpartition("/")[2]
        name = spell_tag(subject) if subject.startswith(_TAGS) else _inner_name(subject)
        return name if name.rpartition("/")[2] == record else f"{name} {record}"
    return spell_tag(ref) if kind == "snapshot" else _inner_name(ref)


def _inner_name(ref: str) -> str:
    """Return the name of a ref without its namespace."""
    namespace = next((namespace for namespace in _KINDS if ref.startswith(namespace)), "")
    return ref.removeprefix(namespace)


def _find_owners(refs: Sequence[str]) -> list[str | None]:
    """Return the model of each ref: by the prefix of a tag or a state, or by the name of a branch."""
    prefixes = {_prefix(ref) for ref in refs} - {ROOT, None}
    branches = {f"{_HEADS}{prefix}": prefix for prefix in prefixes}
    return [branches.get(ref) or _prefix(ref) for ref in refs]


def _prefix(ref: str) -> str | None:
    """Return the prefix of a tag or a state. A branch has none."""
    if ref.startswith(_HEADS):
        return ROOT
    if ref.startswith(tuple(_KINDS)):
        return _inner_name(ref).rpartition("/")[0]
    return None


def _measure_beside_packs(objects: ObjectDatabase) -> int:
    """Return the bytes of the files beside the packs: indexes, keep files, bitmaps, leftovers."""
    own = {pack.path for pack in objects.own_packs}
    directory = objects.directory / "pack"
    files = directory.iterdir() if directory.is_dir() else iter(())
    return sum(path.stat().st_size for path in files if path.is_file() and path not in own)
