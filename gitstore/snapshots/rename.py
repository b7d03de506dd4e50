"""Renaming a snapshot: a new tag of the same commit, which says what it was called."""

from __future__ import annotations

from dataclasses import dataclass

from gitstore.errors import GitstoreError
from gitstore.git.refs import RefChange
from gitstore.git.sign_tag import AS_CONFIGURED, Signer
from gitstore.models import dependents, snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import RENAMED_FROM, Snapshot
from gitstore.objects import tag
from gitstore.packs.oid import Kind
from gitstore.snapshots import record


@dataclass(frozen=True)
class Renamed:
    """A snapshot under its new name, and the derived models that are based on it, as they stay."""

    snapshot: Snapshot
    models: tuple[str, ...]


def rename(found: Snapshot, name: str, *, force: bool = False, signer: Signer = AS_CONFIGURED) -> Renamed:
    """Give a snapshot another name among those of its model. Durable; killed, it may have both names.

    The same call again finishes that. Commit, tagger, date and message stay; what is based on the
    snapshot goes by its commit, and stays valid. Raises `GitstoreError` for a name that cannot be used,
    for a signature that fails, and unless `force`d for a signed tag where the new one would not be: what
    was signed is the old name, too.
    """
    found.check_tag()
    repository = found.repository
    model = Model(repository, found.model, found.prefix)
    models = dependents.of(repository, {found.commit}).models
    removal, reason = RefChange(found.ref, found.oid, None), f"rename {found.short_name} to {name}"
    begun = _begun(found, model.tag_ref(name))
    if begun is not None:
        repository.refs.change([removal], reason)
        return Renamed(begun, models)
    record.check_vacant(model, name)
    with repository.writer() as writer:
        content = repository.objects.read_as(Kind.TAG, found.oid)
        signs = signer.signs(repository)
        if found.tag.signed and not signs and not force:
            raise GitstoreError(
                f"the snapshot {found.short_name} is signed, and the signature is for that name",
                "--sign signs the new name, --force drops the signature",
            )
        content = _content(found, content, name)
        if signs:
            content = signer.sign(
                repository, content, commit=repository.objects.read_as(Kind.COMMIT, found.commit)
            )
        oid = writer.add(Kind.TAG, content)
        writer.finish()
        renamed = record.record(repository, model.tag_ref(name), oid, reason, instead_of=[removal])
    repository.maintain()
    return Renamed(renamed, models)


def _begun(old: Snapshot, ref: str) -> Snapshot | None:
    """The snapshot under its new name, if git was killed after it had that and before the old one went."""
    oid = old.repository.refs.get(ref)
    new = snapshot.read(old.repository, ref, oid) if oid is not None else None
    if new is None or new.commit != old.commit:
        return None
    return new if new.tag.trailers.get(RENAMED_FROM) == f"{old.name} {old.oid}" else None


def _content(found: Snapshot, old: bytes, name: str) -> bytes:
    """The new tag: the old one's, but for the name and where that comes from."""
    trailers = {key: value for key, value in found.tag.trailers.items() if key != RENAMED_FROM}
    written_by = trailers.pop("Gitstore-Format")
    trailers[RENAMED_FROM] = f"{found.name} {found.oid}"
    trailers["Gitstore-Format"] = written_by
    return tag.encode(
        found.commit,
        f"{found.prefix}{name}",
        identity=tag.identity(old),
        message=found.tag.message,
        trailers=trailers,
    )
