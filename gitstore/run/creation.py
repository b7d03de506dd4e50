"""Creating a state by the code of a model, for the model itself or for a model derived from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gitstore.bigfiles import scan
from gitstore.derive.first_state import Content
from gitstore.disk import directories
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.run import new_state, supervisor, working_copy
from gitstore.run.conditions import Conditions
from gitstore.run.new_state import Result
from gitstore.run.recording.trainings import describe_origin, record_operation
from gitstore.run.recording.values import describing
from gitstore.run.values.inputs import Inputs
from gitstore.run.workplace import RuntimeSpec
from gitstore.states.save import notify_saved


def create_state(model: Model, inputs: Inputs, *, conditions: Conditions, name: str | None = None) -> Result:
    """Have a working copy's code create a state called `name`; by default, it gets the active state's name.

    Its record says with which parameters. The hook post-state runs after it is saved. Raises `StateExists`
    if there is such a state, `InvalidInput` before anything runs, and `OperationFailed`.
    """
    params = inputs.read(model.settings.types.create_state)
    name = name or model.active_state
    code = working_copy.find_code(model)
    new_state.check_new(model, name)
    with (
        working_copy.open_workplace(model, conditions, "create_state") as workplace,
        new_state.hidden_state(model) as out,
        describing(params) as description,
    ):
        origin = describe_origin(model)
        creation = supervisor.create_state(
            code=code, settings=model.settings, params=params, out=out, workplace=workplace
        )
        new_state.check_intact(model)
        saved = new_state.keep_state(model, name, out)
    record_operation(model, saved, creation, origin=origin, values=description.result())
    new_state.check_intact(model, saved)
    notify_saved(model, "created", saved, place=workplace.describe())
    return Result(saved, (), creation.durations, workplace=workplace)


@dataclass(frozen=True)
class CreatedState:
    """A derived model's first state, which the code of its base creates.

    Raises `InvalidInput` before anything runs, and `OperationFailed` if the code fails.
    """

    inputs: Inputs
    conditions: Conditions

    @contextmanager
    def prepare(self, base: Snapshot, expect: Progress) -> Iterator[Content]:
        params = self.inputs.read(base.settings.types.create_state)
        spec = RuntimeSpec(base.settings, base.lock_content)
        with directories.scratch(base.repository.private, "state") as out:
            with (
                self.conditions.open_workplace(spec, "create_state") as workplace,
                self.conditions.cache.open_code(base.repository, base.code_tree) as code,
            ):
                supervisor.create_state(
                    code=code,
                    settings=base.settings,
                    params=params,
                    out=out,
                    workplace=workplace,
                )
            listing = scan.scan_directory(out)
            expect(listing.size)
            yield listing
