"""Taking a snapshot: the working copy as it is on disk, or the branch head of a bare repository.

Neither the branch nor the index nor any file is touched. All new objects become one pack; the tag
comes last, so that a snapshot is there whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gitstore import settings
from gitstore.environments import lockfile
from gitstore.errors import BadSettings, FileChanged, GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostSnapshot, PreSnapshot
from gitstore.git.sign_tag import AS_CONFIGURED, Signer
from gitstore.models import snapshot, state
from gitstore.models.model import CODE, LOCK, SETTINGS, Model, check_name
from gitstore.models.snapshot import FORMAT, STATE, Snapshot
from gitstore.objects import commit, tag, tree
from gitstore.objects.paths import read_tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import Written
from gitstore.progress import Progress
from gitstore.settings import Settings
from gitstore.snapshots import record
from gitstore.states.save import add_state
from gitstore.workingcopy import capture_code
from gitstore.workingcopy.candidate import Check, Identity, candidate

_NO_FILES = Oid.of(Kind.TREE, b"")


@dataclass(frozen=True)
class Taken:
    """A new snapshot, the name of the state in it, and the pack it added (`None`: every object was there).

    `warnings` say what may be amiss with it: packages.lock does not fit the settings, the state is empty, git
    stores code otherwise than it is on disk.
    """

    snapshot: Snapshot
    state: str
    pack: Written | None
    warnings: tuple[GitstoreError, ...] = ()

    @property
    def added(self) -> int:
        """Bytes of the new pack."""
        return self.pack.size if self.pack is not None else 0


def take(
    model: Model,
    name: str,
    *,
    message: str | None = None,
    of_state: str | None = None,
    signer: Signer = AS_CONFIGURED,
    ask_hook: bool = True,
    allow_pointers: bool = False,
    check: Check | None = None,
    progress: Progress = lambda _: None,
) -> Taken:
    """Take a snapshot of a model, with its active state or another. Atomic and durable.

    It holds what code, state and settings were at one time. `progress` hears of the state's bytes. Raises
    `GitstoreError` for a name that cannot be used, for code that a snapshot cannot hold or that is not the
    base's, for a state that is not there, and for Git LFS pointers in it unless they are allowed;
    `FileChanged` if anything changes before all is read; `BadSettings` with every problem of the settings;
    `Locked` while another command replaces files; `SigningFailed`. Nothing is recorded then. The hook
    pre-snapshot can refuse, with `HookRefused`, unless not asked. Then `check` tries what the snapshot
    would hold; what it raises is raised, and what has changed since is no snapshot.
    """
    record.check_vacant(model, name)
    _check_message(message or "")
    if of_state is not None:
        check_name(of_state, "state")
    if ask_hook:
        dispatch.call_pre_hook(model.repository, _intended(model, name, of_state, message))
    checked = _checked(model, of_state, check) if check is not None else None
    request = _Request(name, of_state, message, signer, allow_pointers, checked, progress)
    with model.repository.reading_files():
        # The hook, or whoever held the working copy until now, may have committed other settings.
        model = _again(model)
        taken = _take(model, request)
    model.repository.maintain()
    dispatch.notify_post_hook(model.repository, announcement(taken))
    return taken


@dataclass(frozen=True)
class _Request:
    """What is asked for, as `take` has it."""

    name: str
    of_state: str | None
    message: str | None
    signer: Signer
    allow_pointers: bool
    checked: Identity | None
    progress: Progress


def _checked(model: Model, of_state: str | None, check: Check) -> Identity:
    """Try what a snapshot would hold; returns what that was."""
    with candidate(model, of_state or state.active(model)) as found:
        check(found)
        return found.identity


def _again(model: Model) -> Model:
    """The model as it is now. Raises `GitstoreError` if the working copy has another one's branch by now."""
    now = Model.open(model.directory)
    if now.prefix != model.prefix:
        raise GitstoreError(f"{model.directory} is a working copy of another model now: {now.name}")
    return now


def _take(model: Model, request: _Request) -> Taken:
    name = request.name
    with model.repository.writer() as writer:
        record.check_vacant(model, name)
        pieces = _read(model, request, writer)
        oid = _write(model, request, writer, pieces)
        pack = writer.finish()
        taken = record.record(model.repository, model.tag_ref(name), oid, f"snapshot {name}")
        return Taken(taken, pieces.state, pack, pieces.warnings)


def _read(model: Model, request: _Request, writer: ObjectWriter) -> _Pieces:
    """Add code, settings and a state to the write: what all of them were at one time.

    Raises `FileChanged` if any of it is another than when it was read. What is read last is checked
    first, so that all of it was there at once in between.
    """
    head, name = model.head, request.of_state or state.active(model)
    content, found = _settings(model)
    top = {SETTINGS: content, LOCK: model.top_file(LOCK)}
    code = capture_code.add(model, found, writer)
    weights = add_state(model, name, writer, allow_pointers=request.allow_pointers, progress=request.progress)
    capture_code.check_unchanged(code)
    for key, value in top.items():
        if model.top_file(key) != value:
            raise FileChanged(model.directory / key)
    if model.repository.is_bare and model.head != head:
        raise GitstoreError(f"the branch of {model.directory} moved meanwhile", "run the same command again")
    identity = Identity(code.tree, weights, content, top[LOCK])
    if request.checked is not None and request.checked != identity:
        raise GitstoreError(
            f"{model.directory} has changed since the check began, by the model itself perhaps",
            "nothing was recorded; run the same command again",
        )
    blobs = {key: writer.add(Kind.BLOB, value) for key, value in top.items() if value is not None}
    warnings = (*code.warnings, *_warnings(name, weights, found, top[LOCK]))
    return _Pieces(code.tree, weights, name, blobs, warnings)


def _intended(model: Model, name: str, of_state: str | None, message: str | None) -> PreSnapshot:
    """What is known of a snapshot before it is taken. The hook can still change files, settings too."""
    return PreSnapshot(
        model=model.name,
        snapshot=name,
        ref=model.tag_ref(name),
        message=message,
        state=of_state or state.active(model),
        settings=settings.to_builtins(_settings(model)[1]),
    )


def announcement(taken: Taken) -> PostSnapshot:
    """What the hook post-snapshot is told."""
    found = taken.snapshot
    return PostSnapshot(
        model=found.model,
        snapshot=found.name,
        ref=found.ref,
        tag=str(found.oid),
        commit=str(found.commit),
        message=found.tag.message,
        state=taken.state,
        added_bytes=taken.added,
        added_objects=taken.pack.objects if taken.pack is not None else 0,
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
    warnings: tuple[GitstoreError, ...]


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


def _warnings(name: str, weights: Oid, found: Settings, lock: bytes | None) -> Iterator[GitstoreError]:
    """What may be amiss: packages.lock, if the settings have requirements, and a state without files."""
    if weights == _NO_FILES:
        yield GitstoreError(
            f"the state {name} has no files, so the snapshot holds no weights",
            "gitstore state list shows the states; gitstore snapshot --state NAME takes another",
        )
    problem = lockfile.problem(lockfile.status(found.packages, lock))
    if problem is not None and found.packages.requirements:
        yield problem


def _write(model: Model, request: _Request, writer: ObjectWriter, pieces: _Pieces) -> Oid:
    """Add tree, commit and tag to the write; returns the tag."""
    entries = [
        TreeEntry(Mode.TREE, CODE.encode(), pieces.code),
        TreeEntry(Mode.TREE, STATE.encode(), pieces.weights),
        *(TreeEntry(Mode.FILE, key.encode(), oid) for key, oid in pieces.blobs.items()),
    ]
    tree_oid = writer.add(Kind.TREE, tree.encode(entries))
    identity = model.repository.identity()
    text = f"Snapshot {request.name} of {model.name}"
    tagged = commit.encode(tree_oid, _parents(model), identity=identity, message=text)
    commit_oid = writer.add(Kind.COMMIT, tagged)
    said = (request.message or "").strip() or text
    content = tag.encode(
        commit_oid,
        f"{model.prefix}{request.name}",
        identity=identity,
        message=said,
        trailers=_trailers(model, pieces),
    )
    if request.signer.signs(model.repository):
        content = request.signer.sign(model.repository, content, commit=tagged)
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
        trailers["Based-On"] = f"{model.base.full_name} {model.base.tag}"
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
    is_snapshot = snapshot.shape_problem(read_tree(model.repository.objects, here.tree)) is None
    return here.parents if is_snapshot else (model.head,)
