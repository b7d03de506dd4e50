"""Creating a state by the code of a model, for the model itself or for a model derived from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from gitstore.bigfiles import scan
from gitstore.derive.first_state import Content
from gitstore.disk import directories
from gitstore.disk.afterwards import only_warn
from gitstore.models import state
from gitstore.models.model import FIRST_STATE, Model
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.records.record import Code, Value
from gitstore.run import new_state, supervisor, working_copy
from gitstore.run.conditions import Conditions
from gitstore.run.new_state import Result
from gitstore.run.recording.trainings import Origin, describe_origin, record_operation
from gitstore.run.recording.values import describing
from gitstore.run.supervisor import Creation
from gitstore.run.values.inputs import Inputs
from gitstore.run.workplace import RuntimeSpec
from gitstore.states.save import Saved, notify_saved


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


class _Created(NamedTuple):
    """How a state was created: what ran, from what, and with which parameters."""

    creation: Creation
    origin: Origin
    parameters: Sequence[Value]


@dataclass
class CreatedState:
    """A derived model's first state, which the code of its base creates.

    Raises `InvalidInput` before anything runs, and `OperationFailed` if the code fails.
    """

    inputs: Inputs
    conditions: Conditions
    _created: _Created | None = field(default=None, init=False)

    @contextmanager
    def prepare(self, base: Snapshot, expect: Progress) -> Iterator[Content]:
        params = self.inputs.read(base.settings.types.create_state)
        spec = RuntimeSpec(base.settings, base.lock_content)
        with directories.scratch(base.repository.private, "state") as out:
            with (
                self.conditions.open_workplace(spec, "create_state") as workplace,
                self.conditions.cache.open_code(base.repository, base.code_tree) as code,
                describing(params) as description,
            ):
                creation = supervisor.create_state(
                    code=code,
                    settings=base.settings,
                    params=params,
                    out=out,
                    workplace=workplace,
                )
                code_of_base = Code(differs=False, commit=str(base.commit), tree=str(base.code_tree))
                self._created = _Created(creation, Origin(code_of_base), description.result())
            listing = scan.scan_directory(out)
            expect(listing.size)
            yield listing

    def record(self, model: Model) -> None:
        """Keep how the state was created, now that the derived model has it. A failure is a warning."""
        tree = state.find_saved_tree(model, FIRST_STATE)
        if self._created is None or tree is None:
            return  # an earlier command, which was killed, has created it
        creation, origin, parameters = self._created
        saved = Saved(FIRST_STATE, tree, size=0, pack=None, was_saved=True)
        with only_warn(f"the state {FIRST_STATE} is saved, but how it was created was not recorded"):
            record_operation(model, saved, creation, origin=origin, values=parameters)
