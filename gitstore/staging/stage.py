"""Storing the working copy's code as git would commit it, without changing branch, index or files.

git decides what it ignores and how its attributes convert a file. gitstore does the rest: it walks over the
files and reads them in pieces, straight into a write. If git would store other bytes than those on disk, a
snapshot refuses the file or warns.
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
"""Called with the size of the code in bytes before any of it is read. May raise."""

_STREAMED = 4 * 1024 * 1024
"""Files of this size and more are read in pieces."""


@dataclass(frozen=True)
class Staged:
    """The code directory as git would commit it: its tree, its bytes, and the mode and id of each file.

    `warnings` say which files differ from the disk, or will differ after a checkout. `scanned` has the files
    as they were listed before any was read; `None` for code that was not on disk.
    """

    tree: Oid
    size: int
    files: dict[PurePosixPath, FileEntry]
    warnings: tuple[GitstoreError, ...] = ()
    scanned: WorkingFiles | None = field(default=None, compare=False)


def stage_code(
    repository: Repository,
    writer: ObjectWriter,
    code: PurePosixPath,
    *,
    check_size: CheckSize = lambda _: None,
) -> Staged:
    """Add the code directory to a write, as it is on disk: with uncommitted edits, without ignored files.

    At the top of the repository, code is everything except settings.yaml, packages.lock and states/.
    Raises `GitstoreError` if there is no code, if a file cannot be read or changes meanwhile, for what a
    snapshot cannot hold (a nested repository, a link that leads out of the directory, a name that git
    refuses), and for a file that a filter changes or that git would not check out unchanged.
    """
    scanned = scan(repository, code)
    if not scanned.files and not scanned.sparse:
        if not scanned.directory.is_dir():
            raise GitstoreError(f"{repository.directory / code} does not exist, so there is no code to store")
        raise GitstoreError(f"{repository.directory / code} has no files, or git ignores all of them")
    code_rules.check_files(scanned)
    check_size(scanned.size)
    scanned.settle()
    raw = _read_files(scanned, writer)
    with _find_conversions(scanned, raw, writer) as converted:
        code_rules.check_conversions(scanned, converted)
        files = _merge_entries(scanned, raw, converted)
    warnings = tuple(code_rules.list_warnings(scanned, converted))
    return Staged(_add_trees(files, writer, at=code), scanned.size, files, warnings, scanned)


def list_code(
    repository: Repository,
    code: PurePosixPath,
    ignored: Iterable[PurePosixPath] = (),
    *,
    check_size: CheckSize = lambda _: None,
) -> dict[PurePosixPath, FileEntry]:
    """Return the mode and id of each file of the code directory as git would commit it. Stores nothing.

    Files in `ignored` are included. Raises `GitstoreError` for a nested repository, and for files that cannot
    be read.
    """
    scanned = scan(repository, code, ignored)
    check_size(scanned.size)
    with ObjectHasher(repository.objects) as hasher:
        raw = _read_files(scanned, hasher)
        with _find_conversions(scanned, raw, None) as converted:
            return _merge_entries(scanned, raw, converted)


def add_code_tree(
    repository: Repository, code: PurePosixPath, objects: Path, *, check_size: CheckSize = lambda _: None
) -> Oid | None:
    """Add the code directory to a quarantine's objects as git would commit it, and return its tree.

    Returns `None` if there is no code. What a snapshot would refuse is included, except nested repositories:
    for them, and for files that cannot be read, it raises `GitstoreError`.
    """
    scanned = scan(repository, code)
    if not scanned.files and not scanned.sparse:
        return None
    check_size(scanned.size)
    with ObjectWriter(repository.objects, objects / "pack") as writer:
        raw = _read_files(scanned, writer)
        with _find_conversions(scanned, raw, writer) as converted:
            oid = _add_trees(_merge_entries(scanned, raw, converted), writer, at=code)
        writer.finish()
    return oid


def _read_files(scanned: WorkingFiles, writer: ObjectHasher) -> dict[PurePosixPath, FileEntry]:
    """Add all files as they are on disk, and return the mode and id of each."""
    raw: dict[PurePosixPath, FileEntry] = {}

    def note(path: PurePosixPath, mode: int, oid: Oid) -> None:
        raw[path] = mode, oid

    for path, file in scanned.files.items():
        on_added = partial(note, path, file.mode)
        try:
            _read_file(scanned.directory / path, file, writer=writer, on_added=on_added)
        except FileNotFoundError as error:
            raise FileChanged(scanned.directory / path) from error
        except OSError as error:
            raise unreadable(scanned.at / path, error) from error
    writer.settle()
    return raw


def _read_file(
    path: Path, file: WorkingFile, *, writer: ObjectHasher, on_added: Callable[[Oid], None]
) -> None:
    if path.is_symlink():
        content = os.fsencode(path.readlink())
        if Stamp.of(path.lstat()) != file.stamp:
            raise FileChanged(path)
        writer.add_blob(content, on_added, read_back=True)
        return
    with FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise FileChanged(path)
        mapped_writes.flush(opened.fileno())  # so that later writes through a map show in the stamp, too
        size = file.stamp.size
        if size >= _STREAMED:
            on_added(writer.add_file(opened, size=size, path=path))
        else:
            content = opened.read(size + 1)  # one byte more shows that a file has grown
            if len(content) != size:
                raise FileChanged(path)
            writer.add_blob(content, on_added, read_back=True)
        if Stamp.of(os.fstat(opened.fileno())) != file.stamp:
            raise FileChanged(path)


@contextmanager
def _find_conversions(
    scanned: WorkingFiles, raw: Mapping[PurePosixPath, FileEntry], writer: ObjectWriter | None
) -> Iterator[dict[PurePosixPath, Conversion]]:
    """Find the files that git would store in another form. After the block, their blobs are in the write."""
    rules = conversion.read_rules(scanned, raw)
    if not rules:
        yield {}
        return
    with quarantine(scanned.repository) as (objects, variables):
        converted = conversion.find_conversions(scanned, raw, rules, objects=objects, variables=variables)
        yield converted
        blobs = ObjectDatabase(objects)
        for file in converted.values():
            if writer is not None and file.stored != file.raw and file.stored in blobs:
                writer.add(*blobs.read(file.stored, at_most=blobs.size(file.stored)))


def _merge_entries(
    scanned: WorkingFiles,
    raw: Mapping[PurePosixPath, FileEntry],
    converted: Mapping[PurePosixPath, Conversion],
) -> dict[PurePosixPath, FileEntry]:
    entries = {
        path: (mode, converted[path].stored if path in converted else oid)
        for path, (mode, oid) in raw.items()
    }
    return entries | scanned.sparse


def _add_trees(files: Mapping[PurePosixPath, FileEntry], writer: ObjectWriter, *, at: PurePosixPath) -> Oid:
    """Add the trees of files below the directory `at`, and return the outermost."""
    entries = []
    below: dict[str, dict[PurePosixPath, FileEntry]] = defaultdict(dict)
    for path, (mode, oid) in files.items():
        if len(path.parts) > 1:
            below[path.parts[0]][PurePosixPath(*path.parts[1:])] = mode, oid
        else:
            entries.append(TreeEntry(mode, os.fsencode(path.name), oid))
    for name, inner in below.items():
        entries.append(TreeEntry(Mode.TREE, os.fsencode(name), _add_trees(inner, writer, at=at / name)))
    return writer.add(Kind.TREE, tree.encode(entries), path=at)


@contextmanager
def quarantine(repository: Repository, *lenders: Repository) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Make a directory for new objects, and the environment that makes git use it, with a separate index.

    git also reads the objects of the repository and of `lenders`. The block's end removes the directory.
    """
    with directories.scratch(repository.private, "stage") as directory:
        objects = directory / "objects"
        objects.mkdir()
        yield (
            objects,
            {
                "GIT_INDEX_FILE": str(directory / "index"),
                "GIT_OBJECT_DIRECTORY": str(objects),
                **borrow_objects(repository, *lenders),
            },
        )


@contextmanager
def copied_index(repository: Repository) -> Iterator[Mapping[str, str]]:
    """Make a copy of the index by which git reads every file, and the environment that makes git use it."""
    with directories.scratch(repository.private, "stage") as directory:
        _copy_index(repository, directory / "index")
        yield {"GIT_INDEX_FILE": str(directory / "index")}


def _copy_index(repository: Repository, index: Path) -> None:
    """Copy the index without the marks that make git skip a file (git-update-index(1)).

    Files that a sparse checkout leaves out stay marked: they are not on disk.
    """
    try:
        # With its times: git compares them with those of the files to decide which ones to read.
        shutil.copy2(repository.git_directory / "index", index)
    except FileNotFoundError:
        return
    variables = {"GIT_INDEX_FILE": str(index)}
    listed = repository.git("ls-files", "-v", "-z", variables=variables).split(b"\0")[:-1]
    assumed = [line[2:] for line in listed if line[:1].islower()]
    skipped = [line[2:] for line in listed if line[:1] in b"Ss" and _is_on_disk(repository, line[2:])]
    for option, paths in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if paths:
            names = b"".join(path + b"\0" for path in paths)
            repository.git("update-index", option, "-z", "--stdin", stdin=names, variables=variables)


def _is_on_disk(repository: Repository, path: bytes) -> bool:
    return os.path.lexists(repository.directory / os.fsdecode(path))


def borrow_objects(*repositories: Repository) -> dict[str, str]:
    """Return the environment that makes git read objects of these repositories, too."""
    directories = (_quote(repository.common / "objects") for repository in repositories)
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(directories)}


def _quote(path: Path) -> str:
    """Quote a path for GIT_ALTERNATE_OBJECT_DIRECTORIES, where a colon is a separator, as git(1) says."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
