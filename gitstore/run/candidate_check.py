"""Running a model from the content of a snapshot before the snapshot is taken."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitstore.errors import OperationFailed
from gitstore.run import supervisor
from gitstore.run.conditions import Conditions
from gitstore.run.values.inputs import Inputs
from gitstore.run.workplace import RuntimeSpec
from gitstore.workingcopy.candidate import Candidate

_HINT = "no snapshot was taken; a snapshot leaves out ignored files and those outside the code directory"


@dataclass(frozen=True)
class CandidateCheck:
    """Loads the model from a candidate and evaluates the inputs, if there are any. A `candidate.Check`.

    Raises `InvalidInput` before anything runs, and `OperationFailed` if the model fails.
    """

    inputs: Inputs | None
    conditions: Conditions

    def __call__(self, candidate: Candidate) -> None:
        definitions = candidate.settings.types.evaluate.inputs
        inputs = self.inputs.read(definitions) if self.inputs is not None else None
        operation = "load" if inputs is None else "evaluate"
        spec = RuntimeSpec(candidate.settings, candidate.identity.lock)
        with (
            self.conditions.open_workplace(spec, operation) as workplace,
            self._open_state(candidate) as state,
        ):
            try:
                if inputs is not None:
                    supervisor.evaluate(
                        code=candidate.code,
                        state=state,
                        settings=candidate.settings,
                        inputs=inputs,
                        workplace=workplace,
                    )
                else:
                    supervisor.load(
                        code=candidate.code, state=state, settings=candidate.settings, workplace=workplace
                    )
            except OperationFailed as error:
                error.hint = error.hint or _HINT
                raise

    @contextmanager
    def _open_state(self, candidate: Candidate) -> Iterator[Path]:
        """Provide the state's files: those on disk, or the saved ones from the user's cache, or none."""
        if candidate.state is not None:
            yield candidate.state
        elif candidate.identity.state is not None:
            with self.conditions.cache.open_state(candidate.repository, candidate.identity.state) as path:
                yield path
        else:
            with tempfile.TemporaryDirectory(prefix="gitstore-state-") as empty:
                yield Path(empty)
