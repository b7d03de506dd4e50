"""Removing snapshots of a remote: what that frees there, as far as it can be known, and the removal.

Stock git deletes the tags, and the files of their records. Each ref goes only if it still is what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gitstore.errors import Corrupt
from gitstore.git.process import GitFailed
from gitstore.git.repository import Repository
from gitstore.names import spell_tag
from gitstore.packs.oid import Oid
from gitstore.records import files
from gitstore.storage.usage import measure_on_disk
from gitstore.transfer import wire
from gitstore.transfer.elsewhere.place import RemotePlace
from gitstore.transfer.remotes import Remote, list_refs
from gitstore.transfer.wire import PushRefused, RefSpec

RemoveByHost = Callable[[Remote, str], bool]
"""Asks a host to remove a tag in its own way. Returns whether it did."""


@dataclass(frozen=True)
class RemoteRemoval:
    """What removing snapshots of a remote would do. `refs` are what it deletes, with their values there.

    `frees` are the bytes in packs here of what no other ref there needs; `None` if that cannot be known,
    because `unknown` refs there lead to objects that are not here.
    """

    repository: Repository
    remote: Remote
    tags: tuple[str, ...]
    refs: dict[str, Oid]
    frees: int | None
    unknown: int

    @property
    def names(self) -> str:
        """The snapshots' names, for a message."""
        return ", ".join(map(spell_tag, self.tags))


def plan_remote_removal(repository: Repository, remote: Remote, names: Iterable[str]) -> RemoteRemoval:
    """Find the snapshots in a remote, and what removing them frees there.

    Raises `NoSuchSnapshot`, and `GitstoreError` if the remote cannot be read.
    """
    theirs = list_refs(repository, remote).refs
    tags = {ref: oid for ref, oid in theirs.items() if ref.startswith("refs/tags/")}
    chosen = dict.fromkeys(RemotePlace(remote, name, repository).find_ref(tags) for name in names)
    targets = {tags[ref] for ref in chosen}
    refs = {ref: oid for ref, oid in theirs.items() if ref in chosen or files.find_target(ref) in targets}
    rest = {oid for ref, oid in theirs.items() if ref not in refs}
    unknown = {oid for oid in {*rest, *refs.values()} if oid not in repository.objects}
    frees = _measure(repository, set(refs.values()), rest) if not unknown else None
    return RemoteRemoval(repository, remote, tuple(chosen), refs, frees, len(unknown))


def remove_remotely(removal: RemoteRemoval, *, by_host: RemoveByHost = lambda *_: False) -> None:
    """Delete the tags there, all or none where the host can do that.

    A host that refuses is asked by `by_host`, tag by tag. Raises `PushRefused` if it will not, and
    `GitstoreError` if it cannot be reached.
    """
    specs = [RefSpec(ref, is_deleted=True, expected=str(oid)) for ref, oid in removal.refs.items()]
    try:
        wire.send(removal.repository, removal.remote, specs)
    except PushRefused:
        if not all(by_host(removal.remote, tag) for tag in removal.tags):
            raise


def _measure(repository: Repository, removed: set[Oid], rest: set[Oid]) -> int | None:
    """Return the bytes here of what some objects need and others do not; `None` if that is not known."""
    try:
        freed = _list_closure(repository, removed) - _list_closure(repository, rest)
    except (GitFailed, Corrupt):
        return None
    sizes = [measure_on_disk(repository.objects, oid) for oid in freed]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _list_closure(repository: Repository, oids: Iterable[Oid]) -> set[Oid]:
    """List what some objects need. What a partial clone lacks is listed, too."""
    roots: Sequence[str] = [f"{oid}\n" for oid in oids]
    if not roots:
        return set()
    arguments = ("rev-list", "--objects", "--no-object-names", "--missing=print", "--stdin")
    listed = repository.git(*arguments, stdin="".join(roots).encode())
    return {Oid.parse(line.decode().removeprefix("?")) for line in listed.split()}
