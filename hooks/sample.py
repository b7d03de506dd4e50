"""Example events, made from a model's last snapshot, for trying a hook by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitstore import settings
from gitstore.derive import first_commit
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
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
from gitstore.hooks.names import GIT
from gitstore.models import snapshot as snapshots
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.packs.writer import Written
from gitstore.snapshots import remove
from gitstore.snapshots import take as capture
from gitstore.snapshots.take import NewSnapshot
from gitstore.states.save import Saved, build_post_state

_PACK = Written(Path("pack"), size=1024, objects=4)
"""What the example added to the repository."""


def encode_sample(model: Model, name: str) -> bytes:
    """Return what a hook reads for an example event.

    Raises `GitstoreError` if the model has no snapshot, or gitstore has no such hook.
    """
    make_event = _SAMPLES.get(name)
    if make_event is None:
        problem = "is a hook of git, and only git runs it" if name in GIT else "is not a hook of gitstore"
        raise GitstoreError(f"{name} {problem}", f"gitstore's hooks are: {', '.join(EVENTS)}")
    in_order = snapshots.read_own_snapshots(model)
    if not in_order:
        raise GitstoreError(
            f"{model.name} has no snapshot to make an example from",
            "take a snapshot, or pass the JSON with --input FILE",
        )
    return dispatch.encode_event(model.repository, make_event(in_order[-1]))


def _pre_snapshot(snapshot: Snapshot) -> Event:
    return PreSnapshot(
        model=snapshot.model,
        snapshot=snapshot.name,
        ref=snapshot.ref,
        message=snapshot.tag.message,
        state=snapshot.state_name,
        settings=settings.to_builtins(snapshot.settings),
    )


def _post_snapshot(snapshot: Snapshot) -> Event:
    return capture.build_post_snapshot(NewSnapshot(snapshot, snapshot.state_name, _PACK))


_PLACE: dict[str, Any] = {
    "environment": "8af5fa31" * 4,
    "unlocked": False,
    "sandbox": {
        "kind": "bubblewrap",
        "cpus": 1.0,
        "memory": 1 << 30,
        "disk": 32 << 20,
        "binds": [],
        "network": False,
    },
}


def _pre_rm(snapshot: Snapshot) -> Event:
    return remove.build_pre_rm(snapshot, [snapshot])


def _post_state(snapshot: Snapshot) -> Event:
    saved = Saved(snapshot.state_name, snapshot.state_tree, _PACK.size, _PACK, was_saved=False)
    return build_post_state(snapshot.model, "saved", saved)


def _post_train(snapshot: Snapshot) -> Event:
    return PostTrain(
        model=snapshot.model,
        state="trained-1",
        base_state=snapshot.state_name,
        is_active=True,
        tree=str(snapshot.state_tree),
        size=_PACK.size,
        added_bytes=_PACK.size,
        metrics=[{"seconds": 0.5, "name": "loss", "value": 0.25}],
        durations={"total": 1.0},
        **_PLACE,
    )


def _post_evaluate(snapshot: Snapshot) -> Event:
    outputs = snapshot.settings.types.evaluate.outputs
    return PostEvaluate(
        model=snapshot.model,
        snapshot=snapshot.name,
        ref=snapshot.ref,
        tag=str(snapshot.tag_oid),
        state=snapshot.state_name,
        outputs={
            output.name: {"dtype": str(output.types[0]), "shape": list(output.shape)} for output in outputs
        },
        durations={"total": 1.0},
        **_PLACE,
    )


def _post_derive(snapshot: Snapshot) -> Event:
    return PostDerive(
        model="example", base=first_commit.make_based_on(snapshot).to_json(), added_bytes=_PACK.size
    )


_SAMPLES: dict[str, Callable[[Snapshot], Event]] = {
    PreSnapshot.hook: _pre_snapshot,
    PostSnapshot.hook: _post_snapshot,
    PreRm.hook: _pre_rm,
    PostState.hook: _post_state,
    PostTrain.hook: _post_train,
    PostEvaluate.hook: _post_evaluate,
    PostDerive.hook: _post_derive,
}
