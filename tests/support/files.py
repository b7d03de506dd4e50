"""Directories of files: making them, reading them back, and any that hypothesis thinks of."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import strategies as st

from gitstore.bigfiles import add as files
from gitstore.bigfiles import scan
from gitstore.bigfiles.extract import extract_files
from gitstore.bigfiles.stat_cache import StatCache
from gitstore.bigfiles.stored import list_files
from gitstore.disk.construction import construction
from gitstore.git.repository import Repository
from gitstore.objects.tree import name_problem
from gitstore.packs.oid import Oid
from tests.support.commands import git

Tree = dict[bytes, "bytes | Tree"]

names = (
    st.one_of(
        st.binary(min_size=1, max_size=20),
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).map(lambda text: text.encode()),
        st.sampled_from([b" ", b"a b", b"a\nb", b"-x", b"\xff", b"a\\b", b"...", b"\xc3\xa9", b"e\xcc\x81"]),
    )
    .map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
    .filter(lambda name: name_problem(name) is None and not name.endswith(b".parts"))
)

trees = st.recursive(
    st.dictionaries(names, st.binary(max_size=50), max_size=4),
    lambda inner: st.dictionaries(names, st.one_of(st.binary(max_size=50), inner), max_size=4),
    max_leaves=5,
)


def make(directory: Path, tree: Tree) -> Path:
    """Write a tree of files to disk."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = directory / os.fsdecode(name)
        if isinstance(content, dict):
            make(path, content)
        else:
            path.write_bytes(content)
    return directory


def read(directory: Path) -> Tree:
    """The tree of files on disk, without empty directories."""
    found: Tree = {}
    for path in directory.iterdir():
        content = read(path) if path.is_dir() else path.read_bytes()
        if content != {}:
            found[os.fsencode(path.name)] = content
    return found


def commit(repository: Repository, tree: Tree) -> Repository:
    """Commit these files with stock git, beside those that are there."""
    make(repository.directory, tree)
    git("add", ".", cwd=repository.directory)
    git("commit", "--quiet", "-m", "first", cwd=repository.directory)
    return repository


def store(repository: Repository, directory: Path, cache: StatCache | None = None) -> Oid:
    """Store a directory with one write, and return its tree."""
    with repository.writer() as writer:
        oid = files.add_directory(scan.scan_directory(directory), writer, cache or repository.stat_cache())
        writer.finish()
    return oid


def fetch(repository: Repository, oid: Oid, target: Path) -> Path:
    """Write the files of a stored tree to disk."""
    found = list(list_files(repository.objects, oid, joined=True))
    with construction(target, durable=False) as directory:
        extract_files(repository.objects, found, directory)
    return target
