"""Removing snapshots of a remote: what that frees there, as far as it can be known, and the removal.

Stock git deletes the tags, and the files of their records. Each ref goes only if it still is what was seen.
A host that refuses may have a way of its own, of which the caller knows (`store/client/` for a store).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gitstore.errors import Corrupt, GitstoreError
from gitstore.git.process import GitFailed
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import alias
from gitstore.names import spell_tag
from gitstore.packs.oid import Oid
from gitstore.records import files
from gitstore.storage.usage import measure_on_disk
from gitstore.transfer import wire
from gitstore.transfer.elsewhere.place import RemotePlace
from gitstore.transfer.remotes import Remote, list_refs
from gitstore.transfer.wire import PushRefused, RefSpec

_TRACKED = "refs/remotes/"

RemoveTags = Callable[[Sequence[str]], Iterator[str]]
"""Removes tags of a remote in the host's own way, with what belongs to them, and yields each that is gone.
Raises `GitstoreError`."""

FindRemoveTags = Callable[[PushRefused], RemoveTags | None]
"""Returns how a host that has refused a push removes tags; `None` if nothing is known of it."""


class HasAliasesThere(GitstoreError):
    """A snapshot that was to be removed in a remote has an alias there."""


class PartlyRemoved(GitstoreError):
    """A host removed some of several snapshots, and then one could not be removed."""

    def __init__(self, removed: Sequence[str], remaining: Sequence[str], *, error: GitstoreError) -> None:
        names = ", ".join(map(spell_tag, removed))
        hint = error.hint or f"run it again for {', '.join(map(spell_tag, remaining))}"
        super().__init__(f"{error.message}; {names} had been removed by then", hint)
        self.removed = tuple(removed)
        self.remaining = tuple(remaining)

    def details(self) -> dict[str, Any]:
        return {
            "removed": [spell_tag(tag) for tag in self.removed],
            "remaining": [spell_tag(tag) for tag in self.remaining],
        }


@dataclass(frozen=True)
class RemoteRemoval:
    """What removing snapshots of a remote would do. `refs` are what it deletes, with their values there.

    `frees` are the bytes in packs here of what no other ref there needs; `None` if that cannot be known,
    because `unknown` refs there lead to objects that are not here. `aliases` are those there that lead to one
    of the snapshots, as far as their last moves are here.
    """

    repository: Repository
    remote: Remote
    tags: tuple[str, ...]
    refs: dict[str, Oid]
    frees: int | None
    unknown: int
    aliases: tuple[str, ...]

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
    aliases = tuple(_list_aliases(repository, theirs, targets))
    return RemoteRemoval(repository, remote, tuple(chosen), refs, frees, len(unknown), aliases)


def check_aliases(removal: RemoteRemoval) -> None:
    """Raise `HasAliasesThere` if an alias there leads to one of the snapshots."""
    if removal.aliases:
        raise HasAliasesThere(
            f"{removal.names} {'has' if len(removal.tags) == 1 else 'have'} the"
            f" {'alias' if len(removal.aliases) == 1 else 'aliases'} {', '.join(removal.aliases)}"
            f" in {removal.remote}",
            "--force removes the snapshot anyway, and then the alias leads nowhere",
        )


def remove_remotely(removal: RemoteRemoval, *, by_host: FindRemoveTags = lambda _: None) -> None:
    """Delete the tags there, all or none where the host can do that.

    If the host refuses, `by_host` may know how it removes tags, many in one call. Raises `PushRefused` if
    it does not, `PartlyRemoved`, what `by_host` and its answer raise, and `GitstoreError` if the host cannot
    be reached.
    """
    specs = [RefSpec(ref, is_deleted=True, expected=str(oid)) for ref, oid in removal.refs.items()]
    lines: list[str] = []  # a refusal that is no failure in the end is not shown
    try:
        wire.send(removal.repository, removal.remote, specs, on_line=lines.append)
    except PushRefused as refused:
        remove = by_host(refused)
        if remove is not None:
            _remove_by_host(removal, remove)
            return
        _log_lines(lines)
        raise
    _log_lines(lines)


def _log_lines(lines: Iterable[str]) -> None:
    for line in lines:
        wire.log_line(line)


def _remove_by_host(removal: RemoteRemoval, remove: RemoveTags) -> None:
    """Let a host remove the tags in its own way."""
    removed: set[str] = set()
    try:
        for tag in remove(removal.tags):
            removed.add(tag)
    except GitstoreError as error:
        gone = _find_gone(removal, removed)
        _forget_tracked(removal, gone)
        remaining = [name for name in removal.tags if name not in gone]
        if not remaining:
            return  # the host did it, and only its answer was lost
        if len(remaining) == len(removal.tags):
            raise
        names = [name for name in removal.tags if name in gone]
        raise PartlyRemoved(names, remaining, error=error) from error
    _forget_tracked(removal, removal.refs.keys())


def _find_gone(removal: RemoteRemoval, removed: Set[str]) -> Set[str]:
    """Return the refs that are not there any more; if that cannot be asked now, those known as removed."""
    try:
        theirs = list_refs(removal.repository, removal.remote).refs
    except GitstoreError:
        return removed
    return {ref for ref, oid in removal.refs.items() if theirs.get(ref) != oid}


def _forget_tracked(removal: RemoteRemoval, refs: Iterable[str]) -> None:
    """Delete what a fetch has kept of refs that are gone there, as git push does for refs that it deletes."""
    repository, changes = removal.repository, dict[str, RefChange]()
    for value in repository.git_config.values(f"remote.{removal.remote.name}.fetch"):
        source, _, target = (value.text or "").removeprefix("+").partition(":")
        for ref in refs:
            tracked = _track(ref, source, target)
            if tracked is not None and (oid := repository.refs.get(tracked)) is not None:
                changes[tracked] = RefChange(tracked, oid, None)
    if changes:
        repository.refs.change(list(changes.values()), f"rm in {removal.remote}")


def _track(ref: str, source: str, target: str) -> str | None:
    """Return where a refspec of a fetch keeps a ref, if that is below refs/remotes/: gitglossary(7)."""
    head, star, tail = source.partition("*")
    middle = ref.removeprefix(head).removesuffix(tail)
    if ref != (f"{head}{middle}{tail}" if star else source) or not target.startswith(_TRACKED):
        return None
    return target.replace("*", middle) if star else target


def _list_aliases(repository: Repository, theirs: Mapping[str, Oid], targets: Set[Oid]) -> Iterator[str]:
    """Yield the aliases there that lead to one of these tags. One whose last move is not here is unknown."""
    for ref, tip in theirs.items():
        if ref.startswith(alias.PREFIX) and tip in repository.objects:
            with suppress(Corrupt):  # it is no alias of ours
                found = alias.read_alias(repository, ref, tip)
                if found.move.new.tag in targets:
                    yield found.short_name


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
