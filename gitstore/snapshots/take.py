"""Taking a snapshot: of the working copy as it is on disk, or of the branch head in a bare repository.

Branch, index and files do not change. All new objects go into one pack. The tag's ref comes last, so that
a snapshot exists whole or not at all.
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
from gitstore.models.model import CODE, LOCK, SETTINGS, Model, check_name
from gitstore.models.shape import FORMAT, STATE, find_shape_problem
from gitstore.models.snapshot import Snapshot
from gitstore.objects import commit, tag, tree
from gitstore.objects.paths import read_tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import Written
from gitstore.progress import Progress
from gitstore.settings import Settings
from gitstore.snapshots.create_ref import check_vacant, create_ref
from gitstore.states.save import add_state
from gitstore.workingcopy import capture_code
from gitstore.workingcopy.candidate import Check, Identity, candidate

_NO_FILES = Oid.of(Kind.TREE, b"")


@dataclass(frozen=True)
class NewSnapshot:
    """A new snapshot, the name of its state, and its pack, `None` if every object existed already.

    `warnings` say what may be wrong with it: packages.lock does not match the settings, the state has no
    files, or git stores code in another form than it has on disk.
    """

    snapshot: Snapshot
    state_name: str
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
    state_name: str | None = None,
    signer: Signer = AS_CONFIGURED,
    call_hook: bool = True,
    allow_pointers: bool = False,
    check: Check | None = None,
    progress: Progress = lambda _: None,
) -> NewSnapshot:
    """Take a snapshot of a model, with its active state or another one. Atomic and durable.

    Code, state and settings are as they all were at one time. The hook pre-snapshot is called first,
    unless `call_hook` is false. Then `check` runs the files that the snapshot would have, and what it raises
    is raised. `progress` is called with bytes of the state that were read.

    Raises `GitstoreError` for a name that cannot be used, for code that a snapshot cannot have or that
    differs from the base's, for a state that does not exist, and for Git LFS pointers in it unless
    `allow_pointers`; `FileChanged` if a file changes meanwhile; `BadSettings` with every problem of the
    settings; `Locked` while another command replaces files; `SigningFailed`; `HookRefused`.
    No snapshot is recorded then.
    """
    check_vacant(model, name)
    _check_message(message or "")
    if state_name is not None:
        check_name(state_name, "state")
    request = _Request(name, state_name, message, signer, allow_pointers, progress)
    has_run = call_hook and dispatch.call_pre_hook(model.repository, _build_pre_snapshot(model, request))
    checked = _run_check(model, request, check) if check is not None else None
    with model.repository.reading_files():
        # The hook, or whoever held the working copy until now, may have committed other settings.
        model = _reopen(model, is_config_known=not has_run and check is None)
        new = _take(model, request, checked)
    model.repository.maintain()
    dispatch.notify_post_hook(model.repository, build_post_snapshot(new))
    return new


@dataclass(frozen=True)
class _Request:
    """The arguments of `take`."""

    name: str
    state_name: str | None
    message: str | None
    signer: Signer
    allow_pointers: bool
    progress: Progress


@dataclass(frozen=True)
class _Contents:
    """The objects that a snapshot consists of."""

    code: Oid
    weights: Oid
    state_name: str
    blobs: dict[str, Oid]
    warnings: tuple[GitstoreError, ...]


def _run_check(model: Model, request: _Request, check: Check) -> Identity:
    """Run the check on the files that a snapshot would have; returns their identity."""
    with candidate(model, request.state_name or model.active_state) as files:
        check(files)
        return files.identity


def _reopen(model: Model, *, is_config_known: bool) -> Model:
    """Open the model again, with the configuration that git has given already if nothing can have changed it.

    Raises `GitstoreError` if the working copy is on another model's branch now.
    """
    reopened = Model.open(model.directory)
    if reopened.prefix != model.prefix:
        raise GitstoreError(f"{model.directory} is now a working copy of another model: {reopened.name}")
    if is_config_known:
        reopened.repository.adopt_config(model.repository)
    return reopened


def _take(model: Model, request: _Request, checked: Identity | None) -> NewSnapshot:
    name = request.name
    with model.repository.writer() as writer:
        check_vacant(model, name)
        contents, identity = _read(model, request, writer)
        if checked is not None and checked != identity:
            raise GitstoreError(
                f"{model.directory} has changed since the check began, perhaps by the model itself",
                "nothing was recorded; run the same command again",
            )
        oid = _write(model, request, contents=contents, writer=writer)
        pack = writer.finish()
        snapshot = create_ref(model.repository, model.tag_ref(name), oid, reason=f"snapshot {name}")
        return NewSnapshot(snapshot, contents.state_name, pack, contents.warnings)


def _read(model: Model, request: _Request, writer: ObjectWriter) -> tuple[_Contents, Identity]:
    """Add code, settings and a state to the write, as all of them were at one time.

    Raises `FileChanged` if any file has changed since it was read. What was read last is checked first, so
    that everything existed at once in between.
    """
    head, name = model.head, request.state_name or model.active_state
    content, values = _read_settings(model)
    top = {SETTINGS: content, LOCK: model.read_top_file(LOCK)}
    code = capture_code.add_code(model, values, writer)
    weights = add_state(model, name, writer, allow_pointers=request.allow_pointers, progress=request.progress)
    capture_code.check_unchanged(code)
    for key, value in top.items():
        if model.read_top_file(key) != value:
            raise FileChanged(model.directory / key)
    if model.repository.is_bare and model.head != head:
        raise GitstoreError(f"the branch of {model.directory} moved meanwhile", "run the same command again")
    identity = Identity(code.tree, weights, content, top[LOCK])
    blobs = {key: writer.add(Kind.BLOB, value) for key, value in top.items() if value is not None}
    warnings = [*code.warnings, *_check_state(name, weights), *_check_packages(values, top[LOCK])]
    return _Contents(code.tree, weights, name, blobs, tuple(warnings)), identity


def _build_pre_snapshot(model: Model, request: _Request) -> PreSnapshot:
    """Build the event that the hook pre-snapshot gets. The hook can still change files, even settings."""
    return PreSnapshot(
        model=model.name,
        snapshot=request.name,
        ref=model.tag_ref(request.name),
        message=request.message,
        state=request.state_name or model.active_state,
        settings=settings.to_builtins(_read_settings(model)[1]),
    )


def build_post_snapshot(new: NewSnapshot) -> PostSnapshot:
    """Build the event that the hook post-snapshot gets."""
    snapshot = new.snapshot
    return PostSnapshot(
        model=snapshot.model,
        snapshot=snapshot.name,
        ref=snapshot.ref,
        tag=str(snapshot.tag_oid),
        commit=str(snapshot.commit),
        message=snapshot.tag.message,
        state=new.state_name,
        added_bytes=new.added,
        added_objects=new.pack.objects if new.pack is not None else 0,
    )


def _check_message(message: str) -> None:
    """Raise `GitstoreError` for a line that git would take for the start of a signature.

    Everything after it, the trailers too, would count as the signature.
    """
    for line in message.splitlines():
        if line.startswith("-----BEGIN "):
            raise GitstoreError(
                f"the message has the line {line!r}, which git takes for the start of a signature",
                "change that line",
            )


def _read_settings(model: Model) -> tuple[bytes, Settings]:
    """Read and check the settings that are on disk now."""
    content = model.read_settings_content()
    values = settings.parse(content)
    _check_identity(model, values)
    return content, values


def _check_identity(model: Model, values: Settings) -> None:
    """Raise `BadSettings` if base and name of the model in settings.yaml are not what is committed."""
    if values.based_on != model.base:
        raise BadSettings(
            [f"{SETTINGS}: based_on: was edited, but only gitstore may change it"],
            f"git checkout HEAD -- {SETTINGS} restores it",
        )
    if model.prefix and values.name != model.name:
        raise BadSettings(
            [
                f"{SETTINGS}: name: is {values.name}, but must be {model.name}, like the branch of this"
                " derived model"
            ],
            f"write name: {model.name}",
        )


def _check_state(name: str, weights: Oid) -> Iterator[GitstoreError]:
    """Yield a warning for a state without files."""
    if weights == _NO_FILES:
        yield GitstoreError(
            f"the state {name} has no files, so the snapshot has no weights",
            "gitstore state list shows the states; gitstore snapshot --state NAME takes another one",
        )


def _check_packages(values: Settings, lock: bytes | None) -> Iterator[GitstoreError]:
    """Yield a warning for packages.lock, if the settings have requirements that it does not match."""
    problem = lockfile.describe_problem(lockfile.check_content(values.packages, lock))
    if problem is not None and values.packages.requirements:
        yield problem


def _write(model: Model, request: _Request, *, contents: _Contents, writer: ObjectWriter) -> Oid:
    """Add tree, commit and tag to the write; returns the tag."""
    entries = [
        TreeEntry(Mode.TREE, CODE.encode(), contents.code),
        TreeEntry(Mode.TREE, STATE.encode(), contents.weights),
        *(TreeEntry(Mode.FILE, key.encode(), oid) for key, oid in contents.blobs.items()),
    ]
    tree_oid = writer.add(Kind.TREE, tree.encode(entries))
    identity = model.repository.identity()
    text = f"Snapshot {request.name} of {model.name}"
    tagged = commit.encode(tree_oid, _choose_parents(model), identity=identity, message=text)
    commit_oid = writer.add(Kind.COMMIT, tagged)
    content = tag.encode(
        commit_oid,
        f"{model.prefix}{request.name}",
        identity=identity,
        message=(request.message or "").strip() or text,
        trailers=_make_trailers(model, contents),
    )
    if request.signer.signs(model.repository):
        content = request.signer.sign(model.repository, content, commit=tagged)
    return writer.add_apart(Kind.TAG, content)


def _make_trailers(model: Model, contents: _Contents) -> dict[str, str]:
    """Make the tag's trailers, as in docs/format.md."""
    trailers = {
        "Model": model.name,
        "State": contents.state_name,
        "Code-Tree": str(contents.code),
        "State-Tree": str(contents.weights),
        "Settings-Blob": str(contents.blobs[SETTINGS]),
    }
    if model.base is not None:
        trailers["Based-On"] = f"{model.base.full_name} {model.base.tag}"
    trailers["Gitstore-Format"] = FORMAT
    return trailers


def _choose_parents(model: Model) -> tuple[Oid, ...]:
    """Return the parents of the snapshot's commit: the branch head, or nothing without a commit.

    If HEAD is another snapshot (`git checkout v1`), its parents are returned, so that the two become
    siblings. A child would keep the bytes of the other snapshot for as long as it exists.
    """
    if model.head is None:
        return ()
    head = model.repository.commit(model.head)
    is_snapshot = find_shape_problem(read_tree(model.repository.objects, head.tree)) is None
    return head.parents if is_snapshot else (model.head,)
