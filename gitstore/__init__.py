"""gitstore: a version store for machine-learning models, kept in plain git repositories.

    model = gitstore.open("digits")
    snapshot = model.take_snapshot("v1", message="First that works")
    outputs = snapshot.evaluate(images=images)

What `__all__` lists is the library; docs/library.md explains it. Everything else is internal and changes
without notice. A name is imported when it is used for the first time, so that the command line starts fast.
"""

# Type checkers take it for true, and nobody has to import typing for it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitstore.errors import (
        BadSettings,
        Cancelled,
        CodeTerminated,
        Corrupt,
        EnvironmentFailed,
        FileChanged,
        GitstoreError,
        InvalidInput,
        InvalidName,
        InvalidOutput,
        LauncherTerminated,
        Locked,
        MaxDurationExceeded,
        ModelException,
        NoSuchSnapshot,
        NoSuchState,
        NotAModel,
        NotAStore,
        OperationFailed,
        SnapshotExists,
        StateExists,
    )
    from gitstore.library.model import Model, open  # noqa: A004 - as tarfile has it
    from gitstore.library.new_state import NewState
    from gitstore.library.records import RecordedEvaluation, RecordedTraining, RepeatedEvaluation, RunFacts
    from gitstore.library.results import Outputs, TrainingResult
    from gitstore.library.snapshot import Snapshot, WarmSnapshot
    from gitstore.library.state import State
    from gitstore.records.comparison import RecordDifference
    from gitstore.records.evaluations import NoSuchRecord, RecordExists
    from gitstore.run.dialogue import Metric
    from gitstore.run.recording.differences import OutputDifference
    from gitstore.sandbox.choice import Sandbox
    from gitstore.storage.usage import Holder, ModelUse, PackUse, Usage

__version__ = "0.1.0"

__all__ = [
    "BadSettings",
    "Cancelled",
    "CodeTerminated",
    "Corrupt",
    "EnvironmentFailed",
    "FileChanged",
    "GitstoreError",
    "Holder",
    "InvalidInput",
    "InvalidName",
    "InvalidOutput",
    "LauncherTerminated",
    "Locked",
    "MaxDurationExceeded",
    "Metric",
    "Model",
    "ModelException",
    "ModelUse",
    "NewState",
    "NoSuchRecord",
    "NoSuchSnapshot",
    "NoSuchState",
    "NotAModel",
    "NotAStore",
    "OperationFailed",
    "OutputDifference",
    "Outputs",
    "PackUse",
    "RecordDifference",
    "RecordExists",
    "RecordedEvaluation",
    "RecordedTraining",
    "RepeatedEvaluation",
    "RunFacts",
    "Sandbox",
    "Snapshot",
    "SnapshotExists",
    "State",
    "StateExists",
    "TrainingResult",
    "Usage",
    "WarmSnapshot",
    "__version__",
    "open",
]

_HOMES = {
    "library.model": ("Model", "open"),
    "library.new_state": ("NewState",),
    "library.records": ("RecordedEvaluation", "RecordedTraining", "RunFacts", "RepeatedEvaluation"),
    "library.results": ("Outputs", "TrainingResult"),
    "library.snapshot": ("Snapshot", "WarmSnapshot"),
    "library.state": ("State",),
    "records.comparison": ("RecordDifference",),
    "records.evaluations": ("NoSuchRecord", "RecordExists"),
    "run.dialogue": ("Metric",),
    "run.recording.differences": ("OutputDifference",),
    "sandbox.choice": ("Sandbox",),
    "storage.usage": ("Holder", "ModelUse", "PackUse", "Usage"),
}
"""The modules that names come from; all others come from `errors`."""

if not TYPE_CHECKING:

    def __getattr__(name):
        """Import one of the names of `__all__`."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        home = next((home for home, names in _HOMES.items() if name in names), "errors")
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
