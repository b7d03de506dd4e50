"""Bringing a working copy back to a snapshot: its code, its state and its settings.

Like `git restore --source`, it changes files: neither branch nor index nor a saved state. The state has
the name that it had when the snapshot was taken, and becomes the active one, so that a snapshot taken
right after has the same code, state and settings. No other state is touched. Everything is written
beside its place first; then each file, and the state's directory, is exchanged by rename.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath

import msgspec

from gitstore import settings
from gitstore.bigfiles import scan
from gitstore.disk import directories
from gitstore.disk.exchange import replace_if
from gitstore.errors import FileChanged, GitstoreError
from gitstore.models import state
from gitstore.models.model import FIRST_STATE, LOCK, SETTINGS, STATES, Model
from gitstore.models.snapshot import Snapshot
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.progress import Progress
from gitstore.settings import BasedOn
from gitstore.states.materialize import fill_state
from gitstore.states.save import save_tree
from gitstore.states.use import use_state
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.code import CodeChange
from gitstore.workingcopy.unsaved import Holdings, WouldLose

_SCRATCH = "gitstore-restore"


class Part(Enum):
    """What of a working copy is restored. `SETTINGS` are settings.yaml and packages.lock."""

    CODE = "code"
    STATE = "state"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Restored:
    """What `restore` did. Paths are from the working copy's top.

    `files` are those of code and settings that changed, `state` the state whose files did, `lost` what
    was overwritten that git had nowhere. `ignored` is code that git ignores here: a snapshot would lack it.
    `active` is the state that became the active one, `None` if that did not change. `is_detached` says
    that the settings kept what they say of the base: the model was detached after the snapshot.
    """

    files: tuple[PurePosixPath, ...]
    state: str | None
    active: str | None
    is_detached: bool
    lost: tuple[PurePosixPath, ...]
    ignored: tuple[PurePosixPath, ...]


@dataclass
class _Step:
    """One part's change: what it would lose, how it is prepared, checked again, and made.

    `check` raises `FileChanged`. What `prepare` returns makes the change; with `True` it checks once more.
    """

    losses: list[PurePosixPath]
    prepare: Callable[[ExitStack, Path], Callable[[bool], object]]
    check: Callable[[], None]
    files: list[PurePosixPath] = field(default_factory=list)
    state: str | None = None


def restore(
    model: Model,
    snapshot: Snapshot,
    *,
    parts: Collection[Part] = tuple(Part),
    force: bool = False,
    progress: Progress = lambda _: None,
) -> Restored:
    """Bring parts of a working copy back to a snapshot of the same model.

    Killed at any instant, nothing is lost, each file and the state's directory are as before or as
    after, and a repeat finishes. Raises `WouldLose`, unless `force`, if a file would be overwritten or
    deleted whose content neither the branch head nor a snapshot or saved state holds, and
    `GitstoreError` for a snapshot of another model or one that no longer fits; nothing is touched then.
    """
    _check(model, snapshot, parts)
    with working_state.alone(model):
        directories.sweep(model.directory, _SCRATCH)  # what a killed one left, even if nothing is left to do
        holdings = Holdings(model)
        code = _code_change(model, snapshot, parts) if Part.CODE in parts else None
        steps = list(_steps(model, snapshot, parts, code, holdings, progress))
        lost = tuple(path for step in steps for path in step.losses)
        if lost and not force:
            raise WouldLose(f"restoring {snapshot.name}", lost, "gitstore snapshot NAME keeps all of it")
        _perform(model, steps, force=force)
        active = _activate(model, snapshot) if Part.STATE in parts else None
        return Restored(
            files=tuple(path for step in steps for path in step.files),
            state=next((step.state for step in steps if step.state is not None), None),
            active=active,
            is_detached=Part.SETTINGS in parts and _is_detached_since(model, snapshot),
            lost=lost,
            ignored=tuple(code.ignored()) if code is not None and code.paths else (),
        )


def _check(model: Model, snapshot: Snapshot, parts: Collection[Part]) -> None:
    """Raise `GitstoreError` unless the snapshot is the model's, and still fits what it is based on."""
    if model.repository.is_bare:
        raise GitstoreError(
            "a bare repository has no working copy to restore", "gitstore export writes a snapshot's files"
        )
    if snapshot.repository.common != model.repository.common or snapshot.prefix != model.prefix:
        raise GitstoreError(
            f"{snapshot.name} is a snapshot of {snapshot.model}, and this is {model.name}",
            "gitstore export writes its files elsewhere; gitstore derive makes a model that is based on it",
        )
    if Part.CODE in parts and model.pinned is not None and model.base_code(model.pinned) != snapshot.code:
        raise _no_longer_fits(model, snapshot, "code")
    if Part.SETTINGS in parts and not _same_identity(model, snapshot):
        raise _no_longer_fits(model, snapshot, "settings")


def _same_identity(model: Model, snapshot: Snapshot) -> bool:
    """Whether a snapshot's settings say what is committed of the model's identity.

    A root model is called as its settings say, so that its name may have been another.
    """
    found = snapshot.settings
    is_same_base = found.based_on == model.base or _is_detached_since(model, snapshot)
    return is_same_base and (not model.prefix or found.name == model.name)


def _is_detached_since(model: Model, snapshot: Snapshot) -> bool:
    """Whether a model has the base that it had, but its code is its own now."""
    then = snapshot.settings.based_on
    if then is None or model.base is None or then.detached or not model.base.detached:
        return False
    return msgspec.structs.replace(then, detached=model.base.detached) == model.base


def _settings_content(model: Model, snapshot: Snapshot) -> bytes:
    """The settings to restore. A model that was detached stays so: that is committed, and not for files."""
    if not _is_detached_since(model, snapshot):
        return snapshot.settings_content
    return settings.set_keys(snapshot.settings_content, {"based_on": model.base})


def _no_longer_fits(model: Model, snapshot: Snapshot, what: str) -> GitstoreError:
    then, now = _based(snapshot.settings.based_on), _based(model.base)
    if then == now:
        then, now = f"called {snapshot.settings.name}", f"called {model.name}"
    return GitstoreError(
        f"the {what} of {snapshot.name} cannot be restored: {model.name} was {then} then, and is {now} now",
        f"gitstore restore {snapshot.name} --state brings back the state alone",
    )


def _based(base: BasedOn | None) -> str:
    return f"based on {base.full_name}" if base is not None else "based on nothing"


def _steps(
    model: Model,
    snapshot: Snapshot,
    parts: Collection[Part],
    code: CodeChange | None,
    holdings: Holdings,
    progress: Progress,
) -> Iterator[_Step]:
    """What there is to do, in its order: settings.yaml last, for it says where the code is."""
    if Part.STATE in parts:
        yield from _state_step(model, snapshot, holdings, progress)
    if code is not None and code.paths:
        yield _code_step(code, holdings)
    if Part.SETTINGS in parts:
        for name, content in (
            (LOCK, _lock_content(snapshot)),
            (SETTINGS, _settings_content(model, snapshot)),
        ):
            yield from _file_step(model, name, content, holdings)


def _code_change(model: Model, snapshot: Snapshot, parts: Collection[Part]) -> CodeChange:
    """To where the settings that will hold say that code is."""
    at = PurePosixPath(snapshot.settings.code) if Part.SETTINGS in parts else model.code
    return CodeChange.plan(model, at, snapshot.code)


def _code_step(change: CodeChange, holdings: Holdings) -> _Step:
    contents: dict[PurePosixPath, Oid | None] = {}

    def prepare(_: ExitStack, scratch: Path) -> Callable[[bool], object]:
        ready = change.prepare(scratch / "code")
        return lambda checked: change.put(ready, contents if checked else None)

    def check() -> None:
        contents.update(change.check_current())

    return _Step(change.losses(holdings), prepare, check, files=change.paths)


def _state_step(model: Model, snapshot: Snapshot, holdings: Holdings, progress: Progress) -> Iterator[_Step]:
    name = _state_name(snapshot)
    saved, found = state.saved_tree(model, name), working_state.read(model, name, progress)
    state.check_vacant(model, name)
    has_files = bool(snapshot.state_files())
    if found is not None and found.tree == snapshot.state:
        return
    if found is None and not has_files and saved in (None, snapshot.state):
        return  # without files, there is nothing to write out
    if saved is not None and not has_files:
        raise GitstoreError(
            f"the state of {snapshot.name} has no files, and an empty {STATES}/{name}/ means {name} as saved",
            f"gitstore state rename gives {name} another name; --code --settings leaves states alone",
        )

    def prepare(stack: ExitStack, _: Path) -> Callable[[bool], object]:
        new = stack.enter_context(working_state.place(model, name))
        fill_state(model, snapshot.state, new.directory, progress=progress)
        return lambda checked: new.put(check if checked else lambda _: None)

    def check(moved: Path | None) -> None:
        if found is not None:
            found.check_current(moved)
        elif moved is not None and scan.has_file(moved):
            raise FileChanged(model.states / name)

    losses = found.losses(holdings) if found is not None else []
    yield _Step(losses, prepare, lambda: check(state.directory(model, name)), state=name)


def _state_name(snapshot: Snapshot) -> str:
    """What the state was called with which the snapshot was taken."""
    return snapshot.tag.trailers.get("State") or FIRST_STATE


def _activate(model: Model, snapshot: Snapshot) -> str | None:
    """Make the snapshot's state the active one; its name, if another one was active.

    Without files it is not on disk, and is saved, so that it is there.
    """
    name = _state_name(snapshot)
    if state.active(model) == name:
        return None
    if state.saved_tree(model, name) is None and state.directory(model, name) is None:
        save_tree(model, name, snapshot.state)
    use_state(model, name)
    return name


def _lock_content(snapshot: Snapshot) -> bytes | None:
    if snapshot.lock is None:
        return None
    objects = snapshot.repository.objects
    return objects.read_as(Kind.BLOB, snapshot.lock, at_most=limits.PACKAGES_LOCK)


def _file_step(model: Model, name: str, content: bytes | None, holdings: Holdings) -> Iterator[_Step]:
    """A file beside the code: written, or removed where the snapshot has none."""
    before = model.top_file(name)
    if before == content:
        return

    path = model.directory / name

    def prepare(_: ExitStack, scratch: Path) -> Callable[[bool], object]:
        new = scratch / name if content is not None else None
        if new is not None:
            new.write_bytes(content or b"")
        return lambda checked: replace_if(path, new, check if checked else lambda _: None)

    def check(moved: Path | None) -> None:
        if (moved.read_bytes() if moved is not None else None) != before:
            raise FileChanged(path)

    losses = [PurePosixPath(name)] if before is not None and not holdings.has_top_file(name, before) else []
    yield _Step(losses, prepare, lambda: check(path if path.is_file() else None), files=[PurePosixPath(name)])


def _perform(model: Model, steps: list[_Step], *, force: bool) -> None:
    """Prepare all steps, then make them, if nothing has changed meanwhile."""
    if not steps:
        return
    with ExitStack() as stack:
        scratch = stack.enter_context(_scratch(model.directory))
        ready = [step.prepare(stack, scratch) for step in steps]
        try:
            for step in steps if not force else ():
                step.check()
        except FileChanged as error:
            hint = "nothing was restored; try again when nothing writes to it"
            raise FileChanged(error.path, hint) from error
        try:
            for put in ready:
                put(not force)
        except FileChanged as error:
            hint = "it is left as it was, other files are restored; run the same command again"
            raise FileChanged(error.path, hint) from error


@contextmanager
def _scratch(top: Path) -> Iterator[Path]:
    """A directory in the working copy that git does not see, removed at the end."""
    with directories.hidden(top, _SCRATCH) as path:
        (path / ".gitignore").write_text("*\n")
        yield path
