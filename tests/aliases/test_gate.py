"""Requirements against what a repository has recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gitstore.aliases.gate import RequirementNotMet, check_requirements
from gitstore.aliases.move import set_alias
from gitstore.aliases.requirements import parse
from gitstore.aliases.write_move import Reason
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.records import evaluations
from gitstore.records.record import Circumstances, EvaluationRecord, Value
from tests.support import scenes


def record(model: Model, snapshot: str, accuracy: float, directory: Path) -> None:
    (directory / "outputs").mkdir(parents=True)
    np.save(directory / "outputs" / "accuracy.npy", accuracy)
    value = Value(name="accuracy", type="f64", shape=[], size=8, sha256=f"{accuracy}", value=accuracy)
    when = Circumstances(date="2026-11-03T12:00:00+00:00", user="Ada", gitstore="0", durations={})
    evaluations.add_record(
        reference.resolve(snapshot, model.directory),
        EvaluationRecord(name="bench", inputs=[], outputs=[value], tree="0" * 40, circumstances=when),
        directory,
    )


def test_what_is_recorded_decides(tmp_path: Path) -> None:
    model = Model.open(scenes.snapshot(tmp_path, "v1", "v2").repository.directory)
    v1, v2 = (reference.resolve(name, model.directory) for name in ("v1", "v2"))
    rules = [parse("bench.accuracy >= 0.5"), parse("bench.accuracy >= current")]
    with pytest.raises(RequirementNotMet) as error:
        check_requirements(model, "production", v1, requirements=rules)
    assert error.value.message == (
        "v1 cannot get the alias production: it does not meet bench.accuracy >= 0.5:"
        " no evaluation bench was recorded"
    )
    record(model, "v1", 0.75, tmp_path / "one")
    found, used = check_requirements(model, "production", v1, requirements=rules)
    assert found[0] == "bench.accuracy >= 0.5 (it is 0.75)"
    assert [one.partition(" ")[0] for one in used] == ["bench"]
    set_alias(model, "production", v1, reason=Reason(required=found, evaluations=used))
    record(model, "v2", 0.7, tmp_path / "two")
    with pytest.raises(RequirementNotMet, match=r"it is 0\.7, current 0\.75"):
        check_requirements(model, "production", v2, requirements=rules)
    assert check_requirements(model, "production", v2, requirements=[]) == ([], [])
