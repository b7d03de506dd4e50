from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path, PurePosixPath

import pytest

from gitstore.bigfiles import stored
from gitstore.bigfiles.extract import extract_files
from gitstore.bigfiles.parts import Part
from gitstore.bigfiles.stored import StoredFile
from gitstore.disk.construction import construction
from gitstore.disk.directories import remove_tree
from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.objects.database import BrokenObject, MissingObject
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import git
from tests.support.content import MIB, noise
from tests.support.failing import refuses
from tests.support.files import Tree, fetch, make, read, store
from tests.support.limits import limit
from tests.support.packs import add_blobs


def stored_file(name: str, *contents: bytes, mode: int = Mode.FILE) -> StoredFile:
    blobs = tuple(Oid.of(Kind.BLOB, content) for content in contents)
    if len(blobs) == 1:
        return StoredFile.whole(PurePosixPath(name), mode, blob=blobs[0])
    return StoredFile(PurePosixPath(name), mode, blobs[0], tuple(map(Part, blobs)))


def corrupt_middle(repository: Repository) -> Path:
    (pack,) = repository.objects.own_packs
    pack.path.chmod(0o644)
    with pack.path.open("r+b") as file:
        file.seek(pack.size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    return pack.path


def test_modes_follow_the_umask(repository: Repository, tmp_path: Path) -> None:
    add_blobs(repository.objects, b"x")
    mask = os.umask(0o027)
    try:
        with construction(tmp_path / "to", durable=False) as directory:
            both = [stored_file("plain", b"x"), stored_file("d/run", b"x", mode=Mode.EXECUTABLE)]
            extract_files(repository.objects, both, directory)
    finally:
        os.umask(mask)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "to").rglob("*")}
    assert modes == {"plain": 0o640, "run": 0o750, "d": 0o750}
    assert (tmp_path / "to").stat().st_mode & 0o777 == 0o750


def test_parts_are_joined_and_progress_hears_of_every_byte(repository: Repository, tmp_path: Path) -> None:
    pieces = [noise(300_000, seed=number) for number in range(40)]
    add_blobs(repository.objects, *pieces)
    heard: list[int] = []
    file = stored_file("w", *pieces, *pieces[:3], pieces[0])
    extract_files(repository.objects, [file, stored_file("v", pieces[0])], tmp_path, progress=heard.append)
    assert (tmp_path / "w").read_bytes() == b"".join([*pieces, *pieces[:3], pieces[0]])
    assert sum(heard) == 45 * 300_000


def test_links_come_back_as_links(repository: Repository, tmp_path: Path) -> None:
    (repository.directory / "d").mkdir()
    (repository.directory / "d" / "to").symlink_to("../goal\n\udcff")
    git("add", ".", cwd=repository.directory)
    root = Oid.parse(git("write-tree", cwd=repository.directory).strip())
    target = fetch(repository, root, tmp_path / "to")
    assert os.readlink(target / "d" / "to") == "../goal\n\udcff"


def test_deltas_of_stock_git_come_back(repository: Repository, tmp_path: Path) -> None:
    files: Tree = {b"a": noise(50_000), b"b": noise(50_000) + b"more"}
    make(repository.directory, files)
    git("add", ".", cwd=repository.directory)
    git("commit", "--quiet", "-m", "m", cwd=repository.directory)
    git("repack", "-adfq", cwd=repository.directory)
    root = repository.commit(Oid.parse(git("rev-parse", "HEAD", cwd=repository.directory).strip())).tree
    assert read(fetch(repository, root, tmp_path / "to")) == files


def test_a_broken_object_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    oid = store(repository, make(tmp_path / "from", {b"w": noise(9 * MIB), b"a": b"fine"}))
    corrupt_middle(repository)
    with pytest.raises(BrokenObject):
        fetch(repository, oid, tmp_path / "out" / "to")
    assert not (tmp_path / "out").exists()


def test_a_missing_object_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    missing = stored_file("w", b"nowhere")
    error = refuses(missing.entry, kind=MissingObject)
    with error, construction(tmp_path / "out" / "to", durable=False) as directory:
        extract_files(repository.objects, [missing], directory)
    assert not (tmp_path / "out").exists()


def test_descriptors_are_few_and_all_closed(repository: Repository, tmp_path: Path) -> None:
    """Of 300 files where 100 may be open, and of one that fails in the middle."""
    script = f"""
        import os, resource
        from pathlib import Path, PurePosixPath
        from gitstore.errors import Corrupt
        from gitstore.bigfiles.extract import extract_files
        from gitstore.packs.oid import Kind, Oid
        from gitstore.git.repository import Repository
        from gitstore.bigfiles.parts import Part
        from gitstore.bigfiles.stored import StoredFile
        from gitstore.objects.tree import Mode
        database = Repository(Path({str(repository.common)!r})).objects
        target = Path({str(tmp_path / "to")!r})
        x, gone = Oid.of(Kind.BLOB, b"x"), Oid.of(Kind.BLOB, b"gone")
        found = [StoredFile.whole(PurePosixPath(str(n)), Mode.FILE, blob=x) for n in range(300)]
        database.read(x)
        before = os.listdir("/proc/self/fd")
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        extract_files(database, found, target / "all")
        assert len(list((target / "all").iterdir())) == 300
        try:
            found[50] = found[50]._replace(parts=(Part(x), Part(gone)))
            extract_files(database, found, target / "some")
        except Corrupt as error:
            print(error.message)
        assert os.listdir("/proc/self/fd") == before
    """
    add_blobs(repository.objects, b"x")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    gone = Oid.of(Kind.BLOB, b"gone")
    assert (done.stdout, done.stderr) == (f"object {gone} is missing from the repository\n", "")


def test_memory_stays_bounded_whatever_is_read(repository: Repository, tmp_path: Path) -> None:
    """144 MiB come out: parts are held one for each core, not all."""
    script = f"""
        import os, resource
        from pathlib import Path, PurePosixPath
        from gitstore.bigfiles.extract import extract_files
        from gitstore.packs.oid import Kind, Oid
        from gitstore.git.repository import Repository
        from gitstore.bigfiles.parts import Part
        from gitstore.bigfiles.stored import StoredFile
        database = Repository(Path({str(repository.common)!r})).objects
        oid = Oid.of(Kind.BLOB, bytes({4 * MIB}))
        file = StoredFile(PurePosixPath("w"), 0o100644, oid, (Part(oid),) * 36)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        extract_files(database, [file], Path({str(tmp_path)!r}))
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    add_blobs(repository.objects, bytes(4 * MIB))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    (tmp_path / "w").unlink()
    assert int(done.stdout) < 100


def test_a_full_disk_is_named_and_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    oid = store(repository, make(tmp_path / "from", {b"w": noise(200_000)}))
    error = refuses(f"{tmp_path}/o", os.strerror(errno.EFBIG))
    with limit(resource.RLIMIT_FSIZE, 100_000), error:
        fetch(repository, oid, tmp_path / "o" / "to")
    assert not (tmp_path / "o").exists()


def test_nothing_is_written_over(repository: Repository, tmp_path: Path) -> None:
    add_blobs(repository.objects, b"x")
    (tmp_path / "w").write_bytes(b"mine")
    with refuses(tmp_path.parent, os.strerror(errno.EEXIST)):
        extract_files(repository.objects, [stored_file("w", b"x")], tmp_path)
    assert (tmp_path / "w").read_bytes() == b"mine"


def test_a_hostile_tree_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    """Its first entries are harmless; it is refused when it is listed."""
    content = b"".join(
        b"100644 %s\0%s" % (name, Oid.of(Kind.BLOB, b"x")) for name in (b"fine", b"../../evil")
    )
    add_blobs(repository.objects, b"x")
    command = ("hash-object", "-t", "tree", "-w", "--literally", "--stdin")
    oid = Oid.parse(git(*command, cwd=repository.directory, stdin=content).strip())
    with (
        pytest.raises(Corrupt),
        construction(tmp_path / "o" / "to", durable=False) as directory,
    ):
        extract_files(repository.objects, stored.list_files(repository.objects, oid, joined=True), directory)
    assert not (tmp_path / "o").exists()
    assert not list(tmp_path.rglob("evil"))


def test_a_directory_goes_with_all_that_is_read_only(tmp_path: Path) -> None:
    target = make(tmp_path / "to", {b"d": {b"e": {b"w": b"x"}}})
    (target / "out").symlink_to(tmp_path / "kept")
    make(tmp_path / "kept", {b"w": b"x"})
    for folder in (target / "d" / "e", target / "d", target):
        folder.chmod(0o555)
    remove_tree(target)
    assert read(tmp_path) == {b"kept": {b"w": b"x"}}
