"""Taking a snapshot: the working copy as it is on disk, or the branch head of a bare repository.

Neither the branch nor the index nor any file is touched. All new objects become one pack; the tag
comes last, so that a snapshot is there whole or not at all.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from gitstore import hook, packages, settings, snapshot, state
from gitstore.errors import BadSettings, Corrupt, GitstoreError
from gitstore.event import PostSnapshot, PreSnapshot
from gitstore.model import CODE, LOCK, SETTINGS, Model, check_name, is_derived
from gitstore.objects import commit, stored, tag, tree
from gitstore.objects.files import Progress
from gitstore.objects.object_writer import ObjectWriter
from gitstore.objects.oid import Kind, Oid
from gitstore.objects.pack_writer import Written
from gitstore.objects.refs import Change, RefChanged
from gitstore.objects.signing import AS_CONFIGURED, Signer
from gitstore.objects.staging import Staged, stage
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.settings import BasedOn, Settings
from gitstore.snapshot import FORMAT, STATE, Snapshot
from gitstore.units import format_size


@dataclass(frozen=True)
class Taken:
    """A new snapshot, the name of the state in it, and the pack it added (`None`: every object was there).

    `warnings` say what may be amiss with it: packages.lock does not fit the settings.
    """

    snapshot: Snapshot
    state: str
    pack: Written | None
    warnings: tuple[GitstoreError, ...] = ()


def take(
    model: Model,
    name: str,
    *,
    message: str | None = None,
    signer: Signer = AS_CONFIGURED,
    ask_hook: bool = True,
    progress: Progress = lambda _: None,
) -> Taken:
    """Take a snapshot of a model. Atomic and durable.

    `progress` hears of the state's bytes. Raises `GitstoreError` for a name that cannot be used, for
    code that a snapshot cannot hold or that is not the base's, and for a state that is not there or
    changes while it is read; `BadSettings` with every problem of the settings; `SigningFailed`.
    Nothing is recorded then. The hook pre-snapshot can refuse, with `hook.Refused`, unless not asked.
    """
    check_vacant(model, name)
    _check_message(message or "")
    if ask_hook:
        hook.ask(model.repository, _intended(model, name, message))
    taken = _take(model, name, message=message, signer=signer, progress=progress)
    model.repository.maintain()
    hook.tell(model.repository, _done(taken))
    return taken


def _take(model: Model, name: str, *, message: str | None, signer: Signer, progress: Progress) -> Taken:
    content, found = _settings(model)
    active = state.active(model)
    with model.repository.writer() as writer:
        code = _code(model, found, writer)
        top = {SETTINGS: content, LOCK: model.top_file(LOCK)}
        blobs = {key: writer.add(Kind.BLOB, value) for key, value in top.items() if value is not None}
        weights = state.add(model, active, writer, progress)
        pieces = _Pieces(code, weights, active, blobs)
        oid = _write(model, name, writer, pieces, message=message, signer=signer)
        pack = writer.finish()
        return Taken(_record(model, name, oid), active, pack, tuple(_warnings(found, top[LOCK])))


def _intended(model: Model, name: str, message: str | None) -> PreSnapshot:
    """What is known of a snapshot before it is taken. The hook can still change files, settings too."""
    return PreSnapshot(
        model=model.name,
        snapshot=name,
        ref=model.tag_ref(name),
        message=message,
        state=state.active(model),
        settings=settings.to_builtins(_settings(model)[1]),
    )


def _done(taken: Taken) -> PostSnapshot:
    found = taken.snapshot
    return PostSnapshot(
        model=found.model,
        snapshot=found.name,
        ref=found.ref,
        tag=str(found.oid),
        commit=str(found.commit),
        message=found.tag.message,
        state=taken.state,
        added_bytes=taken.pack.size if taken.pack is not None else 0,
        added_objects=taken.pack.objects if taken.pack is not None else 0,
    )


def check_vacant(model: Model, name: str) -> None:
    """Raise `GitstoreError` unless `name` can become a snapshot of the model."""
    check_name(name, "snapshot")
    refs = model.repository.refs
    if refs.get(model.tag_ref(name)) is not None:
        raise GitstoreError(
            f"the snapshot {name} exists already, and a snapshot never changes", "choose another name"
        )
    if not model.prefix and is_derived(model.repository, name):
        raise GitstoreError(
            f"{name} is the name of a derived model, so no snapshot can have it", "choose another name"
        )


def _check_message(message: str) -> None:
    """Raise `GitstoreError` for a message in which git would take a signature to begin, trailers and all."""
    for line in message.splitlines():
        if line.startswith("-----BEGIN "):
            raise GitstoreError(
                f"the message has the line {line!r}, with which git lets a signature begin",
                "write it in another way",
            )


@dataclass(frozen=True)
class _Pieces:
    """What a snapshot is put together from."""

    code: Oid
    weights: Oid
    state: str
    blobs: dict[str, Oid]


def _settings(model: Model) -> tuple[bytes, Settings]:
    """The settings as they are on disk now, checked."""
    content = model.settings_content()
    found = settings.parse(content)
    _check_identity(model, found)
    return content, found


def _check_identity(model: Model, found: Settings) -> None:
    """What settings.yaml on disk says of the model's identity must be what is committed."""
    if found.based_on != model.base:
        raise BadSettings(
            [f"{SETTINGS}: based_on: is not what gitstore wrote there, and only gitstore changes it"],
            f"git checkout HEAD -- {SETTINGS} brings it back",
        )
    if model.prefix and found.name != model.name:
        raise BadSettings(
            [f"{SETTINGS}: name: is {found.name}, but this derived model is {model.name}, like its branch"],
            f"write name: {model.name}",
        )


def _code(model: Model, found: Settings, writer: ObjectWriter) -> Oid:
    """Add the code to the write; returns its tree."""
    if model.repository.is_bare:
        committed = _committed(model, found)
        _check_staged(model, found, committed)
        return committed.tree
    check = partial(_check_staged, model, found)
    return stage(model.repository, writer, model.code, check=check).tree


def _check_staged(model: Model, found: Settings, staged: Staged) -> None:
    """Raise `GitstoreError` for code that is not the base's, or larger than the settings allow."""
    if model.pinned is not None:
        _check_code(model, model.pinned, staged)
    if staged.size > found.filesystem_size:
        raise GitstoreError(
            f"{found.code}/ has {format_size(staged.size)}, more than filesystem_size in {SETTINGS} allows"
            f" ({format_size(found.filesystem_size)})",
            "raise filesystem_size, or make git ignore what is not code; weights belong into states/",
        )


def _committed(model: Model, found: Settings) -> Staged:
    """The code of the branch head, in a bare repository."""
    objects = model.repository.objects
    top = model.repository.commit(model.head).tree if model.head is not None else None
    here = stored.subtree(objects, top, PurePosixPath(found.code)) if top is not None else None
    if here is None:
        raise GitstoreError(f"the branch head has no {found.code}/, so there is no code to take")
    listed = list(stored.files(objects, here, joined=False))
    return Staged(
        here,
        sum(file.size(objects) for file in listed),
        {file.path: (file.mode, file.entry) for file in listed},
    )


def _check_code(model: Model, base: BasedOn, staged: Staged) -> None:
    """A derived model's code is its base's, by object id."""
    tree_oid = model.base_code(base)
    if staged.tree == tree_oid:
        return
    listed = stored.files(model.repository.objects, tree_oid, joined=False)
    wanted = {file.path: (file.mode, file.entry) for file in listed}
    different = {
        path for path in wanted.keys() | staged.files.keys() if wanted.get(path) != staged.files.get(path)
    }
    first = min(different)
    if first not in wanted:
        how, mend = "is not in", f"rm {shlex.quote(f'{CODE}/{first}')} removes it"
    else:
        how = "differs from" if first in staged.files else "is missing, but is in"
        mend = f"git checkout {base.commit[:12]} -- {shlex.quote(f'{CODE}/{first}')} brings it back"
    more = f", and {len(different) - 1} more" if len(different) > 1 else ""
    where = f"the base {base.model}@{base.snapshot}{more}"
    raise GitstoreError(
        f"{CODE}/{first} {how} {where}; {model.name} has no code of its own",
        f"{mend}; to change the code, change it in {base.model}, take a snapshot there and rebase on that,"
        " or make it the model's own with gitstore detach",
    )


def _warnings(found: Settings, lock: bytes | None) -> Iterator[GitstoreError]:
    """What is amiss with packages.lock, if the settings have requirements."""
    problem = packages.problem(packages.status(found.packages, lock))
    if problem is not None and found.packages.requirements:
        yield problem


def _write(
    model: Model, name: str, writer: ObjectWriter, pieces: _Pieces, *, message: str | None, signer: Signer
) -> Oid:
    """Add tree, commit and tag to the write; returns the tag."""
    entries = [
        TreeEntry(Mode.TREE, CODE.encode(), pieces.code),
        TreeEntry(Mode.TREE, STATE.encode(), pieces.weights),
        *(TreeEntry(Mode.FILE, key.encode(), oid) for key, oid in pieces.blobs.items()),
    ]
    tree_oid = writer.add(Kind.TREE, tree.encode(entries))
    identity = model.repository.identity()
    text = f"Snapshot {name} of {model.name}"
    tagged = commit.encode(tree_oid, _parents(model), identity, text)
    commit_oid = writer.add(Kind.COMMIT, tagged)
    said = (message or "").strip() or text
    content = tag.encode(commit_oid, f"{model.prefix}{name}", identity, said, _trailers(model, pieces))
    if signer.signs(model.repository):
        content = signer.sign(model.repository, content, tagged)
    return writer.add_apart(Kind.TAG, content)


def _trailers(model: Model, pieces: _Pieces) -> dict[str, str]:
    """What the tag says of the snapshot, docs/format.md."""
    trailers = {
        "Model": model.name,
        "State": pieces.state,
        "Code-Tree": str(pieces.code),
        "State-Tree": str(pieces.weights),
        "Settings-Blob": str(pieces.blobs[SETTINGS]),
    }
    if model.base is not None:
        trailers["Based-On"] = f"{model.base.model}@{model.base.snapshot} {model.base.tag}"
    trailers["Gitstore-Format"] = FORMAT
    return trailers


def _parents(model: Model) -> tuple[Oid, ...]:
    """What was checked out: the branch head.

    With HEAD on another snapshot (`git checkout v1`) the two become siblings: as its child, this one
    would keep the other's bytes for as long as it lives.
    """
    if model.head is None:
        return ()
    here = model.repository.commit(model.head)
    is_snapshot = snapshot.shape_problem(stored.read_tree(model.repository.objects, here.tree)) is None
    return here.parents if is_snapshot else (model.head,)


def _record(model: Model, name: str, oid: Oid) -> Snapshot:
    """Point the tag's ref at it: from here on the snapshot is there."""
    ref = model.tag_ref(name)
    try:
        model.repository.refs.change([Change(ref, None, oid)], f"snapshot {name}")
    except RefChanged as error:
        raise GitstoreError(
            f"the snapshot {name} exists already: somebody took it meanwhile", "choose another name"
        ) from error
    taken = snapshot.read(model.repository, ref, oid)
    if taken is None:
        raise Corrupt(f"{ref} was written, but cannot be read back")
    return taken
