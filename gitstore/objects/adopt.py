"""Taking over packs that git wrote for a push or a fetch, so that gc can remove what is dead in them.

A pack is taken over by gitstore's `.keep`. It says whether the pack has deltas: entries of a pack without can
be copied one by one.
"""

from __future__ import annotations

from gitstore.disk.atomic import replace_file
from gitstore.errors import Corrupt
from gitstore.objects.database import ObjectDatabase
from gitstore.packs.format import GIT_MARK, KEEP_MARK
from gitstore.packs.pack import Pack

_RECEIVED = (b"receive-pack ", b"fetch-pack ")
"""How git's own `.keep` begins, which it removes when the refs are set; a killed git leaves it."""


def adopt_packs(database: ObjectDatabase) -> list[Pack]:
    """Take over the repository's packs that nobody keeps. Returns them. Durable on return.

    A damaged pack is left alone, for `verify` to report. The caller makes sure that no git is receiving any.
    """
    database.refresh()
    adopted = []
    for pack in database.own_packs:
        if pack.is_ours or _is_kept_by_others(pack):
            continue
        try:
            mark = GIT_MARK if _has_deltas(pack) else KEEP_MARK
        except Corrupt:
            continue
        replace_file(pack.keep_path, mark, mode=0o444)
        adopted.append(pack)
    return adopted


def _is_kept_by_others(pack: Pack) -> bool:
    """Whether somebody keeps a pack. A `.promisor` pack belongs to a partial clone."""
    if pack.path.with_suffix(".promisor").exists():
        return True
    try:
        return not pack.keep_path.read_bytes().startswith(_RECEIVED)
    except FileNotFoundError:
        return False


def _has_deltas(pack: Pack) -> bool:
    return any(pack.header(position).kind is None for position in range(pack.index.count))
