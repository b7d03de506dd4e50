"""Verifying snapshots: every object hashed again, and everything the tag says compared with what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from gitstore import settings
from gitstore.disk.cores import core_count
from gitstore.errors import BadSettings, Corrupt, GitstoreError
from gitstore.git.repository import Repository
from gitstore.git.verify_tag import Signature, Verdict
from gitstore.models import snapshot, trust
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
class Problem:
    """Something that is not as it should be. `oid` and `path` say where, if it is one object's fault."""

    message: str
    snapshots: tuple[str, ...]
    oid: Oid | None = None
    path: str | None = None

    def __str__(self) -> str:
        where = f" ({self.path})" if self.path else ""
        return f"{', '.join(self.snapshots)}: {self.message}{where}"


@dataclass(frozen=True)
class Report:
    """What was checked, and what was found. `signatures` has the snapshots whose tag is sound."""

    snapshots: tuple[str, ...]
    objects: int
    problems: tuple[Problem, ...]
    signatures: Mapping[str, Signature | None]


_LONGEST = 4096
"""Characters of a path that are told: of a tree of thousands of directories they would be millions."""

Tagged = tuple[str, Oid]
"""A tag's ref, and the tag."""


def snapshots(repository: Repository, namespace: str, *, below: bool) -> list[Tagged]:
    """The annotated tags right in a namespace such as `refs/tags/`, or anywhere below it.

    Refs that cannot be read are left out: `damaged` has them.
    """
    found = repository.refs.list_below(namespace).refs
    return [
        (ref, oid)
        for ref, oid in found.items()
        if (below or "/" not in ref.removeprefix(namespace)) and _may_be_snapshot(repository, oid)
    ]


def damaged(repository: Repository, namespace: str, *, below: bool) -> list[str]:
    """The refs in a namespace that cannot be read, likewise; a line each, with what to do."""
    return [
        f"{each.message}; {each.hint}"
        for each in repository.refs.list_below(namespace).damaged
        if below or "/" not in each.ref.removeprefix(namespace)
    ]


def _may_be_snapshot(repository: Repository, oid: Oid) -> bool:
    """Whether a tag says it is a snapshot, or cannot be read to tell."""
    try:
        kind, content = repository.objects.read_inner(oid)
    except Corrupt:
        return True
    return kind is Kind.TAG and b"\nGitstore-Format: " in content


def verify(
    repository: Repository,
    tags: Iterable[Tagged],
    progress: Progress = lambda _: None,
    *,
    expect: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check snapshots by their tags: their objects, shape and settings, and what their tags say of them.

    Reads every object once, on all cores, and writes nothing. What is broken is in the report, with
    every snapshot of the repository that it hits; so is a bad signature, but not one of an unknown
    signer. `expect` hears how many objects there are, `progress` of each.
    """
    tags = list(tags)
    inner: dict[Oid, str] = {}
    contents = {ref: _Contents.of(repository.objects, oid) for ref, oid in tags}
    paths = {oid: path for content in contents.values() for oid, path in content.paths.items()}
    for content in contents.values():
        inner.update(content.broken)
    unread = paths.keys() - inner.keys()
    expect(len(unread))
    broken = inner | _broken(repository.objects, unread, progress)
    hit = _hits(repository, broken.keys()) if broken else {}
    problems = [Problem(message, tuple(hit[oid]), oid, paths.get(oid)) for oid, message in broken.items()]
    for ref, oid in tags:
        if not contents[ref].paths.keys() & broken.keys():
            problems += [
                Problem(message, (spell_tag(ref),)) for message in _disagreements(repository, ref, oid)
            ]
    signed = signatures.of(repository, [oid for _, oid in tags if oid not in broken])
    found = {spell_tag(ref): signed[oid] for ref, oid in tags if oid in signed}
    problems += [
        Problem(signatures.told(each), (name,))
        for name, each in found.items()
        if each is not None and each.verdict is Verdict.BAD
    ]
    left = [(ref, oid) for ref, oid in tags if not (problems and snapshot.is_gone(repository, ref, oid))]
    if len(left) < len(tags):
        return verify(repository, left)  # removed since they were listed, perhaps with their objects
    return Report(tuple(spell_tag(ref) for ref, _ in tags), len(paths), tuple(problems), found)


@dataclass(frozen=True)
class _Contents:
    """The objects of a snapshot, with their paths in it, and those met on the way that cannot be read."""

    paths: dict[Oid, str]
    broken: dict[Oid, str]

    @classmethod
    def of(cls, objects: ObjectDatabase, tag: Oid) -> _Contents:
        """Tag, commit and everything in its tree; not the commits before, which are the branch's."""
        found = cls({tag: "the tag"}, {})
        stack = [tag]
        while stack:
            oid = stack.pop()
            try:
                references = graph.references(objects, oid)
            except (BrokenObject, MissingObject) as error:
                found.broken[oid] = error.message
                continue
            if found.paths[oid] == "the commit":
                references = references[:1]  # the tree; the rest are parents
            for each in references:
                if each.oid not in found.paths:
                    found.paths[each.oid] = _path(found.paths[oid], each.name.decode("utf-8", "replace"))
                    if not each.is_leaf:
                        stack.append(each.oid)
        return found


def _path(parent: str, name: str) -> str:
    """What to call an object: the tag's commit, the commit's tree, or a path in the tree."""
    steps = {"the tag": "the commit", "the commit": "the tree", "the tree": name}
    if parent in steps:
        return steps[parent]
    return f"{parent if len(parent) < _LONGEST else '…'}/{name}"


def _broken(objects: ObjectDatabase, oids: Iterable[Oid], progress: Progress) -> dict[Oid, str]:
    """Those of the objects that do not hash to their id, or cannot be read, and why."""

    def check(oid: Oid) -> tuple[Oid, str | None]:
        try:
            objects.check(oid)
        except (BrokenObject, MissingObject) as error:
            return oid, error.message
        finally:
            progress(1)
        return oid, None

    with ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-verify") as pool:
        return {oid: why for oid, why in pool.map(check, oids) if why is not None}


def _hits(repository: Repository, broken: Iterable[Oid]) -> dict[Oid, list[str]]:
    """The snapshots of the repository, of whatever model, that hold each of the objects."""
    hit: dict[Oid, list[str]] = {oid: [] for oid in broken}
    for ref, tag in repository.refs.list_below("refs/tags/").refs.items():
        for oid in _Contents.of(repository.objects, tag).paths.keys() & hit.keys():
            hit[oid].append(spell_tag(ref))
    return hit


def _disagreements(repository: Repository, ref: str, oid: Oid) -> list[str]:
    """What the tag says of a sound snapshot that is not so."""
    wrong: list[str] = []
    try:
        found = snapshot.parse(repository, ref, oid)
        if found is None:
            return ["is a tag, but no snapshot"]
        wrong += trust.tag_problems(found)
        export.files(found)
        content = settings.parse(found.settings_content, f"{found.name}:{SETTINGS}")
        wrong += trust.settings_problems(found, content)
        wrong += _wrong_base(found, content)
    except BadSettings as error:
        wrong += error.problems
    except GitstoreError as error:
        wrong.append(error.message)
    return wrong


def _wrong_base(found: Snapshot, content: Settings) -> list[str]:
    base = content.based_on
    if base is None or base.detached:
        return []
    top = found.repository.commit(Oid.parse(base.commit)).tree
    code = find_tree(found.repository.objects, top, PurePosixPath(CODE))
    return [] if code == found.code else [f"its {CODE}/ is not that of its base {base.full_name}"]
