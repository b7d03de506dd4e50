"""A push as it arrives: it is stopped at the first byte that shows that it is too large.

`git index-pack` would inflate and hash all of it first: minutes for a pack of a megabyte. A front lets what
it gets pass through here before git sees it. What is decided here is decided again by the other rules, from
the sizes that git has found. This only saves the work.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable

from gitstore.packs import limits as read_limits
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.scan import PackScanner
from gitstore.policy.limits import DELTA_DEPTH, TREE_OVERHEAD, PushLimits
from gitstore.policy.push import PathProblem
from gitstore.policy.refusal import Refusal
from gitstore.policy.rules import refuse_path
from gitstore.units import MIB

FREE = 64 * MIB
"""Bytes that any pack may inflate to."""

EXPANSION = 200
"""How many times larger than the pack its entries may be beyond that. Text deflates to a fifth."""

FREE_RESULTS = 256 * MIB
"""Bytes that the deltas of any pack may make."""

FREE_UNKNOWN = 64 * MIB
"""Bytes that deltas may make whose base is another object of the pack, named by its id: they may be trees, of
which git checks each. Beyond that, they may be `EXPANSION` times larger than the pack."""

RESULT_EXPANSION = 1000
"""How many times larger than the pack their results may be beyond that. A text of 300 KB that changes with
each commit makes 400 times the bytes of its history's pack."""

DELTA_MEMORY = 40 * MIB
"""Bytes of a delta, its base and its result: `git index-pack` holds all three at once."""

DELTA = 16 * MIB
"""Bytes of a delta alone. It may lie about its base, of which git then holds 40 MiB beside it."""

COMMANDS = 16 * MIB
"""Bytes of commands: 50,000 refs with names of 200 bytes. `git receive-pack` holds all of them."""

_FLUSH = b"0000"

_MOST_NAMES = 4 * MIB
"""Bytes of names of refs that are kept."""


FindKind = Callable[[Oid], Kind | None]
"""Returns the kind of an object that is in the repository already; `None` for any other."""


class AskedRefs:
    """What a push asks for, as far as it has come: the names of its refs, and what the client can do.

    Of a push with names of over 4 MiB, the first are here.
    """

    def __init__(self) -> None:
        self.refs: list[bytes] = []
        self.capabilities: frozenset[bytes] = frozenset()
        self._size = 0

    def add(self, line: bytes, *, is_first: bool) -> None:
        """Add a line: the old and the new value and the ref; in the first one also what the client can do."""
        command, _, words = line.rstrip(b"\n").partition(b"\0")
        if is_first:
            self.capabilities = frozenset(words.split())
        ref = command.split(b" ", 2)[-1]
        self._size += len(ref)
        if self._size <= _MOST_NAMES:
            self.refs.append(ref)


class PushStopped(Exception):
    """A push that must not go on."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class PushStream:
    """Follows what a pusher sends to git receive-pack (gitprotocol-pack(5)): commands, then a pack.

    Deltas may be on objects that the pack lacks (a thin pack), of which `find_kind` is asked.
    """

    def __init__(self, limits: PushLimits, find_kind: FindKind) -> None:
        self._limits = limits
        self._find_kind = find_kind
        self._lines = bytearray()
        self._count = self._size = self._asked_size = 0
        self._scanner: PackScanner | None = None
        self.asked = AskedRefs()
        self.commands = 0
        """Bytes at the start of the last piece that are commands: they may pass if the pack must stop."""

    def feed(self, data: bytes) -> None:
        """Follow the next bytes. Raises `PushStopped`."""
        self.commands = 0
        if self._scanner is None:
            self._lines += data
            rest = self._read_lines()
            self.commands = len(data) - len(rest)
            data = rest
        if self._scanner is None or not data:
            return
        self._size += len(data)
        if self._size > self._limits.pack:
            raise _stop("pack-size", f"has a pack of over {self._limits.pack:,} bytes")
        try:
            self._scanner.feed(data)
        except ValueError as error:
            raise _stop("pack-form", f"has a malformed pack: {error}") from error

    def _read_lines(self) -> bytes:
        """Read commands up to the line that ends them, and return what follows it."""
        at = 0
        while len(self._lines) >= at + len(_FLUSH):
            digits = bytes(self._lines[at : at + len(_FLUSH)])
            if digits == _FLUSH:
                self._scanner = PackScanner(_Watch(self._limits, self._find_kind))
                return bytes(self._lines[at + len(_FLUSH) :])
            length = _parse_length(digits)
            if len(self._lines) < at + length:
                break
            self.asked.add(bytes(self._lines[at + len(digits) : at + length]), is_first=not self._count)
            at += length
            self._asked_size += length
            if self._asked_size > COMMANDS:
                raise _stop("ref-count", f"names its refs in over {COMMANDS:,} bytes")
            self._count += 1
            if self._count > self._limits.refs:
                raise _stop("ref-count", f"changes more than {self._limits.refs:,} refs")
        del self._lines[:at]
        return b""


class _Watch:
    """Compares what a pack has with the limits."""

    def __init__(self, limits: PushLimits, find_kind: FindKind) -> None:
        self._limits = limits
        self._find_kind = find_kind
        self._results = self._unknown = self._trees = self._entry = 0
        self._offsets = array("Q")
        self._kinds = bytearray()  # 0 for a delta on another object of the pack that it names by its id
        self._depths = array("H")

    def begin(self, count: int) -> None:
        if count > self._limits.objects:
            raise _stop("object-count", f"has {count:,} objects, over {self._limits.objects:,}")

    def enter(self, kind: Kind | None, size: int, *, at: int) -> None:
        if kind is None and size > DELTA:
            raise _stop("delta-size", f"has a delta of {size:,} bytes, over {DELTA:,}")
        self._check_size(kind, size)
        self._entry = size
        self._offsets.append(at)
        self._kinds.append(kind or 0)
        self._depths.append(0)
        if kind is Kind.TREE:
            self._add_tree(size)

    def see_base(self, back: int, oid: Oid | None) -> None:
        base = bisect_left(self._offsets, self._offsets[-1] - back)
        is_known = oid is None and back > 0 and self._offsets[base] == self._offsets[-1] - back
        if is_known:  # git refuses any other place
            self._kinds[-1] = self._kinds[base]
        elif oid is not None:
            self._kinds[-1] = self._find_kind(oid) or 0
        depth = self._depths[base] + 1 if is_known else 1
        if depth > DELTA_DEPTH:
            raise _stop("delta-depth", f"has a chain of over {DELTA_DEPTH} deltas")
        self._depths[-1] = depth

    def see_delta(self, base: int, result: int) -> None:
        delta, kind = self._entry, Kind(self._kinds[-1]) if self._kinds[-1] else None
        self._check_size(kind, max(base, result))
        self._results += result
        if kind is Kind.TREE:
            self._add_tree(result)
        if kind is None:
            self._unknown += result
        if delta + base + result > DELTA_MEMORY:
            problem = f"has a delta of {delta:,} bytes that makes {result:,} of {base:,}, together over"
            raise _stop("delta-size", f"{problem} {DELTA_MEMORY:,}")

    def advance(self, packed: int, inflated: int) -> None:
        if inflated + self._results > self._limits.inflated:
            raise _stop("inflated-size", f"has objects of over {self._limits.inflated:,} bytes")
        if inflated > FREE + EXPANSION * packed:
            raise _stop("expansion", f"expands to {inflated:,} bytes from {packed:,}")
        if self._results > FREE_RESULTS + RESULT_EXPANSION * packed:
            raise _stop("expansion", f"has deltas that make {self._results:,} bytes from {packed:,}")
        if self._unknown > FREE_UNKNOWN + EXPANSION * packed:
            raise _stop("expansion", f"has deltas by id that make {self._unknown:,} bytes from {packed:,}")

    def _check_size(self, kind: Kind | None, size: int) -> None:
        inner = {Kind.TREE: self._limits.tree, Kind.COMMIT: read_limits.COMMIT, Kind.TAG: read_limits.TAG}
        limit = self._limits.object if kind is None else inner.get(kind, self._limits.object)
        if size > limit:
            raise _too_large(size, limit)

    def _add_tree(self, size: int) -> None:
        self._trees += size + TREE_OVERHEAD
        if self._trees > self._limits.trees:
            raise _stop("tree-sum", f"has trees of over {self._limits.trees:,} bytes")


def _parse_length(digits: bytes) -> int:
    try:
        length = int(digits, 16)
    except ValueError:
        length = 0
    if length <= len(_FLUSH):
        raise _stop("pack-form", "is not what git sends")
    return length


def _too_large(size: int, limit: int) -> PushStopped:
    return _stop("object-size", f"has an object of {size:,} bytes, over {limit:,}")


def _stop(rule: str, problem: str) -> PushStopped:
    return PushStopped(refuse_path(PathProblem(rule, "", problem)))
