"""Restoring a working copy from a snapshot: its code, its state and its settings.

Like `git restore --source`, it changes files, but neither branch nor index nor a saved state. The state
gets the name that it had when the snapshot was taken, and becomes the active one, so that a snapshot taken
right after has the same code, state and settings. No other state changes. Everything is written beside
its place first; then each file, and the state's directory, is exchanged by rename.
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
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.settings import BasedOn
from gitstore.states.materialize import fill_state
from gitstore.states.save import save_tree
from gitstore.states.use import use_state
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.code import CodeChange
from gitstore.workingcopy.unsaved import Holdings, WouldLose

_SCRATCH = "gitstore-restore"


class Component(Enum):
    """A part of a working copy. `SETTINGS` are settings.yaml and packages.lock."""

    CODE = "code"
    STATE = "state"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Restored:
    """What `restore` did. Paths start at the working copy's top.

    `files` of code and settings have changed, and the files of `state`. `lost` files were overwritten
    although git has them nowhere. `ignored` is code that git ignores here, so that a snapshot would lack
    it. `active` is the state that became the active one, `None` if that has not changed. `is_detached`
    says that the settings kept `based_on`, because the model was detached after the snapshot.
    """

    files: tuple[PurePosixPath, ...]
    state: str | None
    active: str | None
    is_detached: bool
    lost: tuple[PurePosixPath, ...]
    ignored: tuple[PurePosixPath, ...]


@dataclass(frozen=True)
class _Job:
    """What is restored, and where."""

    model: Model
    snapshot: Snapshot
    components: Collection[Component]
    holdings: Holdings
    progress: Progress


@dataclass
class _Step:
    """The change of one part: the files it would lose, and how it is prepared, checked again, and made.

    `check` raises `FileChanged`. `prepare` returns a function that makes the change. Called with `True`,
    that function checks each file once more.
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
    components: Collection[Component] = tuple(Component),
    force: bool = False,
    progress: Progress = lambda _: None,
) -> Restored:
    """Restore components of a working copy from a snapshot of the same model.

    After a kill at any instant, each file and the state's directory are as before or as after, nothing is
    lost, and the same call finishes it. `progress` is called with bytes that are read and written.

    Unless `force`, raises `WouldLose` if a file would be overwritten or deleted whose content neither the
    branch head nor a snapshot nor a saved state has. Raises `GitstoreError` for a snapshot of another
    model, or one that no longer fits the model. No file has changed then.
    """
    _check(model, snapshot, components)
    with working_state.locked_alone(model):
        directories.sweep(model.directory, _SCRATCH)  # of a killed restore, even if no step is left
        job = _Job(model, snapshot, components, Holdings(model), progress)
        code = _plan_code(job) if Component.CODE in components else None
        steps = list(_plan_steps(job, code))
        lost = tuple(path for step in steps for path in step.losses)
        if lost and not force:
            raise WouldLose(
                f"restoring {snapshot.name}", lost, hint="gitstore snapshot NAME saves everything"
            )
        _perform(model, steps, force=force)
        active = _activate(model, snapshot) if Component.STATE in components else None
        return Restored(
            files=tuple(path for step in steps for path in step.files),
            state=next((step.state for step in steps if step.state is not None), None),
            active=active,
            is_detached=Component.SETTINGS in components and _is_detached_since(model, snapshot),
            lost=lost,
            ignored=tuple(code.list_ignored()) if code is not None and code.paths else (),
        )


def _check(model: Model, snapshot: Snapshot, components: Collection[Component]) -> None:
    """Raise `GitstoreError` unless the snapshot is the model's, and still fits the model's base."""
    if model.repository.is_bare:
        raise GitstoreError(
            "a bare repository has no working copy to restore", "gitstore export writes a snapshot's files"
        )
    if snapshot.repository.common != model.repository.common or snapshot.prefix != model.prefix:
        other = snapshot.model
        if snapshot.repository.common != model.repository.common:
            other += f" in another repository, {snapshot.repository.directory}"
        raise GitstoreError(
            f"{snapshot.name} is a snapshot of {other}, but the working copy is of {model.name}",
            "gitstore export writes its files to a directory; gitstore derive creates a model based on it",
        )
    if (
        Component.CODE in components
        and model.pinned_base is not None
        and model.find_base_code(model.pinned_base) != snapshot.code_tree
    ):
        raise _explain_misfit(model, snapshot, "code")
    if Component.SETTINGS in components and not _has_same_identity(model, snapshot):
        raise _explain_misfit(model, snapshot, "settings")


def _has_same_identity(model: Model, snapshot: Snapshot) -> bool:
    """Whether a snapshot's settings have the base, and a derived model's name, that are committed now.

    A root model gets its name from its settings, so it may have changed.
    """
    values = snapshot.settings
    is_same_base = values.based_on == model.base or _is_detached_since(model, snapshot)
    return is_same_base and (not model.prefix or values.name == model.name)


def _is_detached_since(model: Model, snapshot: Snapshot) -> bool:
    """Whether a model still has the snapshot's base, but was detached after the snapshot."""
    then = snapshot.settings.based_on
    if then is None or model.base is None or then.detached or not model.base.detached:
        return False
    return msgspec.structs.replace(then, detached=model.base.detached) == model.base


def _read_settings(model: Model, snapshot: Snapshot) -> bytes:
    """Return the settings to restore. A detached model stays detached: that is committed on its branch."""
    if not _is_detached_since(model, snapshot):
        return snapshot.settings_content
    return settings.set_keys(snapshot.settings_content, {"based_on": model.base})


def _explain_misfit(model: Model, snapshot: Snapshot, part: str) -> GitstoreError:
    old, new = _describe_base(snapshot.settings.based_on), _describe_base(model.base)
    if old == new:
        old, new = f"called {snapshot.settings.name}", f"called {model.name}"
    return GitstoreError(
        f"the {part} of {snapshot.name} cannot be restored: {model.name} was {old} then, but is {new} now",
        f"gitstore restore {snapshot.name} --state restores only the state",
    )


def _describe_base(base: BasedOn | None) -> str:
    return f"based on {base.full_name}" if base is not None else "based on nothing"


def _plan_steps(job: _Job, code: CodeChange | None) -> Iterator[_Step]:
    """Yield the steps in their order. settings.yaml comes last, because it says where the code is."""
    if Component.STATE in job.components:
        yield from _plan_state(job)
    if code is not None and code.paths:
        yield _make_code_step(code, job.holdings)
    if Component.SETTINGS in job.components:
        yield from _plan_file(job, LOCK, job.snapshot.lock_content)
        yield from _plan_file(job, SETTINGS, _read_settings(job.model, job.snapshot))


def _plan_code(job: _Job) -> CodeChange:
    """Plan the change of the code, to where the restored settings say that code is."""
    snapshot = job.snapshot
    at = (
        PurePosixPath(snapshot.settings.code)
        if Component.SETTINGS in job.components
        else job.model.code_directory
    )
    return CodeChange.plan(job.model, snapshot.code_tree, at=at)


def _make_code_step(change: CodeChange, holdings: Holdings) -> _Step:
    contents: dict[PurePosixPath, Oid | None] = {}

    def prepare(_: ExitStack, scratch: Path) -> Callable[[bool], object]:
        ready = change.prepare_files(scratch / "code")
        return lambda checked: change.apply(ready, contents if checked else None)

    def check() -> None:
        contents.update(change.check_current())

    return _Step(change.find_losses(holdings), prepare, check, files=change.paths)


def _plan_state(job: _Job) -> Iterator[_Step]:
    model, snapshot, name = job.model, job.snapshot, _get_state_name(job.snapshot)
    saved, on_disk = state.find_saved_tree(model, name), working_state.read(model, name, job.progress)
    state.check_new_name(model, name)
    has_files = bool(snapshot.list_state_files())
    if on_disk is not None and on_disk.tree == snapshot.state_tree:
        return
    if on_disk is None and not has_files and saved in (None, snapshot.state_tree):
        return  # a state without files needs no directory
    if saved is not None and not has_files:
        raise GitstoreError(
            f"the state of {snapshot.name} has no files,"
            f" but an empty {STATES}/{name}/ stands for the saved state",
            f"gitstore state rename gives {name} another name; --code --settings leaves states alone",
        )

    def prepare(stack: ExitStack, _: Path) -> Callable[[bool], object]:
        new = stack.enter_context(working_state.replacing(model, name))
        fill_state(model, snapshot.state_tree, new.directory, progress=job.progress)
        return lambda checked: new.put(check if checked else lambda _: None)

    def check(moved: Path | None) -> None:
        if on_disk is not None:
            on_disk.check_current(moved)
        elif moved is not None and scan.has_file(moved):
            raise FileChanged(model.claim_states() / name)

    losses = on_disk.find_losses(job.holdings) if on_disk is not None else []
    yield _Step(losses, prepare, lambda: check(state.find_directory(model, name)), state=name)


def _get_state_name(snapshot: Snapshot) -> str:
    """Return the name that the state had when the snapshot was taken."""
    return snapshot.tag.trailers.get("State") or FIRST_STATE


def _activate(model: Model, snapshot: Snapshot) -> str | None:
    """Make the snapshot's state the active one. Returns its name, `None` if it was active already.

    A state without files is not on disk. It is saved, so that it exists.
    """
    name = _get_state_name(snapshot)
    if model.active_state == name:
        return None
    if state.find_saved_tree(model, name) is None and state.find_directory(model, name) is None:
        save_tree(model, name, snapshot.state_tree)
    use_state(model, name)
    return name


def _plan_file(job: _Job, name: str, content: bytes | None) -> Iterator[_Step]:
    """Plan the change of a file beside the code: it is written, or removed if the snapshot lacks it."""
    before = job.model.read_top_file(name)
    if before == content:
        return
    path, holdings = job.model.directory / name, job.holdings

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
            hint = "nothing was restored; run the same command again when nothing writes to it"
            raise FileChanged(error.path, hint) from error
        try:
            for put in ready:
                put(not force)
        except FileChanged as error:
            hint = "it was left as it is, and other files were restored; run the same command again"
            raise FileChanged(error.path, hint) from error


@contextmanager
def _scratch(top: Path) -> Iterator[Path]:
    """Make a directory in the working copy that git ignores, and delete it at the end."""
    with directories.hidden(top, _SCRATCH) as path:
        (path / ".gitignore").write_text("*\n")
        yield path
