"""How the worker finds a model's class and takes its outputs: in this process."""

from __future__ import annotations

import sys

import pytest

from gitstore.run.worker import contract
from gitstore.run.worker.failure import BrokenContract, UnusableOutputs


@pytest.mark.parametrize(
    ("source", "method", "message"),
    [
        (None, "evaluate", "code/model.py does not exist"),
        ("", "evaluate", "code/model.py has no class Model"),
        ("Model = 3", "evaluate", "code/model.py has no class Model"),
        ("class Model: pass", "evaluate", "code/model.py: class Model has no method evaluate"),
        ("class Model: pass", "create_state", "code/model.py: class Model has no method create_state"),
        ("class Model: train = 3", "train", "code/model.py: class Model has no method train"),
    ],
)
def test_a_model_that_is_none(tmp_path, monkeypatch, source, method, message):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    if source is not None:
        (tmp_path / "model.py").write_text(source)
    with pytest.raises(BrokenContract) as caught:
        contract.load_class(tmp_path, [method])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (None, "evaluate() returned None, not a dict of arrays"),
        ([1], "evaluate() returned a value of type list, not a dict of arrays"),
        (iter([]), "evaluate() returned a value of type list_iterator, not a dict of arrays"),
        ({3: 4}, "evaluate() returned a dict with the key 3; its keys are the names of outputs"),
        ({"y": object()}, "y: holds objects that are neither all str nor all bytes"),
        ({"y": [1j]}, "y: type is complex128, which gitstore does not have"),
        ({"words": ["\ud800"]}, "words: holds text that is not Unicode: a lone surrogate"),
    ],
)
def test_outputs_that_are_none(returned, problem):
    with pytest.raises(UnusableOutputs) as caught:
        contract.convert_outputs(returned, {})
    assert caught.value.problems == [problem]


def test_outputs_that_are_ragged():
    with pytest.raises(UnusableOutputs) as caught:
        contract.convert_outputs({"y": [[1.0], [2.0, 3.0]], "z": [1.0]}, {})
    (problem,) = caught.value.problems
    assert problem.startswith("y: is not an array: ValueError: setting an array")


def test_all_that_is_wrong_is_told_and_no_more_than_a_frame_holds():
    with pytest.raises(UnusableOutputs) as caught:
        contract.convert_outputs({3: 4, "y": [1j], "x" * 2000: None} | dict.fromkeys(range(10, 100)), {})
    problems = caught.value.problems
    assert [problem[:6] for problem in problems[:3]] == ["evalua", "y: typ", "xxxxxx"]
    assert (len(problems), len(problems[2])) == (contract.MAX_PROBLEMS, contract.MAX_PROBLEM)
