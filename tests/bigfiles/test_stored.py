from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.bigfiles import stored
from gitstore.bigfiles.parts import Part
from gitstore.bigfiles.stored import StoredFile
from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.objects.database import BrokenObject
from gitstore.objects.links import leads_out
from gitstore.objects.tree import Mode
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from tests.support.counting import Counting
from tests.support.failing import refuses
from tests.support.packs import add_loose

Entry = tuple[str, bytes, Oid]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


@pytest.fixture
def repository(place: Path) -> Repository:
    """One for all tests: each adds objects that it reads, and none takes any away."""
    return Repository(place / ".git") if (place / ".git").exists() else Repository.create(place)


def blob(repository: Repository, content: bytes) -> Oid:
    return add_loose(repository, Kind.BLOB, content)


def tree(repository: Repository, *entries: Entry) -> Oid:
    """A tree with these entries as they are, which git would not make."""
    content = b"".join(b"%s %s\0%s" % (mode.encode(), name, oid) for mode, name, oid in entries)
    return add_loose(repository, Kind.TREE, content)


def listed(repository: Repository, root: Oid, *, joined: bool = True) -> list[StoredFile]:
    return list(stored.list_files(repository.objects, root, joined=joined))


@pytest.fixture
def x(repository: Repository) -> Oid:
    return blob(repository, b"x")


def test_a_tree_as_files(repository: Repository, x: Oid) -> None:
    parts = tree(repository, ("100644", b"00000000", x), ("100644", b"00000001", x))
    inner = tree(repository, ("100755", b"run", x), ("120000", b"to", blob(repository, b"run")))
    root = tree(repository, ("100644", b"a", x), ("40000", b"dir", inner), ("40000", b"w.bin.parts", parts))
    path = PurePosixPath
    plain = [
        StoredFile.whole(path("a"), Mode.FILE, blob=x),
        StoredFile.whole(path("dir/run"), Mode.EXECUTABLE, blob=x),
        StoredFile.whole(path("dir/to"), Mode.LINK, blob=blob(repository, b"run")),
    ]
    assert listed(repository, root) == [
        *plain,
        StoredFile(path("w.bin"), Mode.FILE, parts, (Part(x), Part(x))),
    ]
    assert listed(repository, root, joined=False) == [
        *plain,
        StoredFile.whole(path("w.bin.parts/00000000"), Mode.FILE, blob=x),
        StoredFile.whole(path("w.bin.parts/00000001"), Mode.FILE, blob=x),
    ]
    assert [file.size(repository.objects) for file in listed(repository, root)] == [1, 1, 3, 2]


MODES = ("100644", "40000", "120000")


def refused(repository: Repository, mode: str, name: bytes) -> None:
    """A tree with such an entry is refused, with the parts of files joined or not."""
    goal = tree(repository) if mode == "40000" else blob(repository, b"x")
    root = tree(repository, (mode, name, goal))
    for joined in (False, True):
        with refuses(root, repr(name).removeprefix("b"), kind=Corrupt):
            listed(repository, root, joined=joined)


@pytest.mark.parametrize("name", [b"", b"a/b", b"../../etc/passwd"])
def test_a_name_that_no_tree_can_hold(repository: Repository, name: bytes) -> None:
    for mode in MODES:
        refused(repository, mode, name)


@pytest.mark.parametrize(
    "name", [b"..", b".", b".git", b".GiT", b"git~1", b".g\xe2\x80\x8cit", b".gitmodules"]
)
def test_a_name_that_leads_elsewhere(repository: Repository, name: bytes) -> None:
    for mode in MODES:
        refused(repository, mode, name)


@pytest.mark.parametrize(
    ("name", "joined"),
    [
        (b".parts", b""),
        (b"..parts", b"."),
        (b"...parts", b".."),
        (b".git.parts", b".git"),
        (b".GIT .parts", b".GIT "),
    ],
)
def test_a_name_that_leads_elsewhere_once_the_parts_are_joined(
    repository: Repository, x: Oid, name: bytes, joined: bytes
) -> None:
    root = tree(repository, ("40000", name, tree(repository, ("100644", b"00000000", x))))
    with refuses(root, repr(joined), kind=Corrupt):
        listed(repository, root)
    assert len(listed(repository, root, joined=False)) == 1


def test_a_name_that_is_there_twice(repository: Repository, x: Oid) -> None:
    folder = tree(repository, ("100644", b"00000000", x))
    for entries in (
        [("100644", b"a", x), ("100644", b"a", x)],
        [("120000", b"a", x), ("40000", b"a", folder)],
        [("100644", b"a", x), ("40000", b"a.parts", folder)],
    ):
        root = tree(repository, *entries)
        with refuses(root, "'a'", "twice", kind=Corrupt):
            listed(repository, root)


@pytest.mark.parametrize(
    ("names", "found", "number"),
    [
        ([b"00000001"], b"00000001", 0),
        ([b"00000000", b"00000002"], b"00000002", 1),
        ([b"0"], b"0", 0),
        ([b"00000000", b"readme"], b"readme", 1),
    ],
)
def test_parts_that_are_not_in_sequence(
    repository: Repository, x: Oid, names: list[bytes], found: bytes, number: int
) -> None:
    parts = tree(repository, *(("100644", name, x) for name in names))
    with refuses(parts, f"{found!r}", f"{number:08d}", kind=Corrupt):
        listed(repository, tree(repository, ("40000", b"w.parts", parts)))


def test_a_part_that_is_there_twice(repository: Repository, x: Oid) -> None:
    parts = tree(repository, ("100644", b"00000000", x), ("100644", b"00000000", x))
    with refuses(parts, "00000000", "twice", kind=Corrupt):
        listed(repository, tree(repository, ("40000", b"w.parts", parts)))


def test_a_part_that_is_no_file(repository: Repository) -> None:
    parts = tree(repository, ("40000", b"00000000", tree(repository)))
    with refuses(parts, "00000000", kind=Corrupt):
        listed(repository, tree(repository, ("40000", b"w.parts", parts)))


@pytest.mark.parametrize("mode", ["160000", "10644", "0", "777"])
def test_what_is_neither_file_nor_link_nor_directory(repository: Repository, x: Oid, mode: str) -> None:
    root = tree(repository, (mode, b"a", x))
    with refuses(root, kind=Corrupt):
        listed(repository, root)


@pytest.mark.parametrize(
    ("at", "goal"),
    [
        ("l", "/etc/passwd"),
        ("l", ".."),
        ("l", "../x"),
        ("l", "./../x"),
        ("d/l", "../../x"),
        ("l", "d/../../x"),
        ("l", "d/.."),
        ("d/l", "../l/../.."),
        ("l", "//x"),
    ],
)
def test_a_link_that_leads_out(repository: Repository, at: str, goal: str) -> None:
    *folders, name = at.split("/")
    root = tree(repository, ("120000", name.encode(), blob(repository, goal.encode())))
    for folder in folders:
        root = tree(repository, ("40000", folder.encode(), root))
    with refuses(at, goal, kind=Corrupt):
        listed(repository, root)


@pytest.mark.parametrize("goal", [b"", b"a\0b"])
def test_a_link_that_is_none(repository: Repository, goal: bytes) -> None:
    root = tree(repository, ("120000", b"l", blob(repository, goal)))
    with refuses(f"{goal.decode()!r}", kind=Corrupt):
        listed(repository, root)


steps = st.sampled_from(["..", ".", "a", "b", "l0", "l1", "l2"])
paths = st.lists(steps, min_size=1, max_size=5).map("/".join)


@given(st.dictionaries(st.sampled_from(["l0", "a/l1", "a/b/l2", "b/l0"]), paths, min_size=1))
def test_links_that_do_not_lead_out_do_not_through_one_another(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str]
) -> None:
    """The kernel says where they lead."""
    root = tmp_path_factory.mktemp("root") / "tree"
    (root / "a" / "b").mkdir(parents=True)
    (root / "b").mkdir()
    kept = {at: goal for at, goal in links.items() if not leads_out(PurePosixPath(at), goal)}
    for at, goal in kept.items():
        (root / at).symlink_to(goal)
    for at in kept:
        assert os.path.realpath(root / at).startswith(str(root))


def test_trees_nested_without_end(repository: Repository) -> None:
    root = tree(repository)
    deepest = root
    for _ in range(stored.DEEPEST + 1):
        root = tree(repository, ("40000", b"d", root))
    with refuses(deepest, stored.DEEPEST, kind=Corrupt):
        listed(repository, root)


def test_equal_files_are_counted_by_reading_their_parts_once(
    repository: Repository, x: Oid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a few small trees would take hours to count."""
    large = tree(repository, *(("100644", b"%08d" % number, x) for number in range(900)))
    files = tree(repository, *(("40000", b"w%04d.parts" % number, large) for number in range(1000)))
    root = tree(repository, ("40000", b"a", files), ("40000", b"b", files), ("40000", b"c", large))
    monkeypatch.setattr(limits, "PARTS", 1_799_999)
    counting = Counting(repository.common / "objects")
    with refuses(root, "1,800,000 parts, where at most 1,799,999 are read", kind=Corrupt):
        stored.list_files(counting, root, joined=True)
    assert len(counting.reads) == 4
    monkeypatch.setattr(limits, "PATHS", 2902)
    with refuses(root, "2,903 paths", kind=Corrupt):
        stored.list_files(counting, root, joined=True)


def test_a_malformed_tree(repository: Repository) -> None:
    for content in (b"100644", b"100644 a\0short", b"abc a\0" + bytes(20), b"100644a\0" + bytes(20)):
        oid = add_loose(repository, Kind.TREE, content)
        with refuses(oid, "malformed", kind=Corrupt):
            listed(repository, oid)


def test_what_is_no_tree(repository: Repository, x: Oid) -> None:
    with refuses(x, "blob", "tree", kind=BrokenObject):
        listed(repository, tree(repository, ("40000", b"d", x)))


def test_an_oid_has_the_bytes_it_says() -> None:
    assert str(Oid.of(Kind.TREE, b"")) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
