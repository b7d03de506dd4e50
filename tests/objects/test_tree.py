from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.git.repository import Repository
from gitstore.objects import tree
from gitstore.objects.tree import Mode, TreeEntry, name_problem
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import git

BLOB = Oid.of(Kind.BLOB, b"x")
EMPTY = Oid.of(Kind.TREE, b"")

names = st.binary(min_size=1, max_size=6).filter(lambda name: b"/" not in name and b"\0" not in name)
entries = st.lists(
    st.one_of(
        st.builds(TreeEntry, st.sampled_from([Mode.FILE, Mode.EXECUTABLE, Mode.LINK]), names, st.just(BLOB)),
        st.builds(TreeEntry, st.just(Mode.TREE), names, st.just(EMPTY)),
    ),
    unique_by=lambda entry: entry.name,
    max_size=12,
)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository.create(tmp_path_factory.mktemp("elsewhere"))


@given(entries)
def test_a_tree_is_as_git_makes_it(elsewhere: Repository, entries: list[TreeEntry]) -> None:
    lines = [
        b"%06o %s %s\t%s\0"
        % (entry.mode, b"tree" if entry.is_tree else b"blob", str(entry.oid).encode(), entry.name)
        for entry in entries
    ]
    theirs = git("mktree", "-z", "--missing", cwd=elsewhere.directory, stdin=b"".join(lines)).strip()
    content = tree.encode(entries)
    assert str(Oid.of(Kind.TREE, content)) == theirs
    assert sorted(tree.parse(content)) == sorted(entries)


@given(st.binary(max_size=80))
def test_parsing_garbage_is_a_value_error(content: bytes) -> None:
    try:
        found = tree.parse(content)
    except ValueError:
        return
    assert all(len(entry.oid) == 20 for entry in found)


NAMES = [
    ".git", ".GIT", ".git.", ".git ", ".git . .", ".git::$INDEX", "git~1", "GIT~1", "git~2", "git~",
    "a\\.git", ".git\\a", "a\\b", ".g\u200cit", ".git\ufeff", ".gitx", "x.git", ".gi", ".g\u0130t", "\u0131",
    ".gitmodules", ".GITMODULES", ".gitmodules ", ".gitmodules:x", "a\\.gitmodules", ".\u200dgitmodules",
    "gitmod~1", "gitmod~4", "gitmod~5", "gi7eba~1", "gi7eba~9", "gi7eba~0", "gi7eb~10", "gi7eba~11",
    "~1000000", "~1", "...", ".. ", "....", ".gitignore", ".gitattributes", ".mailmap", "a b", "\n",
]  # fmt: skip


def test_a_name_is_refused_if_git_would(repository: Repository) -> None:
    """git complains of the name, or reads a configuration of submodules in what may be anything."""
    with repository.writer() as writer:
        blobs = {name: writer.add(Kind.BLOB, b"[\0weights" + name.encode()) for name in NAMES}
        trees = {
            name: writer.add(Kind.TREE, tree.encode([TreeEntry(Mode.FILE, name.encode(), blob)]))
            for name, blob in blobs.items()
        }
        writer.finish()
    command = ["git", "fsck", "--full", "--strict", "--no-dangling", "--no-progress"]
    done = subprocess.run(command, cwd=repository.directory, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    git_refuses = {name for name in NAMES if str(trees[name]) in said or str(blobs[name]) in said}
    assert {name for name in NAMES if name_problem(name.encode()) is not None} == git_refuses


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/", b"a\0b"])
def test_what_is_no_file_name(name: bytes) -> None:
    assert name_problem(name) == "is not a file name"


A, B = Oid(b"a" * 20), Oid(b"b" * 20)


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([(0o100644, b"a", A), (0o100644, b"a", B)], "it has 'a' twice"),
        ([(0o100644, b"a", A), (0o100644, b"a.b", A), (0o40000, b"a", B)], "it has 'a' twice"),
        ([(0o100644, b"b", A), (0o100644, b"a", B)], "its entries are not in order"),
        ([(0o40000, b"a", A), (0o100644, b"a.b", B)], "its entries are not in order"),
        ([(0o100644, b"a/b", A)], "it has 'a/b', which is not a file name"),
        ([(0o100644, b"", A)], "it has '', which is not a file name"),
    ],
)
def test_a_tree_is_read_as_git_writes_it(entries: list[tuple[int, bytes, Oid]], problem: str) -> None:
    content = b"".join(b"%o %s\0%s" % entry for entry in entries)
    with pytest.raises(ValueError, match=f"^{problem}$"):
        tree.parse(content)
    assert tree.parse_loosely(content) == entries, "what a repository needs must be found all the same"


def test_children_are_what_is_in_a_tree_without_submodules() -> None:
    spellings = (b"40000", b"040000", b"100644", b"100755", b"120000", b"160000", b"0160000", b"7")
    content = b"".join(b"%s %d\0%s" % (mode, number, A) for number, mode in enumerate(spellings))
    assert tree.list_children(content) == [
        (entry.oid, not entry.is_tree, entry.name)
        for entry in tree.parse_loosely(content)
        if entry.mode != tree.Mode.GITLINK
    ]
    with pytest.raises(ValueError, match="not an entry"):
        tree.list_children(content + b"x")
