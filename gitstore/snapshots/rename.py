"""Renaming a snapshot: a new tag of the same commit, with the old name and tag in a trailer."""

from __future__ import annotations

from dataclasses import dataclass

from gitstore.aliases.move import follow_renaming
from gitstore.errors import GitstoreError
from gitstore.events import journal
from gitstore.git.refs import RefChange
from gitstore.git.sign_tag import AS_CONFIGURED, Signer
from gitstore.models import alias, dependents
from gitstore.models import snapshot as snapshots
from gitstore.models.alias import AliasTarget
from gitstore.models.model import Model
from gitstore.models.snapshot import RENAMED_FROM, Snapshot
from gitstore.objects import tag
from gitstore.packs.oid import Kind, Oid
from gitstore.records import forget
from gitstore.snapshots.create_ref import check_vacant, create_ref


@dataclass(frozen=True)
class Renamed:
    """A snapshot under its new name, and the derived models that are based on it, which do not change.

    `aliases` are those that it has, each with a move to the new name.
    """

    snapshot: Snapshot
    models: tuple[str, ...]
    aliases: tuple[str, ...] = ()


def rename(snapshot: Snapshot, name: str, *, force: bool = False, signer: Signer = AS_CONFIGURED) -> Renamed:
    """Give a snapshot another name in its model. Durable. After a kill, it may have both names.

    The same call again finishes that. Commit, tagger, date and message stay. Models that are based on the
    snapshot refer to its commit, so they stay valid. Its aliases move along, in the same transaction.

    Raises `GitstoreError` for a name that cannot be used and for a signature that fails. Unless `force`,
    also raises it if the old tag is signed and the new one would not be: a signature covers the name.
    """
    snapshot.check_tag()
    repository = snapshot.repository
    journal.observe(repository)
    model = Model(repository, snapshot.model, snapshot.prefix)
    models = dependents.find_dependents(repository, {snapshot.commit}).models
    removal = RefChange(snapshot.ref, snapshot.tag_oid, None)
    reason = f"rename {snapshot.short_name} to {name}"
    begun = _find_begun(snapshot, model.tag_ref(name))
    if begun is None:
        check_vacant(model, name)
    aliases = alias.select_by_tags(alias.list_aliases(model), [snapshot.tag_oid])
    with repository.writer() as writer:
        oid = begun.tag_oid if begun else writer.add(Kind.TAG, _make_tag(snapshot, name, signer, force=force))
        following = follow_renaming(writer, model, aliases, target=AliasTarget(name, oid))
        writer.finish()
        together = [*_move_records(snapshot, oid), *following, removal]
        if begun is None:
            renamed = create_ref(repository, model.tag_ref(name), oid, reason=reason, together=together)
        else:
            repository.refs.change(together, reason)
            renamed = begun
    forget.drop_notes(repository, {snapshot.tag_oid})
    repository.maintain()
    journal.observe(repository)
    return Renamed(renamed, models, tuple(named.name for named in aliases))


def _make_tag(snapshot: Snapshot, name: str, signer: Signer, *, force: bool) -> bytes:
    """Return the new tag, signed if it should be."""
    repository = snapshot.repository
    signs = signer.signs(repository)
    if snapshot.tag.signed and not signs and not force:
        raise GitstoreError(
            f"the snapshot {snapshot.short_name} is signed, and the signature is for that name",
            "--sign signs the new name; --force drops the signature",
        )
    content = _encode_tag(snapshot, repository.objects.read_as(Kind.TAG, snapshot.tag_oid), name)
    if not signs:
        return content
    commit = repository.objects.read_as(Kind.COMMIT, snapshot.commit)
    return signer.sign(repository, content, commit=commit)


def _move_records(snapshot: Snapshot, tag_oid: Oid) -> list[RefChange]:
    """Copy the records of evaluations to a new tag; return the changes that move their files."""
    forget.copy_notes(snapshot.repository, snapshot.tag_oid, tag_oid)
    return forget.plan_move(snapshot.repository, snapshot.tag_oid, tag_oid)


def _find_begun(old: Snapshot, ref: str) -> Snapshot | None:
    """Return the snapshot under its new name if git was killed between creating that and deleting the old."""
    oid = old.repository.refs.get(ref)
    new = snapshots.read(old.repository, ref, oid) if oid is not None else None
    if new is None or new.commit != old.commit:
        return None
    return new if new.tag.trailers.get(RENAMED_FROM) == f"{old.name} {old.tag_oid}" else None


def _encode_tag(snapshot: Snapshot, old: bytes, name: str) -> bytes:
    """Encode the new tag: the old one with another name, and a trailer for where it comes from."""
    trailers = {key: value for key, value in snapshot.tag.trailers.items() if key != RENAMED_FROM}
    written_by = trailers.pop("Gitstore-Format")
    trailers[RENAMED_FROM] = f"{snapshot.name} {snapshot.tag_oid}"
    trailers["Gitstore-Format"] = written_by
    return tag.encode(
        snapshot.commit,
        f"{snapshot.prefix}{name}",
        identity=tag.read_tagger(old),
        message=snapshot.tag.message,
        trailers=trailers,
    )
