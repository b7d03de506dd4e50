"""The working copy's code as git would commit it, without touching branch, index or files.

Git says what it ignores, and what its attributes make of a file. All else is ours: a walk finds the
files, and they are read piece by piece, straight into a write. What git would store otherwise than
it is on disk, a snapshot refuses or tells.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from pathlib import Path, PurePosixPath

from gitstore.bigfiles.stat_cache import Stamp
from gitstore.bigfiles.stored import FileEntry
from gitstore.disk import directories, mapped_writes
from gitstore.errors import FileChanged, GitstoreError
from gitstore.git.repository import Repository
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectHasher, ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.staging import conversion
from gitstore.staging import rules as code_rules
from gitstore.staging.conversion import Conversion
from gitstore.staging.working_files import WorkingFile, WorkingFiles, scan, unreadable

CheckSize = Callable[[int], None]
"""Called with the bytes of the code before any of it is read; may raise."""

_STREAMED = 4 * 1024 * 1024
"""Files of this size are not read whole into memory."""


@dataclass(frozen=True)
class Staged:
    """The code directory as git would commit it: its tree, its bytes, and the mode and id of each file.

    `warnings` say where that is not what is on disk, or not what git gives back. `found` is what was
    listed before anything was read; `None` for code that was not on disk.
    """

    tree: Oid
    size: int
    files: dict[PurePosixPath, FileEntry]
    warnings: tuple[GitstoreError, ...] = ()
    found: WorkingFiles | None = field(default=None, compare=False)


def stage(
    repository: Repository,
    writer: ObjectWriter,
    code: PurePosixPath,
    *,
    check_size: CheckSize = lambda _: None,
) -> Staged:
    """Add the code directory to a write, as it is on disk: uncommitted edits are in, ignored files are not.

    At the top of the repository, code is all but settings.yaml, packages.lock and states/.
    Raises `GitstoreError` if there is no code, for what cannot be read or changes while it is read, for
    what a snapshot cannot hold (a nested repository, a link that leads out of the directory, a name that
    git refuses), and for a file that a filter changes or that git would not give back as it is.
    """
    found = scan(repository, code)
    if not found.files and not found.sparse:
        if not found.directory.is_dir():
            raise GitstoreError(f"{repository.directory / code} is not there, so there is no code to take")
        raise GitstoreError(f"{repository.directory / code} has no files that git does not ignore")
    code_rules.check(found)
    check_size(found.size)
    found.settle()
    raw = _read(found, writer)
    with _converted(found, raw, writer) as converted:
        code_rules.check_conversions(found, converted)
        files = _entries(found, raw, converted)
    warnings = tuple(code_rules.warnings(found, converted))
    return Staged(_add_trees(files, writer, code), found.size, files, warnings, found)


def listing(
    repository: Repository,
    code: PurePosixPath,
    ignored: Iterable[PurePosixPath] = (),
    *,
    check_size: CheckSize = lambda _: None,
) -> dict[PurePosixPath, FileEntry]:
    """The mode and id that each file of the code directory has, as git would commit it; adds nothing.

    Those `ignored` are told too, if they are there. Raises `GitstoreError` for a nested repository, and
    for what cannot be read.
    """
    found = scan(repository, code, ignored)
    check_size(found.size)
    with ObjectHasher(repository.objects) as hasher:
        raw = _read(found, hasher)
        with _converted(found, raw, None) as converted:
            return _entries(found, raw, converted)


def code_tree(
    repository: Repository, code: PurePosixPath, objects: Path, *, check_size: CheckSize = lambda _: None
) -> Oid | None:
    """In the objects of a quarantine, the tree as which git would commit the code directory.

    `None` if there is no code. What a snapshot could not hold is in, but nested repositories: for
    those, and for what cannot be read, it raises `GitstoreError`.
    """
    found = scan(repository, code)
    if not found.files and not found.sparse:
        return None
    check_size(found.size)
    with ObjectWriter(repository.objects, objects / "pack") as writer:
        raw = _read(found, writer)
        with _converted(found, raw, writer) as converted:
            oid = _add_trees(_entries(found, raw, converted), writer, code)
        writer.finish()
    return oid


def _read(found: WorkingFiles, writer: ObjectHasher) -> dict[PurePosixPath, FileEntry]:
    """Add all files as they are on disk; returns the mode and id of each."""
    raw: dict[PurePosixPath, FileEntry] = {}

    def note(path: PurePosixPath, mode: int, oid: Oid) -> None:
        raw[path] = mode, oid

    for path, file in found.files.items():
        then = partial(note, path, file.mode)
        try:
            _read_file(found.directory / path, file, writer, then)
        except FileNotFoundError as error:
            raise FileChanged(found.directory / path) from error
        except OSError as error:
            raise unreadable(found.at / path, error) from error
    writer.settle()
    return raw


def _read_file(path: Path, file: WorkingFile, writer: ObjectHasher, then: Callable[[Oid], None]) -> None:
    if path.is_symlink():
        content = os.fsencode(path.readlink())
        if Stamp.of(path.lstat()) != file.stamp:
            raise FileChanged(path)
        writer.add_blob(content, then, read_back=True)
        return
    with FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise FileChanged(path)
        mapped_writes.flush(opened.fileno())  # a page that is written to from now on shows in the stamp, too
        size = file.stamp.size
        if size >= _STREAMED:
            then(writer.add_file(opened, size=size, path=path))
        else:
            content = opened.read(size + 1)  # one more, so that a file that has grown shows
            if len(content) != size:
                raise FileChanged(path)
            writer.add_blob(content, then, read_back=True)
        if Stamp.of(os.fstat(opened.fileno())) != file.stamp:
            raise FileChanged(path)


@contextmanager
def _converted(
    found: WorkingFiles, raw: Mapping[PurePosixPath, FileEntry], writer: ObjectWriter | None
) -> Iterator[dict[PurePosixPath, Conversion]]:
    """What git would store otherwise; when the block ends well, those blobs are in the write."""
    rules = conversion.rules_of(found, raw)
    if not rules:
        yield {}
        return
    with quarantine(found.repository) as (objects, variables):
        converted = conversion.conversions(found, raw, rules, objects=objects, variables=variables)
        yield converted
        made = ObjectDatabase(objects)
        for each in converted.values():
            if writer is not None and each.stored != each.raw and each.stored in made:
                writer.add(*made.read(each.stored, at_most=made.size(each.stored)))


def _entries(
    found: WorkingFiles,
    raw: Mapping[PurePosixPath, FileEntry],
    converted: Mapping[PurePosixPath, Conversion],
) -> dict[PurePosixPath, FileEntry]:
    entries = {
        path: (mode, converted[path].stored if path in converted else oid)
        for path, (mode, oid) in raw.items()
    }
    return entries | found.sparse


def _add_trees(files: Mapping[PurePosixPath, FileEntry], writer: ObjectWriter, at: PurePosixPath) -> Oid:
    """Add the trees of files below the directory `at`; returns the outermost."""
    entries = []
    below: dict[str, dict[PurePosixPath, FileEntry]] = defaultdict(dict)
    for path, (mode, oid) in files.items():
        if len(path.parts) > 1:
            below[path.parts[0]][PurePosixPath(*path.parts[1:])] = mode, oid
        else:
            entries.append(TreeEntry(mode, os.fsencode(path.name), oid))
    for name, inner in below.items():
        entries.append(TreeEntry(Mode.TREE, os.fsencode(name), _add_trees(inner, writer, at / name)))
    return writer.add(Kind.TREE, tree.encode(entries), path=at)


@contextmanager
def quarantine(repository: Repository, *others: Repository) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A directory for new objects, and the environment in which git uses it, and an index of its own.

    git sees the objects of the repository, and of the others; what it makes is gone with the block.
    """
    with directories.scratch(repository.private, "stage") as directory:
        objects = directory / "objects"
        objects.mkdir()
        yield (
            objects,
            {
                "GIT_INDEX_FILE": str(directory / "index"),
                "GIT_OBJECT_DIRECTORY": str(objects),
                **borrowing(repository, *others),
            },
        )


@contextmanager
def copied_index(repository: Repository) -> Iterator[Mapping[str, str]]:
    """The environment that makes git use a copy of the index, by which it looks at every file there is."""
    with directories.scratch(repository.private, "stage") as directory:
        _copy_index(repository, directory / "index")
        yield {"GIT_INDEX_FILE": str(directory / "index")}


def _copy_index(repository: Repository, index: Path) -> None:
    """Copy the index, but for the marks by which git does not look at a file (git-update-index(1)).

    What a sparse checkout has left out stays marked: it is not there.
    """
    try:
        # With its times: git compares them with those of the files to tell which it must read.
        shutil.copy2(repository.git_directory / "index", index)
    except FileNotFoundError:
        return
    variables = {"GIT_INDEX_FILE": str(index)}
    listed = repository.git("ls-files", "-v", "-z", variables=variables).split(b"\0")[:-1]
    assumed = [line[2:] for line in listed if line[:1].islower()]
    skipped = [line[2:] for line in listed if line[:1] in b"Ss" and _is_there(repository, line[2:])]
    for option, paths in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if paths:
            names = b"".join(path + b"\0" for path in paths)
            repository.git("update-index", option, "-z", "--stdin", stdin=names, variables=variables)


def _is_there(repository: Repository, path: bytes) -> bool:
    return os.path.lexists(repository.directory / os.fsdecode(path))


def borrowing(*repositories: Repository) -> dict[str, str]:
    """The environment in which git reads objects of these repositories, too."""
    directories = (_quoted(each.common / "objects") for each in repositories)
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(directories)}


def _quoted(path: Path) -> str:
    """A path for GIT_ALTERNATE_OBJECT_DIRECTORIES, where a colon separates; git(1) has the quoting."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
