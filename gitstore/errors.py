"""Everything that can go wrong on purpose, and the exit code of each.

The tree:

    GitstoreError                  1   an expected failure
    ├── NotAModel                 10   the directory is not a model
    ├── NotAStore                 10   the directory is not a store of models
    ├── Locked                    11   another process holds the repository
    ├── Corrupt                   12   what is stored is not what was put in
    ├── BadSettings               13   settings.yaml is invalid
    ├── InvalidName                1   no model, snapshot or state can have this name
    ├── NoSuchSnapshot             1   no snapshot has this name
    ├── SnapshotExists             1   a snapshot has this name already
    ├── NoSuchState                1   no state has this name
    ├── StateExists                1   a state has this name already
    ├── FileChanged                1   a file changed while it was being read
    ├── InvalidInput               1   a value is not what settings.yaml asks for
    ├── OperationFailed           14   the model's own code failed, or could not run
    │   ├── MaxDurationExceeded        it took too long
    │   ├── ModelException             it raised
    │   ├── CodeTerminated             its process ended, out of memory or disk perhaps
    │   ├── InvalidOutput              it returned something other than settings.yaml promises
    │   ├── LauncherTerminated         what it ran on has ended
    │   └── EnvironmentFailed          its interpreter or its packages could not be had
    └── Cancelled                130   the user stopped an operation

A message is one line that says what is wrong and where; a hint is one line that says what to do.
Rooms have subclasses of their own for what only they and their callers tell apart. Anything else that
reaches the command line is a bug, and exits with 255; an `OSError` is the system's, and exits with 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar


class GitstoreError(Exception):
    """An expected failure.

    `message` is one line for the person reading it; `hint`, if any, says what to do about it.
    `details()` is what `--json` shows beside them.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def details(self) -> dict[str, Any]:
        """Facts for programs, beside the message."""
        return {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a worker of multiprocessing send it: Exception would call `__init__` with the message alone."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    kind: type[GitstoreError], args: tuple[object, ...], attributes: dict[str, Any]
) -> GitstoreError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class NotAModel(GitstoreError):
    """The directory is not a gitstore model, or not a git repository at all."""

    exit_code = 10
    kind = "not_a_model"


class NotAStore(GitstoreError):
    """The directory is not a store of models."""

    exit_code = 10
    kind = "not_a_store"


class Locked(GitstoreError):
    """Another process holds the repository."""

    exit_code = 11
    kind = "locked"


class Corrupt(GitstoreError):
    """Stored bytes are not what their object id says, or a snapshot has not the shape it must have."""

    exit_code = 12
    kind = "corrupt"


class BadSettings(GitstoreError):
    """settings.yaml is invalid. `problems` has one finished line for each thing that is wrong."""

    exit_code = 13
    kind = "bad_settings"

    def __init__(self, problems: Sequence[str], hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint)
        self.problems = tuple(problems)

    def details(self) -> dict[str, Any]:
        return {"problems": list(self.problems)}


class InvalidName(GitstoreError):
    """No model, snapshot or state can have this name."""


class NoSuchSnapshot(GitstoreError):
    """No snapshot has this name."""


class SnapshotExists(GitstoreError):
    """A snapshot has this name already, and a snapshot never changes."""


class NoSuchState(GitstoreError):
    """No state has this name."""


class StateExists(GitstoreError):
    """A state has this name already, and would be overwritten."""


class InvalidInput(GitstoreError):
    """A value given to an operation is not what settings.yaml asks for. Nothing was run."""

    kind = "invalid_input"

    def __init__(self, problems: Sequence[str], hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint)
        self.problems = tuple(problems)

    def details(self) -> dict[str, Any]:
        return {"problems": list(self.problems)}


class OperationFailed(GitstoreError):
    """The model's own code failed, or could not run. `phase` says at which step of the operation.

    Of a batch, `examples` are the numbers of the first and the last one of the chunk that failed.
    """

    exit_code = 14
    kind = "operation_failed"
    examples: tuple[int, int] | None = None

    def __init__(self, message: str, hint: str | None = None, *, phase: str) -> None:
        super().__init__(message, hint)
        self.phase = phase

    def details(self) -> dict[str, Any]:
        examples = {} if self.examples is None else {"examples": list(self.examples)}
        return {"at": self.phase} | examples


class MaxDurationExceeded(OperationFailed):
    """A phase took longer than `max_durations` allows; the worker was killed."""

    kind = "max_duration_exceeded"


class ModelException(OperationFailed):
    """The model's code raised. `traceback` is the worker's text, innermost frame last."""

    kind = "exception"

    def __init__(self, message: str, hint: str | None = None, *, phase: str, traceback: str) -> None:
        super().__init__(message, hint, phase=phase)
        self.traceback = traceback

    def details(self) -> dict[str, Any]:
        return super().details() | {"traceback": self.traceback}


class CodeTerminated(OperationFailed):
    """The worker ended before it answered, or could not continue.

    `returncode` and `signal` say how it ended; at most one of them is set. `oom` says that it was killed
    because it used too much memory, `disk_full` that its disk was full. If the code raised an exception
    then, `traceback` is the worker's text.
    """

    kind = "code_terminated"

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        phase: str,
        returncode: int | None = None,
        signal: int | None = None,
        oom: bool = False,
        disk_full: bool = False,
        traceback: str = "",
    ) -> None:
        super().__init__(message, hint, phase=phase)
        self.returncode = returncode
        self.signal = signal
        self.oom = oom
        self.disk_full = disk_full
        self.traceback = traceback

    def details(self) -> dict[str, Any]:
        facts = {"exit_code": self.returncode, "signal": self.signal}
        return super().details() | facts | {"oom": self.oom, "disk_full": self.disk_full}


class LauncherTerminated(OperationFailed):
    """What the model ran on ended, through no fault of the model's code."""

    kind = "launcher_terminated"


class InvalidOutput(OperationFailed):
    """The model's code gave back something other than settings.yaml promises."""

    kind = "invalid_output"


class EnvironmentFailed(OperationFailed):
    """There is no environment for the model's code, so nothing was run, and nothing is left behind.

    `reason` is one word for programs: `python_missing`, `hash_mismatch`, `index_unreachable`, `no_wheel`,
    `disk_full`, `broken_lock`, `unusable`, or `other`.
    """

    kind = "environment_failed"

    def __init__(self, message: str, hint: str | None = None, *, reason: str = "other") -> None:
        super().__init__(message, hint, phase="environment")
        self.reason = reason

    def details(self) -> dict[str, Any]:
        return super().details() | {"reason": self.reason}


class Cancelled(GitstoreError):
    """The user stopped an operation; nothing of it was recorded."""

    exit_code = 130
    kind = "cancelled"


class FileChanged(GitstoreError):
    """A file or directory is not what it was when a command looked at it first."""

    def __init__(
        self, path: Path, hint: str = "nothing was recorded; try again when nothing writes to it"
    ) -> None:
        super().__init__(f"{path} changed while it was being read", hint)
        self.path = path
