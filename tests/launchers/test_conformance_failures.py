"""Every failure in every phase on every launcher, in a real sandbox: the right error, and nothing is left.

`make combinations` tries all of them. The suite tries a part, in which each failure and each phase is.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gitstore.environments.store import EnvironmentStore
from gitstore.errors import (
    Cancelled,
    CodeTerminated,
    EnvironmentFailed,
    InvalidInput,
    InvalidOutput,
    LauncherTerminated,
    MaxDurationExceeded,
    ModelException,
)
from gitstore.launchers.client import WarmLauncher
from gitstore.launchers.directory import LauncherDirectory
from gitstore.models.model import Model
from gitstore.run import creation, evaluation, process, training
from gitstore.run.conditions import find_conditions
from gitstore.run.evaluation import LocalLauncher
from gitstore.run.interrupts import Interrupts
from gitstore.run.phases import LIMITS
from gitstore.run.values.inputs import Arrays
from gitstore.sandbox.choice import Sandbox
from tests.sandbox.conftest import list_groups
from tests.support import combinations, environments, workers
from tests.support.launchers import serving
from tests.support.models import make, take

MIB = 1 << 20

CODE = """\
import os, signal, sys, time


def leave_daemon():
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)


def disturb():
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            if os.readlink(f"/proc/self/fd/{{number}}").startswith("socket:"):
                os.write(number, b"junk" * 100)
        except OSError:
            pass
    time.sleep(600)


{code_startup}


class Model:
    @staticmethod
    def create_state(out, factor=None):
        (out / "half").write_text("half")
        {create_state}

    def __init__(self, state):
        {instantiate_model}

    def evaluate(self, values):
        {evaluate}
        return {{"products": values}}

    def train(self, tracker, values):
        {train}

    def save_state(self, out):
        (out / "half").write_text("half")
        {get_state}
"""


class Failure(NamedTuple):
    """What code does wrong, the error that this is, and facts of its details.

    `action` is done from outside when the code has printed a line. `takes` is the limit of the phase.
    """

    statement: str
    error: type[BaseException]
    facts: dict[str, object] = {}  # noqa: RUF012
    action: str | None = None
    takes: str = "60s"


WAIT = "print('here', flush=True); time.sleep(600)"

FAILURES = {
    "exception": Failure("raise ValueError('no')", ModelException),
    "a base exception": Failure("raise BaseException('no')", ModelException),
    "too long": Failure("time.sleep(600)", MaxDurationExceeded, takes="300ms"),
    "exit": Failure("os._exit(3)", CodeTerminated, {"exit_code": 3, "signal": None}),
    "sys.exit": Failure("sys.exit(137)", CodeTerminated, {"exit_code": 137, "signal": None}),
    "killed": Failure("os.kill(os.getpid(), 9)", CodeTerminated, {"exit_code": None, "signal": 9}),
    "crash": Failure("os.kill(os.getpid(), 11)", CodeTerminated, {"exit_code": None, "signal": 11}),
    "out of memory": Failure("[b'x' * (16 << 20) for _ in range(99)]", CodeTerminated, {"oom": True}),
    "disk full": Failure("open('/tmp/x', 'wb').write(bytes(40 << 20))", CodeTerminated, {"disk_full": True}),
    "a disturbed connection": Failure("disturb()", InvalidOutput),
    "cancelled": Failure(WAIT, Cancelled, action="interrupt"),
    "a killed guardian": Failure(WAIT, LauncherTerminated, action="kill the guardian"),
}

PLACES = [
    ("create_state", "code_startup"), ("create_state", "create_state"),
    ("train", "code_startup"), ("train", "instantiate_model"), ("train", "train"), ("train", "get_state"),
    ("local", "code_startup"), ("local", "instantiate_model"), ("local", "evaluate"),
    ("warm", "code_startup"), ("warm", "instantiate_model"), ("warm", "evaluate"),
]  # fmt: skip
"""Each operation, or launcher of evaluations, with its phases."""


@dataclass
class Scene:
    """A model, the conditions of its operations, and what they start."""

    root: Path
    guardians: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    interrupts: Interrupts = field(default_factory=Interrupts)

    def __post_init__(self) -> None:
        self.model = make(self.root / "digits")
        sandbox = Sandbox(off=False, memory=256 * MIB, disk=32 * MIB)
        self.conditions = find_conditions(self.model.directory, sandbox)

    def write(self, phase: str | None = None, failure: Failure | None = None) -> None:
        """Write code that fails in a phase, after it has started a daemon, and take a snapshot of it."""
        names = ("code_startup", "create_state", "instantiate_model", "evaluate", "train", "get_state")
        statements = dict.fromkeys(names, "pass")
        settings = self.model.directory / "settings.yaml"
        if phase is not None and failure is not None:
            waits = phase == "train" and failure.error is Cancelled
            statement = "print('here', flush=True)\n        while not tracker.cancelled: time.sleep(0.01)"
            statements[phase] = f"leave_daemon(); {statement if waits else failure.statement}"
            with settings.open("a") as file:
                file.write(f"max_durations: {{{LIMITS.get(phase, phase)}: {failure.takes}}}\n")
        (self.model.directory / "code" / "model.py").write_text(CODE.format(**statements))
        self.model = Model.open(self.model.directory)
        self.snapshot = take(self.model, "v1")

    def operate(self, operation: str, values: Any = (1.0,)) -> object:
        """Run an operation, or an evaluation on a launcher, to its end."""
        inputs = Arrays({"values": values})
        match operation:
            case "create_state":
                return creation.create_state(self.model, Arrays({}), conditions=self.conditions, name="new")
            case "train":
                return training.train(self.model, inputs, conditions=self.conditions, name="new")
            case "local":
                launcher = LocalLauncher(self.conditions)
                return evaluation.evaluate_snapshot(self.snapshot, inputs, launcher=launcher)
        directory = LauncherDirectory(self.root / "launchers")
        launcher = LocalLauncher(self.conditions, self.interrupts)
        with serving(directory, self.snapshot, launcher=launcher):
            return evaluation.evaluate_snapshot(self.snapshot, inputs, launcher=WarmLauncher(directory))

    def list_processes(self) -> list[int]:
        """The processes in sandboxes that show something of this model, or of its user's cache."""
        roots = (self.root, Path(os.environ["XDG_CACHE_HOME"]))
        marks = ["/".join(root.parts[-3:]) + "/" for root in roots]
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                mounts = (path / "mountinfo").read_text()
                is_worker = b"/gitstore/" in (path / "cmdline").read_bytes()
                if is_worker and any(mark in mounts for mark in marks):
                    found.append(int(path.name))
        return found

    def look(self) -> set[str]:
        """What an operation that fails must leave as it was: files, descriptors, children, references."""
        gc.collect()  # packs of an earlier test may still be open
        files = {str(path) for path in self.model.directory.rglob("*")}
        refs = {f"{name} {oid}" for name, oid in self.model.repository.refs.below("refs/")}
        own = {f"child {child}" for child in _list_children()}
        return files | refs | own | {f"descriptor {number}" for number in os.listdir("/proc/self/fd")}


def assert_nothing_is_left(scene: Scene, before: set[str], *, has_group: bool = False) -> None:
    """No process, directory, lock, control group or half-written state is left of an operation.

    A guardian that was killed `has_group`, which the next sandbox removes.
    """
    cache = Path(os.environ["XDG_CACHE_HOME"])
    deadline = time.monotonic() + 10  # the kernel takes a moment for the processes of a killed guardian
    while living := scene.list_processes():
        assert time.monotonic() < deadline, living
        time.sleep(0.01)
    after = scene.look()
    assert after - before == set()
    # Something of an earlier test may be closed meanwhile.
    assert {thing for thing in before - after if not thing.startswith("descriptor")} == set()
    assert os.listdir(tempfile.gettempdir()) == []
    assert [path for path in cache.rglob("*") if "~new" in path.name or "~old" in path.name] == []
    groups = {group for group in list_groups() if int(group.rpartition("-")[2]) in scene.guardians}
    assert has_group or groups == set()
    launchers = scene.root / "launchers"
    assert not launchers.exists() or os.listdir(launchers) == []


def _list_children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.update((task / "children").read_text().split())
    return found


@pytest.fixture
def scene(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene(tmp_path)

    def launch(*arguments: Any, **options: Any) -> Any:
        guardian = workers.launch(*arguments, **options)
        scene.guardians.append(guardian.pid)
        return guardian

    environments.own_directory()
    monkeypatch.setattr(process, "launch", launch)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("scratch")))
    return scene


@contextlib.contextmanager
def acting(scene: Scene, action: Callable[[], object]) -> Iterator[None]:
    """Do something when the code has printed its first line."""
    reading_end, writing_end = os.pipe()
    scene.conditions = replace(scene.conditions, output=writing_end)

    def wait() -> None:
        if os.read(reading_end, 100):
            action()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        os.close(writing_end)
        thread.join()
        os.close(reading_end)


def _choose_action(scene: Scene, action: str | None, operation: str) -> Callable[[], object]:
    """Return what is done from outside, while all that must not be left is there."""

    def act() -> None:
        scene.seen += scene.list_processes()
        do()

    do = _choose_deed(scene, action, operation)
    return act


def _choose_deed(scene: Scene, action: str | None, operation: str) -> Callable[[], object]:
    if action == "kill the guardian":
        return lambda: os.kill(scene.guardians[-1], signal.SIGKILL)
    return scene.interrupts.add if operation == "warm" else lambda: os.kill(os.getpid(), signal.SIGINT)


def _name(value: tuple[str, str] | str) -> str:
    return value if isinstance(value, str) else "-".join(value)


@combinations.sample(3)
@pytest.mark.parametrize(("place", "name"), combinations.each_pair(PLACES, FAILURES, every=6), ids=_name)
def test_a_failure(scene: Scene, place: tuple[str, str], name: str) -> None:
    (operation, phase), failure = place, FAILURES[name]
    error = failure.error
    if error is Cancelled and operation in ("create_state", "local"):
        error = KeyboardInterrupt  # nobody asked for anything gentler
    scene.write(phase, failure)
    before = scene.look()
    with pytest.raises(error) as caught, acting(scene, _choose_action(scene, failure.action, operation)):
        scene.operate(operation)
    assert type(caught.value) is error
    if isinstance(caught.value, ModelException | CodeTerminated | LauncherTerminated | MaxDurationExceeded):
        assert caught.value.phase == phase
        assert failure.facts.items() <= caught.value.details().items()
    assert scene.guardians
    assert (failure.action is not None) == bool(scene.seen)
    assert_nothing_is_left(scene, before, has_group=failure.error is LauncherTerminated)


OPERATIONS = tuple(dict.fromkeys(operation for operation, _ in PLACES))


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "create_state"])
def test_an_input_that_does_not_fit_runs_nothing(scene: Scene, operation: str) -> None:
    scene.write("code_startup", FAILURES["exit"] if operation != "warm" else Failure("pass", Exception))
    before = scene.look()
    with pytest.raises(InvalidInput):
        scene.operate(operation, [[1.0]])
    assert operation == "warm" or scene.guardians == []
    assert_nothing_is_left(scene, before)


@pytest.mark.parametrize(
    "operation",
    ["train", *combinations.more([name] for name in OPERATIONS if name != "train")],
)
def test_without_an_environment_nothing_runs(scene: Scene, operation: str) -> None:
    with (scene.model.directory / "settings.yaml").open("a") as file:
        file.write('packages: {python: "3.99"}\n')
    scene.write()
    store = EnvironmentStore(scene.root / "environments")
    scene.conditions = replace(scene.conditions, environments=store)
    before = scene.look()
    with pytest.raises(EnvironmentFailed) as caught:
        scene.operate(operation)
    assert caught.value.reason == "python_missing"
    assert scene.guardians == []
    assert list(store.directory.rglob("*")) == []
    assert_nothing_is_left(scene, before)


@combinations.sample(3)
@pytest.mark.parametrize("operation", ["local", "warm"])
@pytest.mark.parametrize("statement", ["return {'other': values}", "return None", "return {'products': 'x'}"])
def test_outputs_that_do_not_fit(scene: Scene, operation: str, statement: str) -> None:
    scene.write("evaluate", Failure(statement, InvalidOutput))
    before = scene.look()
    with pytest.raises(InvalidOutput) as caught:
        scene.operate(operation)
    assert caught.value.phase == "evaluate"
    assert_nothing_is_left(scene, before)


@pytest.mark.parametrize("operation", ["local", "warm"])
def test_what_works_leaves_nothing_either(scene: Scene, operation: str) -> None:
    scene.write("evaluate", Failure("pass", Exception))
    before = scene.look()
    scene.operate(operation)
    assert_nothing_is_left(scene, before)
