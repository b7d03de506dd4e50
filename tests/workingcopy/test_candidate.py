"""`gitstore snapshot --check`: what a snapshot would hold is run before it is taken."""

from __future__ import annotations

import shutil

import pytest

from gitstore.errors import ModelException
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run.candidate_check import CandidateCheck
from gitstore.run.values.inputs import Assignments
from gitstore.snapshots import take as capture
from gitstore.states.save import save_state
from tests.support.commands import Run, parsed
from tests.support.failing import refuses
from tests.support.models import again, picture, put, refs, user_conditions


def checked(model: Model, name: str, *inputs: str) -> Snapshot:
    """Take a snapshot that was checked first."""
    assignments = Assignments(inputs, model.directory) if inputs else None
    check = CandidateCheck(assignments, user_conditions())
    return capture.take(again(model), name, check=check).snapshot


def add_to_init(model: Model, line: str) -> None:
    """Let the model do something more when it is made from its state."""
    path = model.directory / "code" / "model.py"
    head, start, rest = path.read_text().partition("    def __init__(self, state")
    signature, _, body = rest.partition("\n")
    path.write_text(f"from pathlib import Path\n{head}{start}{signature}\n        {line}\n{body}")


@pytest.mark.parametrize("where", ["vocabulary.txt", "code/ignored.txt"])
def test_a_file_that_a_snapshot_would_not_have(model: Model, where: str) -> None:
    """The working copy runs with it, and the snapshot failed afterwards."""
    (model.directory / ".gitignore").write_text("/states/\nignored.txt\n")
    (model.directory / where).write_text("words")
    add_to_init(model, f"(Path(__file__).parent.parent / '{where}').read_text()")
    before = refs(model.directory), picture(model.directory)
    with pytest.raises(ModelException) as caught:
        checked(model, "v1")
    assert (caught.value.phase, "FileNotFoundError" in caught.value.message) == ("instantiate_model", True)
    assert (caught.value.hint or "").startswith("no snapshot was taken")
    assert (refs(model.directory), picture(model.directory)) == before
    assert not list(model.repository.private.glob(".*~new-*"))


def test_a_model_that_loads_and_cannot_evaluate(model: Model) -> None:
    path = model.directory / "code" / "model.py"
    path.write_text(path.read_text().replace("    def evaluate(self", "    def evaluate(self, missing"))
    assert checked(model, "v1").name == "v1"
    with pytest.raises(ModelException, match=r"^evaluate: TypeError"):
        checked(model, "v2", "values=[1, 2, 3]")


def test_a_state_that_is_only_saved(model: Model) -> None:
    save_state(model, "initial")
    shutil.rmtree(model.claim_states() / "initial")
    found = checked(model, "v1", "values=[1, 2, 3]")
    assert found.state_tree == state.find_saved_tree(model, "initial")
    assert not (model.claim_states() / "initial").exists()


def test_a_model_that_changes_its_own_weights(model: Model) -> None:
    put(model, "initial", {"factor.json": b"1.5"})
    add_to_init(model, "(state / 'calls.txt').write_text('1')")
    with refuses(model.directory, "changed"):
        checked(model, "v1")
    assert not refs(model.directory).get("refs/tags/v1")


def test_the_command(model: Model, run: Run) -> None:
    assert parsed(run("snapshot", "v1", "--check", "--json", cwd=model.directory))["checked"] is True
    assert run("snapshot", "v2", "-p", "values=[1, 2, 3]", cwd=model.directory).code == 0
    assert run("snapshot", "v3", "-p", "values=text", cwd=model.directory).code == 1
    (model.directory / "code" / "model.py").write_text("import nothing_of_that_name\n")
    assert run("snapshot", "v4", "--check", cwd=model.directory).code == 14
    assert run("snapshot", "v5", cwd=model.directory).code == 0
