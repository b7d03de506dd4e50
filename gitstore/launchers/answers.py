"""The frames between a warm launcher and its clients.

    client    evaluate {} + inputs                     status {}     stop {}
    server    outputs {…} + outputs                    status {…}    stopping {}
              failed {error, message, attributes}

They are those of `run.worker.wire`. Both ends belong to one user, and only that user can reach the socket.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from gitstore import errors
from gitstore.errors import GitstoreError
from gitstore.records.record import Environment
from gitstore.run.supervisor import Evaluation
from gitstore.run.worker import wire
from gitstore.run.workplace import Workplace
from gitstore.sandbox.choice import Confinement

FAILURES = {
    failure.kind: failure
    for failure in vars(errors).values()
    if isinstance(failure, type) and issubclass(failure, GitstoreError)
}


class _Circumstances(msgspec.Struct, frozen=True):
    """How an evaluation ran."""

    durations: dict[str, float]
    peak_memory: int | None
    python: str
    environment: Environment | None
    environment_key: str | None
    sandbox: dict[str, Any]


def send_failure(channel: wire.Channel, error: GitstoreError) -> None:
    """Send an error, which `receive_answer` raises at the other end. Raises `wire.Closed`."""
    kind = error.kind if FAILURES.get(error.kind) is type(error) else GitstoreError.kind
    attributes = {name: value for name, value in vars(error).items() if _is_plain(value)}
    channel.send("failed", error=kind, message=error.message, attributes=attributes)


def receive_answer(channel: wire.Channel) -> Evaluation:
    """Receive the answer to an evaluation. Raises the error that the launcher sent, and `wire.Closed`."""
    frame = channel.receive()
    if frame.kind == "failed":
        raise _rebuild(frame.fields)
    ran = msgspec.convert(frame.fields, _Circumstances)
    confinement = Confinement.parse(ran.sandbox)
    workplace = Workplace(
        Path(ran.python),
        environment=ran.environment,
        environment_key=ran.environment_key,
        confinement=confinement,
    )
    return Evaluation(
        outputs=frame.tensors, durations=ran.durations, workplace=workplace, peak_memory=ran.peak_memory
    )


def send_outputs(channel: wire.Channel, evaluated: Evaluation) -> None:
    """Send what `receive_answer` returns at the other end. Raises `wire.Closed`."""
    workplace = evaluated.workplace
    ran = _Circumstances(
        durations=evaluated.durations,
        peak_memory=evaluated.peak_memory,
        python=str(workplace.python),
        environment=workplace.environment,
        environment_key=workplace.environment_key,
        sandbox=workplace.sandbox,
    )
    channel.send("outputs", evaluated.outputs, **msgspec.to_builtins(ran))


def _rebuild(fields: dict[str, Any]) -> GitstoreError:
    kind = FAILURES[fields["error"]]
    error = kind.__new__(kind, fields["message"])
    error.__dict__.update(fields["attributes"])
    return error


def _is_plain(value: object) -> bool:
    """Whether JSON keeps a value as it is, but for tuples, which become lists."""
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
