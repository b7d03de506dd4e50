"""References to snapshots as commands take them: of this machine, or REMOTE:SNAPSHOT and URL@SNAPSHOT.

What a command fetches of a remote stays until the command ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gitstore.git.repository import Repository
    from gitstore.models.snapshot import Snapshot
    from gitstore.packs.oid import Oid
    from gitstore.transfer.elsewhere.place import RemotePlace

_TAGS, _HOLDERS = (
    ("refs/tags/", "refs/aliases/"),
    ("refs/tags/", "refs/heads/", "refs/states/", "refs/aliases/"),
)


def resolve(ctx: click.Context, text: str) -> Snapshot:
    """Return the snapshot of a reference. One of a remote can be read until the command ends."""
    from gitstore.models import reference

    place = _find_place(ctx, text)
    if place is None:
        return reference.resolve(text, ctx.obj)
    from gitstore.transfer.elsewhere.view import open_snapshot

    return ctx.with_resource(open_snapshot(place, _find_scratch(ctx)))


def is_remote(ctx: click.Context, text: str | None) -> bool:
    """Whether a reference is to a snapshot of a remote."""
    return text is not None and _find_place(ctx, text) is not None


def open_tags(ctx: click.Context, text: str) -> Repository | None:
    """Open what listing the snapshots of `REMOTE:` or a URL needs; `None` for anything else."""
    if ":" not in text:
        return None
    from gitstore.transfer.elsewhere.place import find_remote_place

    place = find_remote_place(text, ctx.obj)
    return _open(ctx, place, namespaces=_TAGS, borrowing=True)[0] if place is not None else None


def open_holders(ctx: click.Context, text: str) -> tuple[Repository, str | None] | None:
    """Open the repository of `REMOTE:`, a URL, or a snapshot there, with all refs that hold objects.

    Also returns the ref of the snapshot, if one is meant; `None` for anything else.
    """
    if ":" not in text:
        return None
    from gitstore.transfer.elsewhere.place import find_remote_place

    place = _find_place(ctx, text) or find_remote_place(text, ctx.obj)
    return _open(ctx, place, namespaces=_HOLDERS, borrowing=False) if place is not None else None


def _open(
    ctx: click.Context, place: RemotePlace, *, namespaces: tuple[str, ...], borrowing: bool
) -> tuple[Repository, str | None]:
    from gitstore.transfer.elsewhere.view import open_view

    tag: str | None = None

    def choose(theirs: Mapping[str, Oid]) -> Sequence[str]:
        nonlocal tag
        tag = place.find_ref(theirs) if place.name else None
        return [ref for ref in theirs if ref.startswith(namespaces)]

    view = open_view(place, choose, _find_scratch(ctx), borrowing=borrowing)
    return ctx.with_resource(view), tag


def _find_place(ctx: click.Context, text: str) -> RemotePlace | None:
    if ":" not in text:  # the usual case, which need not look for remotes
        return None
    from gitstore.transfer.elsewhere.place import find_snapshot_place

    return find_snapshot_place(text, ctx.obj)


def _find_scratch(ctx: click.Context) -> Path:
    """Return a directory of the user's cache, in which gc removes what a killed command left."""
    from gitstore.run.cache.user_cache import find_user_cache

    return find_user_cache(ctx.obj).directory / "remote-repositories"
