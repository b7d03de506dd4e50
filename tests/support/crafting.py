"""Packs that no git would send, and `git receive-pack` that gets them."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.store.config.schema import LimitsConfig
from gitstore.store.git_settings import repository_settings
from tests.support import scenes, spawning

Tree: TypeAlias = Mapping[Any, Any]
"""By name (text or bytes): a file's content; or the mode and id of an object; or a directory."""

WHO = "A <a@example.org> 1700000000 +0000"
SETTINGS = b"name: digits\n"
NONE = "0" * 40
MIB = 1024 * 1024

_OFS_DELTA, _REF_DELTA = 6, 7
_PEAK = str(Path(__file__).with_name("peak.py"))


class Command(NamedTuple):
    """A change of a ref that a push asks for."""

    ref: str
    new: Oid | None
    old: Oid | None = None


class Craft:
    """Objects of a push, sound or not, and their pack."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self._known: set[Oid] = set()
        self._size = 12
        self._offsets: dict[Oid, int] = {}

    def add(self, kind: Kind, content: bytes, *, level: int = 1) -> Oid:
        """Add an object, unless it is there."""
        oid = Oid.of(kind, content)
        if oid not in self._known:
            self._known.add(oid)
            self._offsets[oid] = self._size
            self.add_entry(entry_header(kind, len(content)) + zlib.compress(content, level))
        return oid

    def add_entry(self, entry: bytes) -> None:
        """Add bytes as they are, where an object should be."""
        self.entries.append(entry)
        self._size += len(entry)

    def add_delta(self, base: Oid, delta: bytes) -> None:
        """Add a delta, gitformat-pack(5). The base may be in no pack."""
        self.add_entry(_header(_REF_DELTA, len(delta)) + base + zlib.compress(delta))

    def add_offset_delta(self, back: int, delta: bytes) -> None:
        """Add a delta whose base begins so many bytes in front of it."""
        place = [back & 0x7F]
        while back := back >> 7:
            back -= 1
            place.insert(0, back & 0x7F | 0x80)
        self.add_entry(_header(_OFS_DELTA, len(delta)) + bytes(place) + zlib.compress(delta))

    def blob(self, content: bytes) -> Oid:
        return self.add(Kind.BLOB, content)

    def tree(self, entries: Tree) -> Oid:
        """Add a tree, sorted as git does it."""
        found = [self._entry(name, entry) for name, entry in entries.items()]
        found.sort(key=lambda each: each[1] + (b"/" if each[0] == 0o40000 else b""))
        return self.raw_tree(found)

    def raw_tree(self, entries: Iterable[tuple[int, bytes, bytes]]) -> Oid:
        """Add a tree of entries as they are."""
        return self.add(Kind.TREE, b"".join(b"%o %s\0%s" % entry for entry in entries))

    def commit(self, tree: Oid, *parents: Oid, message: str = "by hand", headers: str = "") -> Oid:
        lines = f"tree {tree}\n" + "".join(f"parent {parent}\n" for parent in parents)
        text = f"{lines}author {WHO}\ncommitter {WHO}\n{headers}\n{message}\n"
        return self.add(Kind.COMMIT, text.encode())

    def tag(self, name: str, target: Oid, text: str, *, kind: str = "commit") -> Oid:
        content = f"object {target}\ntype {kind}\ntag {name}\ntagger {WHO}\n\n{text}"
        return self.add(Kind.TAG, content.encode("utf-8", "surrogateescape"))

    def snapshot(
        self, name: str, *parents: Oid, trailers: Mapping[str, str | None] | None = None, **top: Any
    ) -> Oid:
        """Add a snapshot. `top` replaces entries of a sound tree; `None` leaves one out."""
        entries: dict[str, Any] = {"code": {"model.py": b"pass\n"}, "state": {"w": b"w"}}
        entries |= {"settings.yaml": SETTINGS} | {key.replace("_", "."): value for key, value in top.items()}
        kept = {key: value for key, value in entries.items() if value is not None}
        oids = {key: self._entry(key, value)[2] for key, value in kept.items()}
        commit = self.commit(self.tree(kept), *parents)
        lines: dict[str, str | None] = {"Model": "digits", "State": "initial"}
        for key, path in (("Code-Tree", "code"), ("State-Tree", "state"), ("Settings-Blob", "settings.yaml")):
            lines[key] = str(Oid(oids.get(path, bytes(20))))
        lines |= {"Gitstore-Format": "1"} | dict(trailers or {})
        text = "".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None)
        return self.tag(name, commit, f"by hand\n\n{text}")

    def pack(self, *, count: int | None = None, version: int = 2) -> bytes:
        """The pack, with a sound checksum."""
        number = len(self.entries) if count is None else count
        start = b"PACK" + version.to_bytes(4, "big") + number.to_bytes(4, "big")
        content = start + b"".join(self.entries)
        return content + hashlib.sha1(content).digest()

    def _entry(self, name: str | bytes, entry: Any) -> tuple[int, bytes, bytes]:
        raw = name.encode() if isinstance(name, str) else name
        if isinstance(entry, bytes) and not isinstance(entry, Oid):
            return 0o100644, raw, self.blob(entry)
        if isinstance(entry, Oid):
            return 0o40000, raw, entry
        if isinstance(entry, tuple):
            mode, content = entry
            return mode, raw, content if isinstance(content, Oid) else self.blob(content)
        return 0o40000, raw, self.tree(entry)


def _header(number: int, size: int) -> bytes:
    """The header of a pack's entry, for kinds that are no objects."""
    byte, size = number << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    return bytes([*header, byte])


def number(value: int) -> bytes:
    """A size in front of a delta."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def tell_hook(bare: Path, *, role: str = "write", limits: Mapping[str, int] | None = None) -> dict[str, str]:
    """The variables with which the hook of a repository runs."""
    return {
        "TEST_ROLE": role,
        "TEST_LIMITS": json.dumps(dict(limits or {})),
        "TEST_REPORT": str(bare / "report"),
    }


def zeros(size: int) -> bytes:
    """A stream of so many zeros (a multiple of 1 MiB), deflated a thousand times."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = stream.compress(bytes(MIB)) + stream.flush(zlib.Z_FULL_FLUSH)  # refers to nothing in front of it
    checksum = size % 65521 << 16 | 1
    return b"\x78\xda" + block * (size // MIB) + b"\x03\0" + checksum.to_bytes(4, "big")


class Received(NamedTuple):
    """What became of a push: what the pusher was told, and what it cost.

    `git` is the memory of the largest process of git, in bytes. `cpu` are seconds of all processes. `hook`
    are the seconds of the hook, and `memory` its bytes beyond what it started with.
    """

    text: str
    is_accepted: bool
    git: int
    cpu: float
    hook: float
    memory: int
    facts: Mapping[str, Any]


class Answer(NamedTuple):
    """What `git receive-pack` answers, and the memory of the largest process of git, in bytes."""

    text: str
    is_accepted: bool
    git: int


def format_commands(commands: Sequence[Command]) -> bytes:
    """What a client says to git receive-pack in front of the pack (gitprotocol-pack(5))."""
    lines = [f"{command.old or NONE} {command.new or NONE} {command.ref}" for command in commands]
    lines[0] += "\0 report-status delete-refs atomic"
    encoded = [f"{line}\n".encode("utf-8", "surrogateescape") for line in lines]
    return b"".join(b"%04x%s" % (len(line) + 4, line) for line in encoded) + b"0000"


def receive(bare: Path, commands: Sequence[Command], pack: bytes, variables: Mapping[str, str]) -> Answer:
    """Let `git receive-pack` receive a pack."""
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe:
        measured = [sys.executable, "-IS", _PEAK, str(writing), "git", "receive-pack", str(bare)]
        try:
            done = subprocess.run(
                measured,
                input=format_commands(commands) + pack,
                capture_output=True,
                env={**os.environ, **variables},
                pass_fds=[writing],
                check=False,
            )
        finally:
            os.close(writing)
        memory = int(pipe.read())
    status = done.stdout.decode(errors="replace").rpartition("unpack ")[2]
    is_accepted = status.startswith("ok") and "ng " not in status
    return Answer(done.stderr.decode(errors="replace") + status, is_accepted, memory)


def send(
    bare: Path,
    commands: Sequence[Command],
    pack: bytes,
    *,
    role: str = "write",
    limits: Mapping[str, int] | None = None,
) -> Received:
    """Push to a repository of `make_bare`. `memory` is the hook's beyond what it started with, in bytes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = receive(bare, commands, pack, tell_hook(bare, role=role, limits=limits))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = read_report(bare)
    hook = facts.get("hook", 0.0)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Received(
        answer.text,
        answer.is_accepted,
        answer.git,
        used + hook,
        hook,
        facts.get("memory", 0),
        facts,
    )


def read_report(bare: Path) -> dict[str, Any]:
    """What the last hook found, and remove it; nothing if none ran."""
    path = bare / "report"
    report: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    path.unlink(missing_ok=True)
    return report


def make_bare(root: Path) -> Path:
    """A bare repository `root`/digits.git as in a store, whose pre-receive asks the policy alone.

    It has the branch main and the snapshot v1 of it.
    """
    scenes.copy(_build_filled, root)
    return root / "digits.git"


def make_empty(root: Path) -> Path:
    """The same repository without any refs."""
    scenes.copy(_build, root)
    return root / "digits.git"


def _build_filled(root: Path) -> None:
    _build(root)
    bare = root / "digits.git"
    crafted = Craft()
    main = crafted.commit(crafted.tree({"code": {"model.py": b"pass\n"}, "settings.yaml": SETTINGS}))
    commands = [Command("refs/heads/main", main), Command("refs/tags/v1", crafted.snapshot("v1", main))]
    received = send(bare, commands, crafted.pack())
    assert received.is_accepted, received.text


def _build(root: Path) -> None:
    bare = root / "digits.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    hooks = root / "hooks"
    hooks.mkdir()
    script = Path(__file__).with_name("pre_receive.py")
    (hooks / "pre-receive").write_text(f"#!/bin/sh\nexec {spawning.stand_ins() / 'python'} {script}\n")
    (hooks / "pre-receive").chmod(0o755)
    for key, value in repository_settings(hooks, LimitsConfig()).items():
        subprocess.run(["git", "config", key, value], cwd=bare, check=True)


def list_files(directory: Path) -> list[str]:
    """Everything below a directory, to compare it with what is there later."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def list_refs(bare: Path) -> dict[str, Oid]:
    listing = subprocess.run(
        ["git", "for-each-ref", "--format=%(objectname) %(refname)"],
        cwd=bare,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {line.split()[1]: Oid.parse(line.split()[0]) for line in listing.splitlines()}
