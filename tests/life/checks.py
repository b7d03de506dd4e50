"""Comparing a repository with what should exist."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.snapshots import export, verify
from gitstore.storage import usage
from tests.life.world import Files, Line, Taken, World
from tests.support.commands import Run, fsck, git

Refs = dict[str, str]


def refs(directory: Path) -> Refs:
    """Every ref, with its id and, of a symbolic one, where it leads."""
    listing = git("for-each-ref", "--format=%(refname) %(objectname) %(symref)", cwd=directory)
    return dict(line.split(" ", 1) for line in listing.splitlines())


def files(directory: Path) -> Files:
    """The files below a directory, by path from there."""
    found = {}
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, name) for name in names):
            found[str(path.relative_to(directory))] = path.read_bytes()
    return found


def look(world: World) -> None:
    """What is told at once, and cheaply: the files of each working copy, and the refs."""
    for model in world.models.values():
        check_files(model)
    check_refs(world, refs(world.root.directory))


def check(world: World, run: Run) -> None:
    """Everything that is to hold after each step, but for what `check_sharing` asks git."""
    look(world)
    repository = Repository.discover(world.root.directory)
    fsck(world.root.directory)
    check_exports(world, repository)
    check_lists(world, run)
    tags = verify.list_tags(repository, "refs/tags/", below=True)
    assert verify.verify(repository, tags).problems == ()
    check_usage(world, repository)


def check_files(model: Line) -> None:
    """The working copy is as it should be, and nothing lies around in it."""
    here = model.directory
    assert files(here / model.code_at) == model.code | model.ignored
    assert {path.name: files(path) for path in (here / "states").iterdir()} == model.disk
    assert (here / "settings.yaml").read_bytes() == model.settings
    allowed = {model.code_at, "states", "settings.yaml", ".git", ".gitignore"}
    assert {path.name for path in here.iterdir()} <= allowed


def check_refs(world: World, found: Refs) -> None:
    """There are the tags, the states and the branches that should be, and no others."""
    expected = {"refs/heads/main", *(f"refs/heads/{name}" for name in world.derived)}
    for model in world.models.values():
        expected |= {f"refs/tags/{model.prefix}{name}" for name in model.snapshots}
        expected |= {f"refs/states/{model.prefix}{name}" for name in model.saved}
    assert found.keys() == expected


def check_exports(world: World, repository: Repository) -> None:
    """Each snapshot exports to what was put in, and says what was said of it."""
    taken = {f"{model.prefix}{name}": each for model, name, each in world.snapshots()}
    with tempfile.TemporaryDirectory() as directory:
        for number, found in enumerate(snapshot.read_all_snapshots(repository)):
            expected = taken.pop(f"{found.prefix}{found.name}")
            export.export(found, Path(directory, str(number)))
            assert files(Path(directory, str(number))) == expected.exported()
            assert (found.tag.message, str(found.tag_oid)) == (expected.message, expected.tag)
    assert taken == {}


def check_lists(world: World, run: Run) -> None:
    """`list`, `models` and `state list` show what should exist, in the order that they promise."""
    expected = sorted(world.snapshots(), key=lambda each: (each[2].date, f"{each[0].prefix}{each[1]}"))
    assert _told(run, world.root, "list", "--all") == [
        (f"refs/tags/{model.prefix}{name}", model.name, taken.tag, _date(taken), _size(taken.exported()))
        for model, name, taken in expected
    ]
    for row, model in zip(_told(run, world.root, "models"), _in_order(world), strict=True):
        _check_model(world, model, row)
    for model in world.models.values():
        assert _told(run, model, "state", "list") == [
            (
                name,
                name == model.active,
                name in model.saved,
                model.on_disk(name) is not None,
                _is_modified(model, name),
                _size(model.current(name) or {}),
            )
            for name in sorted(model.states())
        ]


def _is_modified(model: Line, state: str) -> bool:
    found = model.on_disk(state)
    return found is not None and model.saved.get(state, found) != found


_COLUMNS = {
    "list": ("ref", "model", "tag", "date", "size"),
    "models": ("name", "base_name", "detached", "snapshots", "size", "state", "state_size", "directory"),
    "state": ("name", "active", "saved", "on_disk", "modified", "size"),
}


def _told(run: Run, model: Line, *command: str) -> list[Any]:
    outcome = run(*command, "--json", cwd=model.directory)
    assert (outcome.code, outcome.stderr) == (0, "")
    return [tuple(row[column] for column in _COLUMNS[command[0]]) for row in json.loads(outcome.stdout)]


def _in_order(world: World) -> list[Line]:
    return [world.root, *(world.derived[name] for name in sorted(world.derived))]


def _check_model(world: World, model: Line, row: tuple[Any, ...]) -> None:
    sizes = [_size(taken.exported()) for taken in model.snapshots.values()]
    saved = model.saved.get(model.active)
    assert row == (
        model.name,
        row[1] if row[1] in _called(world, model) else _called(world, model),
        model.base is not None and model.base.is_detached,
        len(sizes),
        sum(sizes),
        model.active,
        _size(saved) if saved is not None else None,
        str(model.directory),
    )


def _called(world: World, model: Line) -> set[str | None]:
    """What a model's base may be called, `None` if it was removed.

    Two snapshots of the same things, taken in one second, are one.
    """
    base = model.base
    if base is None:
        return {None}
    names = {f"{above.name}@{name}" for above, name, each in world.snapshots() if each.commit == base.commit}
    return {*names} or {None}


def _date(taken: Taken) -> str:
    return datetime.fromtimestamp(taken.date, UTC).isoformat()


def _size(found: Files) -> int:
    return sum(map(len, found.values()))


def check_usage(world: World, repository: Repository) -> None:
    """The bill adds up to the bytes on disk, and each holder's files to what was put in."""
    found, objects = usage.measure(repository), repository.common / "objects"
    for pack in found.packs:
        assert pack.size == (objects / "pack" / pack.name).stat().st_size
        assert pack.size == pack.live + pack.dead + pack.duplicate + pack.overhead
    assert len(found.packs) == len(list((objects / "pack").glob("*.pack")))
    assert found.disk == sum(path.stat().st_size for path in _stored(objects))
    assert sum(holder.charged for holder in found.holders) == found.live
    logical = {holder.ref: holder.logical for holder in found.holders}
    for model in world.models.values():
        for name, taken in model.snapshots.items():
            assert logical[f"refs/tags/{model.prefix}{name}"] == _size(taken.exported())
        for name, state in model.saved.items():
            assert logical[f"refs/states/{model.prefix}{name}"] == _size(state)


def _stored(objects: Path) -> list[Path]:
    """The files of packs and loose objects."""
    places = [objects / "pack", *(path for path in objects.iterdir() if len(path.name) == 2)]
    return [path for place in places if place.is_dir() for path in place.iterdir()]


def check_sharing(repository: Repository) -> None:
    """What each ref holds alone, and what with others, is what stock git lists for the refs one by one."""
    here, form = repository.directory, "--batch-check=%(objectname) %(objectsize:disk)"
    listing = git("cat-file", "--batch-all-objects", form, cwd=here)
    sizes = {oid: int(size) for oid, size in (line.split() for line in listing.splitlines())}
    holders = usage.measure(repository).holders
    held = [
        git("rev-list", "--objects", "--no-object-names", each.ref, cwd=here).splitlines() for each in holders
    ]
    count = Counter(oid for oids in held for oid in oids)
    for holder, oids in zip(holders, held, strict=True):
        alone = sum(sizes[oid] for oid in oids if count[oid] == 1)
        shared = sum(sizes[oid] for oid in oids if count[oid] > 1)
        differences = holder.exclusive - alone, holder.shared - shared
        assert all(each in _EMPTY_TREE for each in differences), f"{holder}, git has {alone} and {shared}"


_EMPTY_TREE = range(25)
"""Bytes by which git may be short: it knows this object without looking, and says that it has none."""


def check_copy(directory: Path, code: Files, state: Files) -> None:
    """A derived model's own repository is sound, and its snapshot has what it had when it was taken."""
    fsck(directory)
    repository = Repository.discover(directory)
    (found,) = snapshot.read_all_snapshots(repository)
    assert verify.verify(repository, [(found.ref, found.tag_oid)]).problems == ()
    with tempfile.TemporaryDirectory() as target:
        export.export(found, Path(target))
        assert files(Path(target, "code")) == code
        assert files(Path(target, "state")) == state


def remove_empty(directory: Path) -> None:
    """Remove a directory in which there are no files."""
    for folder, _, _ in os.walk(directory, topdown=False):
        Path(folder).rmdir()
