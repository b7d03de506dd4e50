"""Reading refs as git's files backend stores them: one file below refs/ each, or a line of packed-refs.

libgit2 skips a ref that it cannot read, or fails for all of them. This module names each ref that it cannot
read, and reads the others. See gitrepository-layout(5) and git-check-ref-format(1).
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from gitstore.errors import Corrupt
from gitstore.git.files import RefValue, parse_ref
from gitstore.packs.oid import Oid
from gitstore.text import quoted

_LONGEST = 4096 + len("ref: ")
"""The size limit of a ref's file: it holds an object id, or a name, which is at most as long as a path."""

_BROKEN_CHARACTER = re.compile(r"[\x00-\x09\x0b-\x20\x7f~^:?*\[\\]")
_BROKEN_FORMS = (
    "..", "@{", "//", "/.", ".lock/", ".lock\n", "\n.", "\n/", ".\n", "/\n", "\n@\n", "\n\n",
)  # fmt: skip
_ZEROS = b"0" * 40

_PACKED = re.compile(rb"^([0-9a-f]{40}) ([^\n]+)\n(?:\^([0-9a-f]{40})\n)?", re.MULTILINE)
_ALL_PACKED = re.compile(rb"(?:#[^\n]*\n)*+(?:(?!0{40})[0-9a-f]{40} [^\n]+\n(?:\^[0-9a-f]{40}\n)?+)*+")
_PACKED_HEADER = re.compile(rb"(?:#[^\n]*\n)*")


class DamagedRef(Corrupt):
    """A ref that cannot be read. `path` is its file, and `problem` continues a sentence about that file."""

    def __init__(self, ref: str, path: Path, *, problem: str) -> None:
        super().__init__(f"{path} is damaged: it {problem}", _remedy(ref, path))
        self.ref = ref
        self.path = path


class PackedRefs:
    """The content of packed-refs. Looking up a single ref does not parse all of it."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        self._content = content

    def get(self, ref: str) -> Oid | None:
        """Return what a ref points to, if it is packed. Raises `DamagedRef` if a damaged line may name it."""
        name = b" " + os.fsencode(ref)
        at = self._content.find(name)
        if at >= 0:
            line = re.compile(rb"^([0-9a-f]{40})%s$" % re.escape(name), re.MULTILINE)
            match = line.search(self._content, max(0, at - 41))
            if match is not None and match[1] != _ZEROS:
                return Oid.parse(match[1])
        if not self._is_sound:
            raise self.problems[0]
        return None

    @property
    def refs(self) -> dict[str, Oid]:
        """All packed refs, by name."""
        return self._parsed[0]

    @property
    def problems(self) -> tuple[DamagedRef, ...]:
        """An error for each line that names no ref."""
        return self._parsed[1]

    def list_peeled(self) -> dict[str, Oid]:
        """Return the objects that tags lead to, by the names of the refs, where git noted them."""
        matches = _PACKED.finditer(self._content)
        return {os.fsdecode(match[2]): Oid.parse(match[3]) for match in matches if match[3]}

    @cached_property
    def _is_sound(self) -> bool:
        """Whether each line looks as git writes it. Names are not checked."""
        return _ALL_PACKED.fullmatch(self._content) is not None

    @cached_property
    def _parsed(self) -> tuple[dict[str, Oid], tuple[DamagedRef, ...]]:
        """Parse all lines at once, as there may be thousands; one by one if any is damaged."""
        lines = os.fsdecode(self._content).split("\n") if self._is_sound else []
        lines = [line for line in lines if line and line[0] not in "#^"]
        names = [line[41:] for line in lines]
        if not names or not _are_ref_names("\n".join(names)):
            return self._parse_each()
        return dict(zip(names, Oid.parse_all([line[:40] for line in lines]), strict=True)), ()

    def _parse_each(self) -> tuple[dict[str, Oid], tuple[DamagedRef, ...]]:
        header = _PACKED_HEADER.match(self._content)
        at = header.end() if header is not None else 0
        refs: dict[str, Oid] = {}
        problems = []
        while at < len(self._content):
            match = _PACKED.match(self._content, at)
            name = os.fsdecode(match[2]) if match is not None else ""
            if match is None or not is_ref_name(name) or match[1] == _ZEROS:
                line = self._content.count(b"\n", 0, at) + 1
                problems.append(
                    DamagedRef("packed-refs", self._path, problem=f"does not name a ref in line {line}")
                )
                at = self._content.find(b"\n", at) + 1 or len(self._content)
                continue
            refs[name] = Oid.parse(match[1])
            at = match.end()
        return refs, tuple(problems)


def is_ref_name(name: str) -> bool:
    """Whether git accepts this as the name of a ref, git-check-ref-format(1)."""
    return "\n" not in name and _are_ref_names(name)


def _are_ref_names(lines: str) -> bool:
    """Whether git accepts each of these lines, one at least, as the name of a ref."""
    framed = f"\n{lines}\n"
    return _BROKEN_CHARACTER.search(framed) is None and not any(form in framed for form in _BROKEN_FORMS)


def read_loose(directory: Path, ref: str) -> RefValue | None:
    """Return what the file of a ref holds; `None` if it does not exist. Raises `DamagedRef`."""
    path = directory / ref
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            # git's first symbolic refs were symbolic links. Any other link leads to the file of a ref.
            target = str(path.readlink())
            if target.startswith("refs/") and is_ref_name(target):
                return target
            status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise DamagedRef(ref, path, problem="is not a regular file")
        return _parse(_read_start(path), ref=ref, path=path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def list_loose(directory: Path, prefix: str) -> Iterator[tuple[str, RefValue | DamagedRef]]:
    """Yield the refs below a prefix such as `refs/tags/` that have a file, in no order."""
    start = prefix.rpartition("/")[0]
    waiting = [start] if is_ref_name(start) else []
    while waiting:
        folder = waiting.pop()
        for entry in _list_directory(directory / folder):
            name = f"{folder}/{entry.name}"
            # git skips these, too.
            if entry.name.startswith(".") or entry.name.endswith(".lock"):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            elif name.startswith(prefix):
                value = _read(directory, name, is_plain=entry.is_file(follow_symlinks=False))
                if value is not None:
                    yield name, value


def _list_directory(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read(directory: Path, ref: str, *, is_plain: bool) -> RefValue | DamagedRef | None:
    """Read like `read_loose`, with one system call less for a plain file: there may be ten thousand."""
    if not is_ref_name(ref):
        return DamagedRef(ref, directory / ref, problem="has a name that is not a valid ref name")
    try:
        path = directory / ref
        return _parse(_read_start(path), ref=ref, path=path) if is_plain else read_loose(directory, ref)
    except FileNotFoundError:
        return None  # git packed or deleted it after it was listed
    except DamagedRef as error:
        return error


def _read_start(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _LONGEST + 1)
    finally:
        os.close(descriptor)


def _parse(content: bytes, *, ref: str, path: Path) -> RefValue:
    if not content.strip(b"\0 \n"):
        problem = "is empty" if not content else "contains only zeros and spaces"
        raise DamagedRef(ref, path, problem=problem)
    if len(content) > _LONGEST:
        raise DamagedRef(ref, path, problem="is too large for a ref")
    value = parse_ref(content)
    if value is None:
        raise DamagedRef(ref, path, problem="does not contain an object id")
    if isinstance(value, str) and (not is_ref_name(value) or "/" not in value):
        raise DamagedRef(ref, path, problem=f"points to {quoted(value)}, which is not a valid ref name")
    return value


def _remedy(ref: str, path: Path) -> str:
    """Return what a person can do. git neither changes nor deletes a ref that it cannot read."""
    file = shlex.quote(str(path))
    if ref == "HEAD":
        return f"write into it which branch is checked out: echo 'ref: refs/heads/BRANCH' > {file}"
    if ref == "packed-refs":
        return "a clone or a backup may still have the refs; git fsck lists tags and commits that none names"
    if ref.startswith("refs/states/") and ref.endswith("/HEAD"):
        return f"git does not need it: rm {file}"
    if not is_ref_name(ref):
        return f"move it out of the repository: mv {file} /tmp"
    return (
        f"git fsck lists tags and commits that no ref names; rm {file}, then"
        f" git update-ref {shlex.quote(ref)} ID restores it"
    )
