"""Running a hook of gitstore's by hand, to see what it does, with an event as it could be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gitstore import settings
from gitstore.derive import first_commit
from gitstore.errors import GitstoreError
from gitstore.events import dispatch, hooks_path
from gitstore.events import process as hook_process
from gitstore.events.events import (
    EVENTS,
    Event,
    PostDerive,
    PostEvaluate,
    PostSnapshot,
    PostState,
    PostTrain,
    PreRm,
    PreSnapshot,
)
from gitstore.events.process import CannotStart
from gitstore.hooks.names import GIT
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.packs.writer import Written
from gitstore.snapshots import remove
from gitstore.snapshots import take as capture
from gitstore.snapshots.take import Taken
from gitstore.states.save import Saved, build_post_state

_PACK = Written(Path("pack"), size=1024, objects=4)
"""What the write of an example adds."""


class HookFailed(GitstoreError):
    """The hook that was tried did not end with 0."""

    kind = "hook_failed"


def sample(model: Model, name: str) -> bytes:
    """What a hook would read, made up around the model's last snapshot. Raises if there is none."""
    make = _SAMPLES.get(name)
    if make is None:
        whose = "one of git's, and git alone runs it" if name in GIT else "no hook of gitstore's"
        raise GitstoreError(f"{name} is {whose}", f"these are: {', '.join(EVENTS)}")
    found = snapshot.below(model)
    if not found:
        raise GitstoreError(
            f"{model.name} has no snapshot to make an example of",
            "take one, or give the JSON with --input FILE",
        )
    return dispatch.content(model.repository, make(found[-1]))


def run(model: Model, name: str, content: bytes) -> None:
    """Run a hook with this to read; both its outputs go to standard error.

    Raises `HookFailed` for an exit code other than 0, and `GitstoreError` if there is no such hook.
    """
    path = _path(model, name)
    try:
        code = hook_process.run(path, cwd=model.directory, stdin=content)
    except CannotStart as error:
        raise GitstoreError(f"the hook {name} cannot be started: {error}", f"mend {path}") from error
    if code:
        raise HookFailed(f"the hook {name} failed: {dispatch.how(code)}", f"it is {path}")


def _path(model: Model, name: str) -> Path:
    found = dispatch.find(model.repository, name)
    if found is not None:
        return found
    path = hooks_path.directories(model.repository)[0] / name
    if os.path.lexists(path):
        raise GitstoreError(f"the hook {path} is not executable", f"chmod +x {path}")
    raise GitstoreError(f"there is no hook {name}", f"write an executable file {path}")


def _pre_snapshot(found: Snapshot) -> Event:
    return PreSnapshot(
        model=found.model,
        snapshot=found.name,
        ref=found.ref,
        message=found.tag.message,
        state=_state(found),
        settings=settings.to_builtins(found.settings),
    )


def _post_snapshot(found: Snapshot) -> Event:
    return capture.announcement(Taken(found, _state(found), _PACK))


def _pre_rm(found: Snapshot) -> Event:
    return remove.intention(found, [found])


def _post_state(found: Snapshot) -> Event:
    saved = Saved(_state(found), found.state, _PACK.size, _PACK, was_saved=False)
    return build_post_state(found.model, "saved", saved)


def _post_train(found: Snapshot) -> Event:
    return PostTrain(
        model=found.model,
        state="trained-1",
        base_state=_state(found),
        is_active=True,
        tree=str(found.state),
        size=_PACK.size,
        added_bytes=_PACK.size,
        metrics=[{"seconds": 0.5, "name": "loss", "value": 0.25}],
        durations={"total": 1.0},
    )


def _post_evaluate(found: Snapshot) -> Event:
    outputs = found.settings.types.evaluate.outputs
    return PostEvaluate(
        model=found.model,
        snapshot=found.name,
        ref=found.ref,
        tag=str(found.oid),
        state=_state(found),
        outputs={each.name: {"dtype": str(each.types[0]), "shape": list(each.shape)} for each in outputs},
        durations={"total": 1.0},
    )


def _post_derive(found: Snapshot) -> Event:
    return PostDerive(model="example", base=first_commit.facts(found), added_bytes=_PACK.size)


def _state(found: Snapshot) -> str:
    return found.state_name


_SAMPLES: dict[str, Callable[[Snapshot], Event]] = {
    PreSnapshot.hook: _pre_snapshot,
    PostSnapshot.hook: _post_snapshot,
    PreRm.hook: _pre_rm,
    PostState.hook: _post_state,
    PostTrain.hook: _post_train,
    PostEvaluate.hook: _post_evaluate,
    PostDerive.hook: _post_derive,
}
