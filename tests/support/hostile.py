"""Pushes that nobody means well, as data: what they bring, and what the pusher must be told.

Some are refused by git itself, before any hook runs, the others by the rule in brackets.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from tests.support import crafting
from tests.support.crafting import MIB, SETTINGS, Command, Craft, number

Make: TypeAlias = Callable[[Craft, Mapping[str, Oid]], Command | list[Command]]
"""Adds the objects of a push, and returns what it asks for. It gets the refs that exist."""

HEAD, V1 = "refs/heads/main", "refs/tags/v1"
NEW, BRANCH, STATE = "refs/tags/v2", "refs/heads/other", "refs/states/other"


class Case(NamedTuple):
    """A push, and what the pusher is told. `limits` replace a store's, and `spoil` changes the pack."""

    make: Make
    told: str
    limits: dict[str, int] = {}  # noqa: RUF012
    spoil: Callable[[bytes], bytes] = bytes

    def craft(self, refs: Mapping[str, Oid]) -> tuple[list[Command], bytes]:
        """The commands and the pack of the push, to a repository with these refs."""
        craft = Craft()
        made = self.make(craft, refs)
        commands = made if isinstance(made, list) else [made]
        return commands, self.spoil(craft.pack()) if any(command.new for command in commands) else b""


def snapshot(**top: Any) -> Make:
    """A snapshot v2 with other entries."""
    return lambda craft, refs: Command(NEW, craft.snapshot("v2", refs[HEAD], **top))


def says(*, name: str = "v2", **trailers: str | None) -> Make:
    """A snapshot whose tag says something else."""
    changed = {key.replace("_", "-"): value for key, value in trailers.items()}
    return lambda craft, refs: Command(NEW, craft.snapshot(name, refs[HEAD], trailers=changed))


def state(**entries: object) -> Make:
    """A snapshot with another state."""
    return snapshot(state=entries)


def branch(entries: crafting.Tree) -> Make:
    """A branch whose code has these entries."""
    return lambda craft, refs: Command(BRANCH, craft.commit(craft.tree({"code": entries}), refs[HEAD]))


def raw(*entries: tuple[int, bytes, bytes]) -> Make:
    """A branch whose tree has these entries, as they are, with the id of a blob that is there."""

    def make(craft: Craft, refs: Mapping[str, Oid]) -> Command:
        craft.blob(b"")
        return Command(BRANCH, craft.commit(craft.raw_tree(entries), refs[HEAD]))

    return make


def ref(name: str, *, old: str | None = None) -> Make:
    """A new commit under a name."""
    return lambda craft, refs: Command(
        name, craft.commit(craft.tree({"f": b"f"})), refs[old] if old is not None else None
    )


def nested(craft: Craft, depth: int, *, fan: int = 1) -> Oid:
    """A tree so deep, each level of which has the next one `fan` times."""
    oid = craft.tree({"f": b"f"})
    for _ in range(depth):
        oid = craft.tree({f"d{at}": oid for at in range(fan)})
    return oid


def below(depth: int, *, fan: int = 1) -> Make:
    return lambda craft, refs: Command(BRANCH, craft.commit(nested(craft, depth, fan=fan), refs[HEAD]))


def tag_chain(craft: Craft, refs: Mapping[str, Oid]) -> Command:
    oid = craft.tag("v2", refs[HEAD], "x")
    for _ in range(1000):
        oid = craft.tag("v2", oid, "x", kind="tag")
    return Command(NEW, oid)


def climbing_twice(craft: Craft, refs: Mapping[str, Oid]) -> Command:
    """A link that stays inside deep down, and leads out where the same directory is further up."""
    inner = craft.tree({"link": (0o120000, b"../../x")})
    return Command(BRANCH, craft.commit(craft.tree({"a": {"b": inner}, "c": inner}), refs[HEAD]))


def based(commit: str | None = None, *, parents: int = 1) -> Make:
    """A derived snapshot with other code than its base, v1, or with a base that is no ancestor."""

    def make(craft: Craft, refs: Mapping[str, Oid]) -> Command:
        base = craft.commit(craft.tree({"code": {"model.py": b"the base's\n"}}), refs[HEAD])
        named = commit or str(base)
        tag = refs[V1]
        content = (
            SETTINGS
            + (f"based_on:\n  model: cats\n  snapshot: v1\n  tag: {tag}\n  commit: {named}\n").encode()
        )
        trailers = {"Gitstore-Format": None, "Based-On": f"cats@v1 {tag}"} | {"Gitstore-Format": "1"}
        oids = [base] if parents else [refs[HEAD]]
        oid = craft.snapshot("v2", *oids, trailers=trailers, settings_yaml=content)
        return [Command(NEW, oid), Command(BRANCH, base)]  # type: ignore[return-value]

    return make


def hidden(craft: Craft, refs: Mapping[str, Oid]) -> Command:
    craft.blob(b"asked for by id, and paid for by nobody")
    return Command(BRANCH, craft.commit(craft.tree({"f": b"f"}), refs[HEAD]))


def delta_bomb(craft: Craft, refs: Mapping[str, Oid]) -> Command:
    """A kilobyte that copies 64 KiB of a blob 100 times."""
    craft.add(Kind.BLOB, bytes(64 * 1024))
    copies = b"\x80" * 100  # offset 0, 64 KiB
    delta = number(64 * 1024) + number(100 * 64 * 1024) + copies
    craft.add_delta(Oid.of(Kind.BLOB, bytes(64 * 1024)), delta)
    oid = Oid.of(Kind.BLOB, bytes(100 * 64 * 1024))
    return Command(BRANCH, craft.commit(craft.tree({"f": (0o100644, oid)}), refs[HEAD]))


def delta_chain(length: int, *, by_id: bool) -> Make:
    """A blob that so many deltas make, each on the one before it."""

    def make(craft: Craft, refs: Mapping[str, Oid]) -> Command:
        content = bytes(20)
        oid = craft.blob(content)
        for at in range(length):
            last = at.to_bytes(4, "big")
            delta = number(len(content)) + number(24) + b"\x90\x14\4" + last  # 20 bytes of the base, and 4
            if by_id:
                craft.add_delta(oid, delta)
            else:
                craft.add_offset_delta(len(craft.entries[-1]), delta)
            content = bytes(20) + last
            oid = Oid.of(Kind.BLOB, content)
        return Command(BRANCH, craft.commit(craft.tree({"f": (0o100644, oid)}), refs[HEAD]))

    return make


def lies(size: int) -> Make:
    """A blob whose entry says that it has another size."""

    def make(craft: Craft, refs: Mapping[str, Oid]) -> Command:
        craft.add_entry(entry_header(Kind.BLOB, size) + zlib.compress(b"content"))
        return Command(BRANCH, refs[HEAD])

    return make


def delta_without_base(craft: Craft, refs: Mapping[str, Oid]) -> Command:
    craft.add_delta(Oid(b"\1" * 20), number(1) + number(1) + b"\x01x")
    return Command(BRANCH, refs[HEAD])


def delta_of_itself(craft: Craft, refs: Mapping[str, Oid]) -> Command:
    craft.add_offset_delta(0, number(1) + number(1) + b"\x01x")
    return Command(BRANCH, refs[HEAD])


def without_its_tree(craft: Craft, refs: Mapping[str, Oid]) -> Command:
    return Command(BRANCH, craft.commit(Oid(b"\1" * 20), refs[HEAD]))


def rewound_notes(craft: Craft, refs: Mapping[str, Oid]) -> Command:
    return Command("refs/notes/evaluations", craft.commit(craft.tree({})), refs[HEAD])


PART = b"p"
LARGE = bytes(5 * MIB)
EMPTY = Oid.of(Kind.BLOB, b"")

REFS = {
    "another namespace": Case(ref("refs/pull/1/head"), "[namespace]"),
    "a ref of replacements": Case(ref("refs/replace/" + "1" * 40), "[namespace]"),
    "a word of a command line": Case(ref("refs/heads/-x"), "[ref-name]"),
    "HEAD as a branch": Case(ref("refs/heads/HEAD"), "[ref-name]"),
    "a right-to-left branch": Case(ref("refs/heads/a\u202eb"), "[ref-name]"),
    "a branch that is not NFC": Case(ref("refs/heads/e\u0301"), "[ref-name]"),
    "a branch that is not UTF-8": Case(ref("refs/heads/a\udcff"), "[ref-name]"),
    "another case": Case(ref("refs/heads/Main"), "[ref-collision]"),
    "below a branch": Case(ref("refs/heads/main/x"), "[ref-collision]"),
    "below a branch in another case": Case(ref("refs/heads/MAIN/x"), "[ref-collision]"),
    "a snapshot that is too deep": Case(
        lambda craft, refs: Command("refs/tags/a/b/v2", craft.snapshot("a/b/v2", refs[HEAD])), "[ref-name]"
    ),
    "a light tag": Case(lambda craft, refs: Command(NEW, refs[HEAD]), "[ref-kind]"),
    "a branch on a blob": Case(lambda craft, refs: Command(BRANCH, craft.blob(b"b")), "[ref-kind]"),
    "a snapshot that moves": Case(
        lambda craft, refs: Command(V1, craft.snapshot("v1", refs[HEAD], state={}), refs[V1]),
        "[snapshot-fixed]",
    ),
    "a snapshot that goes": Case(lambda craft, refs: Command(V1, None, refs[V1]), "[snapshot-fixed]"),
    "the branch of HEAD goes": Case(lambda craft, refs: Command(HEAD, None, refs[HEAD]), "[head-branch]"),
    "the branch of HEAD is rewritten": Case(
        lambda craft, refs: Command(HEAD, craft.commit(craft.tree({})), refs[HEAD]), "[head-branch]"
    ),
    "a file in transit": Case(
        lambda craft, refs: Command(
            "refs/gitstore/transit/1", craft.commit(craft.tree({"000000": {"readme": b"x"}}))
        ),
        "[transit]",
    ),
    "something else in transit": Case(
        lambda craft, refs: Command("refs/gitstore/transit/1", craft.commit(craft.tree({"f": b"x"}))),
        "[transit]",
    ),
    "an alias that holds files": Case(ref("refs/aliases/production"), "[alias-move]"),
    "an alias that is no move": Case(
        lambda craft, refs: Command("refs/aliases/production", craft.commit(craft.tree({}))), "[alias-move]"
    ),
    "an alias that leads nowhere": Case(
        lambda craft, refs: Command(
            "refs/aliases/production", craft.commit(craft.tree({}), message=f"x\n\nTo: v9 {'1' * 40}")
        ),
        "[alias-move]",
    ),
    "a state with a history": Case(
        lambda craft, refs: Command(STATE, craft.commit(craft.tree({"w": b"w"}), refs[HEAD])),
        "[state-commit]",
    ),
    "records of nothing": Case(ref("refs/records/x/tests"), "[ref-name]"),
    "too many refs": Case(
        lambda craft, refs: [Command(f"refs/heads/b{at}", refs[HEAD]) for at in range(11)],
        "[ref-count]",
        {"refs": 10},
    ),
}

TAGS = {
    "a tag of a tag": Case(
        lambda craft, refs: Command(NEW, craft.tag("v2", refs[V1], "x", kind="tag")), "[snapshot-tag]"
    ),
    "a chain of tags": Case(tag_chain, "[snapshot-tag]"),
    "a tag of a blob": Case(
        lambda craft, refs: Command(NEW, craft.tag("v2", craft.blob(b"b"), "x", kind="blob")),
        "[snapshot-tag]",
    ),
    "a tag of a tree": Case(
        lambda craft, refs: Command(NEW, craft.tag("v2", craft.tree({}), "x", kind="tree")), "[snapshot-tag]"
    ),
    "a tag that is no snapshot": Case(
        lambda craft, refs: Command(NEW, craft.tag("v2", refs[HEAD], "a release\n")), "[snapshot-tag]"
    ),
    "a future format": Case(says(Gitstore_Format="2"), "[snapshot-tag]"),
    "a huge message": Case(
        lambda craft, refs: Command(NEW, craft.tag("v2", refs[HEAD], "x" * 2 * MIB)), "[object-size]"
    ),
    "a message of signatures": Case(
        lambda craft, refs: Command(
            NEW, craft.tag("v2", refs[HEAD], "-----BEGIN PGP SIGNATURE-----\n" * 20_000)
        ),
        "[snapshot-tag]",
    ),
    "the tag of another snapshot": Case(
        lambda craft, refs: Command(NEW, refs[V1]), "its tag was created as v1"
    ),
    "another model's name": Case(
        says(Model="cats"), "its tag says Model: cats, but settings.yaml says digits"
    ),
    "a name with escapes": Case(
        says(Model="\x1b[2J"), "its tag says Model: '\\x1b[2J', which contains an invisible"
    ),
    "a state's name with escapes": Case(says(State="../x"), "its tag says State: '../x', which"),
    "no model": Case(says(Model=None), "its tag does not say Model"),
    "another tree's id": Case(says(Code_Tree="1" * 40), "its tag says Code-Tree: 111"),
    "a base that the settings lack": Case(
        says(Based_On=f"x@y {'1' * 40}", Gitstore_Format="1"), "[settings]"
    ),
    "no state": Case(snapshot(state=None), "[snapshot-tree]"),
    "another entry": Case(snapshot(notes=b"x"), "[snapshot-tree]"),
    "settings that are a link": Case(snapshot(settings_yaml=(0o120000, b"/etc/passwd")), "[snapshot-tree]"),
    "packages without end": Case(snapshot(packages_lock=bytes(17 * MIB)), "[snapshot-tree]"),
    "invalid settings": Case(snapshot(settings_yaml=b"name: digits\nnope: 1\n"), "[settings]"),
    "settings that are a bomb": Case(
        snapshot(settings_yaml=b"a: &a [x, x]\nb: &b [*a, *a]\nname: [*b, *b]\n"), "[settings]"
    ),
    "settings that are deep": Case(snapshot(settings_yaml=b"name: " + b"[" * 100_000), "[settings]"),
    "settings without end": Case(snapshot(settings_yaml=b"#" * 2 * MIB), "[settings]"),
    "settings of another name": Case(snapshot(settings_yaml=b"name: cats\n"), "[settings]"),
    "code that is not the base's": Case(based(), "[derived-code]"),
    "a base that is not there": Case(based("1" * 40), "[base-ancestor]"),
    "a base that is no ancestor": Case(based(parents=0), "[base-ancestor]"),
}

STATES = {
    "a gap between parts": Case(state(**{"w.parts": {"00000000": PART, "00000002": PART}}), "[parts]"),
    "parts from 1": Case(state(**{"w.parts": {"00000001": PART}}), "[parts]"),
    "no parts": Case(state(**{"w.parts": {}}), "[parts]"),
    "another name among parts": Case(state(**{"w.parts": {"00000000": PART, "readme": PART}}), "[parts]"),
    "words of 3 bytes": Case(state(**{"w.planes": {"00000000.3": b"abc"}}), "[parts]"),
    "planes among parts": Case(state(**{"w.parts": {"00000000.2": b"ab"}}), "[parts]"),
    "planes without any": Case(state(**{"w.planes": {"00000000": b"ab"}}), "[parts]"),
    "planes of half a word": Case(state(**{"w.planes": {"00000000.8": b"abc"}}), "too short for words"),
    "a part that is too large": Case(state(**{"w.parts": {"00000000": LARGE}}), "over 4 MiB"),
    "a plane that is too large": Case(state(**{"w.planes": {"00000000.2": LARGE}}), "over 4 MiB"),
    "a part that is a tree": Case(state(**{"w.parts": {"00000000": {"f": PART}}}), "[parts]"),
    "a part that is executable": Case(state(**{"w.parts": {"00000000": (0o100755, PART)}}), "[parts]"),
    "a file in two forms": Case(state(**{"w": PART, "w.parts": {"00000000": PART}}), "more than one form"),
    "no name but a suffix": Case(state(**{".parts": {"00000000": PART}}), "[parts]"),
    "a file with the suffix": Case(state(**{"w.parts": PART}), "[parts]"),
    "a large file that is whole": Case(state(w=LARGE), "not in parts"),
    "a file that is executable": Case(state(w=(0o100755, PART)), "[parts]"),
    "a link in a state": Case(state(w=(0o120000, b"v")), "[parts]"),
    "attributes in a state": Case(state(**{".gitattributes": b"* text\n"}), "[parts]"),
    "a directory of attributes": Case(state(**{".gitattributes": {"w": PART}}), "gitattributes"),
    "parts without end": Case(
        state(**{f"w{at}.parts": {"00000000": PART, "00000001": PART} for at in range(6)}),
        "[part-count]",
        {"parts": 11},
    ),
}

TREES = {
    "git's directory": Case(branch({".git": {"config": b""}}), "hasDotgit"),
    "git's directory on Windows": Case(branch({"GIT~1": b""}), "hasDotgit"),
    "git's directory on a Mac": Case(branch({".g\u200cit": b""}), "hasDotgit"),
    "git's directory with a stream": Case(branch({".git::$INDEX_ALLOCATION": b""}), "hasDotgit"),
    "two dots": Case(branch({"..": b""}), "hasDotdot"),
    "a slash": Case(branch({"a/b": b""}), "fullPathname"),
    "modules": Case(branch({".gitmodules": b'[submodule "x"]\n\tpath = x\n\turl = -u\n'}), "gitmodules"),
    "harmless modules": Case(branch({".gitmodules": b"\n"}), "[submodule]"),
    "modules in a short name": Case(branch({"GITMOD~1": b"\n"}), "[submodule]"),
    "a submodule": Case(branch({"other": (0o160000, Oid(b"\1" * 20))}), "[submodule]"),
    "a backslash": Case(branch({"a\\b": b""}), "[name]"),
    "an escape": Case(branch({"\x1b[2J": b""}), "[name]"),
    "a line end": Case(branch({"a\nb": b""}), "[name]"),
    "a name from right to left": Case(branch({"a\u202egnp.exe": b""}), "[name]"),
    "a name that is not UTF-8": Case(branch({b"a\xff": b""}), "[name]"),
    "a name of 5,000 bytes": Case(branch({"a" * 5000: b""}), "[path-length]"),
    "a name of 256 bytes": Case(branch({"a" * 256: b""}), "[path-length]"),
    "another case of a name": Case(branch({"README": b"", "readme": b""}), "[name-collision]"),
    "another form of a name": Case(branch({"\u00e9": b"", "e\u0301": b""}), "[name-collision]"),
    "a sharp s": Case(branch({"stra\u00dfe": b"", "STRASSE": b""}), "[name-collision]"),
    "an absolute link": Case(branch({"l": (0o120000, b"/etc/passwd")}), "[link]"),
    "a link out of the tree": Case(branch({"l": (0o120000, b"../../x")}), "[link]"),
    "a link into git's directory": Case(branch({"l": (0o120000, b"../.git/hooks/post-checkout")}), "[link]"),
    "a link into git's directory on a Mac": Case(
        branch({"l": (0o120000, "../.G\u200cit".encode())}), "[link]"
    ),
    "a link with a backslash": Case(branch({"l": (0o120000, b"..\\..\\x")}), "[link]"),
    "a link up again": Case(branch({"l": (0o120000, b"a/../../x")}), "[link]"),
    "an empty link": Case(branch({"l": (0o120000, b"")}), "[link]"),
    "a link with a NUL": Case(branch({"l": (0o120000, b"a\0b")}), "[link]"),
    "a link of 5,000 bytes": Case(branch({"l": (0o120000, b"x" * 5000)}), "[link]"),
    "ignore rules that are a link": Case(branch({".gitignore": (0o120000, b"x")}), "gitignore"),
    "a link out of the code": Case(snapshot(code={"l": (0o120000, b"../settings.yaml")}), "[link]"),
    "a link in a directory that is there twice": Case(climbing_twice, "[link]"),
    "an entry twice": Case(raw((0o100644, b"a", EMPTY), (0o100644, b"a", EMPTY)), "duplicateEntries"),
    "entries out of order": Case(raw((0o100644, b"b", EMPTY), (0o100644, b"a", EMPTY)), "treeNotSorted"),
    "a mode of another program": Case(raw((0o100664, b"a", EMPTY)), "badFilemode"),
    "an entry without a name": Case(raw((0o100644, b"", EMPTY)), "empty filename in tree entry"),
    "an entry of zeros": Case(raw((0o100644, b"a", bytes(20))), "nullSha1"),
    "half an entry": Case(
        lambda craft, refs: Command(
            BRANCH, craft.commit(craft.add(Kind.TREE, b"100644 a\0half"), refs[HEAD])
        ),
        "badTree",
    ),
    "a mode with a zero in front": Case(
        lambda craft, refs: Command(
            BRANCH, craft.commit(craft.add(Kind.TREE, b"0100644 a\0" + craft.blob(b"")), refs[HEAD])
        ),
        "zeroPaddedFilemode",
    ),
    "ten thousand million paths": Case(below(10, fan=10), "[path-count]"),
    "more paths than atoms": Case(below(200, fan=10), "over 10^18 paths"),
    "300 directories": Case(below(300), "[depth]"),
    "3,000 directories": Case(below(3000), "[depth]"),
    "a long path of short names": Case(
        lambda craft, refs: Command(BRANCH, craft.commit(craft.tree({"a" * 200: {"b" * 200: {"c": b""}}}))),
        "[path-length]",
        {"path": 400},
    ),
}

SIZES = {
    "a large object": Case(branch({"f": bytes(2 * MIB)}), "[object-size]", {"object": MIB}),
    "a large tree": Case(
        branch({f"{at:0200d}": b"" for at in range(600)}), "[object-size]", {"tree": 64 * 1024}
    ),
    "many large objects": Case(
        branch({f"f{at}": bytes(MIB + at) for at in range(4)}), "[inflated-size]", {"inflated": 3 * MIB}
    ),
    "many objects": Case(
        branch({f"f{at}": b"%d" % at for at in range(100)}), "[object-count]", {"objects": 50}
    ),
    "many trees": Case(
        branch({f"d{at}": {f"{at}": b""} for at in range(100)}), "[tree-sum]", {"trees": 20 * 1024}
    ),
    "a large pack": Case(branch({"f": bytes(range(256)) * 64}), "[pack-size]", {"pack": 300}),
    "a thousand parents": Case(
        lambda craft, refs: Command(BRANCH, craft.commit(craft.tree({}), *[refs[HEAD]] * 1000)), "[parents]"
    ),
    "a hundred thousand parents": Case(
        lambda craft, refs: Command(BRANCH, craft.commit(craft.tree({}), *[refs[HEAD]] * 100_000)),
        "[object-size]",
    ),
    "a million headers": Case(
        lambda craft, refs: Command(BRANCH, craft.commit(craft.tree({}), headers="x y\n" * 1_000_000)),
        "[object-size]",
    ),
    "a delta that expands": Case(delta_bomb, "[object-size]", {"object": MIB}),
    "a chain of deltas": Case(delta_chain(300, by_id=False), "[delta-depth]"),
    "a chain of deltas by their ids": Case(delta_chain(300, by_id=True), "[delta-depth]"),
    "hidden objects": Case(hidden, "[hidden-objects]"),
}

A_FILE = branch({"f": b"f"})

MALFORMED = {
    "a thin pack without its base": Case(delta_without_base, "unresolved delta"),
    "a delta of itself": Case(delta_of_itself, "delta base offset is out of bound"),
    "a size that is too small": Case(lies(3), "inflate"),
    "a size that is too large": Case(lies(3 << 30), "inflate"),
    "an object without its tree": Case(without_its_tree, "did not receive expected object"),
    "a wrong checksum": Case(A_FILE, "SHA1 mismatch", spoil=lambda pack: pack[:-1] + bytes([pack[-1] ^ 1])),
    "half a pack": Case(A_FILE, "early EOF", spoil=lambda pack: pack[: len(pack) // 2]),
    "no pack": Case(A_FILE, "eof before pack header", spoil=lambda _: b""),
    "another file": Case(A_FILE, "unpack", spoil=lambda _: b"x" * 100),
    "a pack of version 5": Case(
        A_FILE, "pack version unsupported", spoil=lambda pack: pack[:7] + b"\5" + pack[8:]
    ),
    "four thousand million objects": Case(
        A_FILE, "unpack", spoil=lambda pack: pack[:8] + b"\xff\xff\xff\xff" + pack[12:]
    ),
}
"""What git refuses before any hook runs."""

ALL = REFS | TAGS | STATES | TREES | SIZES
"""What a hook must see, or git refuses because of an object."""
