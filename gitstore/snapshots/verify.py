"""Verifying snapshots: hash every object again, and compare what the tag says with the objects.

The rest of a repository is checked by `storage.check`. Nothing is written or repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from gitstore import settings
from gitstore.disk.cores import core_count
from gitstore.disk.memory import keep_freed_memory
from gitstore.errors import BadSettings, Corrupt, GitstoreError
from gitstore.git.refs import RefListing
from gitstore.git.repository import Repository
from gitstore.git.verify_tag import Signature, Verdict
from gitstore.models import snapshot as snapshots
from gitstore.models import trust
from gitstore.models.model import CODE, SETTINGS
from gitstore.models.snapshot import Snapshot
from gitstore.names import spell_tag
from gitstore.objects import walk as graph
from gitstore.objects.database import BrokenObject, MissingObject, ObjectDatabase
from gitstore.objects.paths import find_tree
from gitstore.packs.oid import Kind, Oid
from gitstore.progress import Progress
from gitstore.settings import Settings
from gitstore.snapshots import export, signatures


@dataclass(frozen=True)
class SnapshotProblem:
    """What is wrong with some snapshots. `oid` and `path` are the object's that is damaged or missing.

    They are `None` if the objects are undamaged, but do not fit together.
    """

    message: str
    snapshots: tuple[str, ...]
    oid: Oid | None = None
    path: str | None = None

    def __str__(self) -> str:
        where = f" ({self.path})" if self.path else ""
        return f"{', '.join(self.snapshots)}: {self.message}{where}"


@dataclass(frozen=True)
class Report:
    """The snapshots that were checked, the number of their objects, and the problems.

    `signatures` has those snapshots whose tag is undamaged.
    """

    snapshots: tuple[str, ...]
    objects: int
    problems: tuple[SnapshotProblem, ...]
    signatures: Mapping[str, Signature | None]


_MAX_PATH = 4096
"""Characters of a path in a report. A chain of thousands of directories would have millions of them."""

Tagged = tuple[str, Oid]
"""A tag's ref, and the tag."""


def list_tags(repository: Repository, namespace: str, *, below: bool) -> list[Tagged]:
    """List the snapshots' tags directly in a namespace such as `refs/tags/`, or anywhere `below` it.

    A tag that cannot be read may be a snapshot's, so it is listed. A ref that cannot be read is not:
    `list_damaged_refs` has it.
    """
    listing = _list_refs(repository, namespace, below=below)
    return [(ref, oid) for ref, oid in listing.refs.items() if _may_be_snapshot(repository, oid)]


def list_damaged_refs(repository: Repository, namespace: str, *, below: bool) -> list[str]:
    """List the refs in a namespace that cannot be read: a line for each, with a hint."""
    damaged = _list_refs(repository, namespace, below=below).damaged
    return [f"{error.message}; {error.hint}" for error in damaged]


def _list_refs(repository: Repository, namespace: str, *, below: bool) -> RefListing:
    listing = repository.refs.list_below(namespace)
    return listing if below else listing.directly_in(namespace)


def _may_be_snapshot(repository: Repository, oid: Oid) -> bool:
    """Whether a tag says that it is a snapshot, or cannot be read."""
    try:
        kind, content = repository.objects.read_inner(oid)
    except Corrupt:
        return True
    return kind is Kind.TAG and b"\nGitstore-Format: " in content


def verify(
    repository: Repository,
    tags: Sequence[Tagged],
    *,
    expect: Callable[[int], None] = lambda _: None,
    progress: Progress = lambda _: None,
) -> Report:
    """Check snapshots by their tags: objects, shape and settings, and whether the tags agree with them.

    Reads every object once, on all cores. What a partial clone lacks is fetched first. The report names each
    damaged or missing object, and every snapshot of the repository that has it. A bad signature is a problem,
    an unknown signer is not. `expect` is called once with the number of objects, `progress` with 1 for each
    of them.
    """
    contents = {ref: _Contents.read(repository.objects, oid) for ref, oid in tags}
    paths = {oid: path for content in contents.values() for oid, path in content.paths.items()}
    unreadable = {oid: why for content in contents.values() for oid, why in content.broken.items()}
    unread = paths.keys() - unreadable.keys()
    repository.objects.provide(unread)
    expect(len(unread))
    broken = unreadable | _check_objects(repository.objects, unread, progress)
    holders = _find_holders(repository, broken.keys()) if broken else {}
    problems = [
        SnapshotProblem(message, tuple(holders[oid]), oid, paths.get(oid)) for oid, message in broken.items()
    ]
    for ref, oid in tags:
        if not contents[ref].paths.keys() & broken.keys():
            problems += [
                SnapshotProblem(message, (spell_tag(ref),))
                for message in _find_contradictions(repository, ref, oid)
            ]
    by_tag = signatures.check_tags(repository, [oid for _, oid in tags if oid not in broken])
    by_name = {spell_tag(ref): by_tag[oid] for ref, oid in tags if oid in by_tag}
    problems += _find_bad_signatures(by_name)
    remaining = [tag for tag in tags if not (problems and snapshots.is_tag_gone(repository, *tag))]
    if len(remaining) < len(tags):
        return verify(repository, remaining)  # the others were removed meanwhile, perhaps with their objects
    return Report(tuple(spell_tag(ref) for ref, _ in tags), len(paths), tuple(problems), by_name)


def _find_bad_signatures(by_name: Mapping[str, Signature | None]) -> Iterator[SnapshotProblem]:
    for name, signature in by_name.items():
        if signature is not None and signature.verdict is Verdict.BAD:
            yield SnapshotProblem(signatures.describe(signature), (name,))


@dataclass(frozen=True)
class _Contents:
    """The objects of a snapshot with their paths in it. `broken` says why some of them cannot be read."""

    paths: dict[Oid, str]
    broken: dict[Oid, str]

    @classmethod
    def read(cls, objects: ObjectDatabase, tag: Oid) -> _Contents:
        """Read a tag, its commit and everything in its tree. The commit's parents belong to the branch."""
        contents = cls({tag: "the tag"}, {})
        stack = [tag]
        while stack:
            oid = stack.pop()
            try:
                references = graph.list_references(objects, oid)
            except (BrokenObject, MissingObject) as error:
                contents.broken[oid] = error.message
                continue
            if contents.paths[oid] == "the commit":
                references = references[:1]  # the tree; the rest are parents
            for reference in references:
                if reference.oid not in contents.paths:
                    name = reference.name.decode("utf-8", "replace")
                    contents.paths[reference.oid] = _join(contents.paths[oid], name)
                    if not reference.is_leaf:
                        stack.append(reference.oid)
        return contents


def _join(parent: str, name: str) -> str:
    """Return what a message calls an object: the tag's commit, the commit's tree, or a path in the tree."""
    steps = {"the tag": "the commit", "the commit": "the tree", "the tree": name}
    if parent in steps:
        return steps[parent]
    return f"{parent if len(parent) < _MAX_PATH else '…'}/{name}"


def _check_objects(objects: ObjectDatabase, oids: Iterable[Oid], progress: Progress) -> dict[Oid, str]:
    """Return those of the objects that cannot be read or do not hash to their id, and why."""

    def check(oid: Oid) -> tuple[Oid, str | None]:
        try:
            objects.check(oid)
        except (BrokenObject, MissingObject) as error:
            return oid, error.message
        finally:
            progress(1)
        return oid, None

    keep_freed_memory()
    with ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-verify") as pool:
        return {oid: why for oid, why in pool.map(check, oids) if why is not None}


def _find_holders(repository: Repository, broken: Iterable[Oid]) -> dict[Oid, list[str]]:
    """Find the snapshots of all models in the repository that have each of the objects."""
    holders: dict[Oid, list[str]] = {oid: [] for oid in broken}
    for ref, tag in repository.refs.list_below("refs/tags/").refs.items():
        for oid in _Contents.read(repository.objects, tag).paths.keys() & holders.keys():
            holders[oid].append(spell_tag(ref))
    return holders


def _find_contradictions(repository: Repository, ref: str, oid: Oid) -> list[str]:
    """Find what a tag says of its snapshot, whose objects are undamaged, that is not so."""
    problems: list[str] = []
    try:
        snapshot = snapshots.read_unchecked(repository, ref, oid)
        if snapshot is None:
            return ["is a tag, but not a snapshot"]
        problems += trust.find_tag_problems(snapshot)
        _check_parts(snapshot)
        content = settings.parse(snapshot.settings_content, f"{snapshot.name}:{SETTINGS}")
        problems += trust.find_settings_problems(snapshot, content)
        problems += _compare_with_base(snapshot, content)
    except BadSettings as error:
        problems += error.problems
    except GitstoreError as error:
        problems.append(error.message)
    return problems


def _check_parts(snapshot: Snapshot) -> None:
    """Raise `Corrupt` unless an export can read every file: undamaged blobs may still be no parts of one."""
    in_parts = {file.entry: file for file in export.list_files(snapshot) if file.is_in_parts}
    for file in in_parts.values():
        file.part_sizes(snapshot.repository.objects)


def _compare_with_base(snapshot: Snapshot, content: Settings) -> list[str]:
    base = content.based_on
    if base is None or base.detached:
        return []
    top = snapshot.repository.commit(Oid.parse(base.commit)).tree
    code = find_tree(snapshot.repository.objects, top, PurePosixPath(CODE))
    return trust.find_base_problems(snapshot, content, code)
