from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.derive.first_state import ABSENT
from gitstore.errors import GitstoreError, NoSuchSnapshot, NotAModel
from gitstore.models import reference
from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Git
from tests.support.failing import names
from tests.support.models import make, take

Family = tuple[Model, Model, Model]


@pytest.fixture
def family(tmp_path: Path) -> Family:
    """digits, dogs based on digits@v1, and pugs based on dogs@v1; each has a v1, dogs has a `special` too."""
    scenes.copy(_family, tmp_path)
    digits, dogs, pugs = (Model.open(tmp_path / name) for name in ("digits", "dogs", "pugs"))
    return digits, dogs, pugs


def _family(root: Path) -> None:
    dogs = worktree.derive(scenes.snapshot(root), "dogs", root / "dogs").model
    pugs = worktree.derive(take(dogs, "v1"), "pugs", root / "pugs").model
    take(dogs, "special")
    take(pugs, "v1")


def resolved(text: str, directory: Path) -> str:
    return reference.resolve(text, directory).ref


def test_a_name_means_the_same_to_git_and_to_us(family: Family) -> None:
    wanted = {
        "v1": ["v1", "dogs/v1", "pugs/v1"],
        "digits@v1": ["v1", "v1", "v1"],
        "dogs@v1": ["dogs/v1", "dogs/v1", "dogs/v1"],
        "dogs@special": ["dogs/special", "dogs/special", "dogs/special"],
        "dogs/special": ["dogs/special", "dogs/special", "dogs/special"],
        "pugs@v1": ["pugs/v1", "pugs/v1", "pugs/v1"],
        "../digits@v1": ["v1", "v1", "v1"],
        "../dogs@special": ["dogs/special", "dogs/special", "dogs/special"],
    }
    assert {
        text: [resolved(text, model.directory).removeprefix("refs/tags/") for model in family]
        for text in wanted
    } == wanted


def test_from_a_subdirectory_and_by_absolute_path(tmp_path: Path) -> None:
    scenes.snapshot(tmp_path)
    assert resolved("v1", tmp_path / "digits" / "code") == "refs/tags/v1"
    assert resolved(f"{tmp_path / 'digits'}@v1", Path("/")) == "refs/tags/v1"


def test_a_path_with_spaces_at_signs_and_colons(tmp_path: Path) -> None:
    model = make(tmp_path / "my models" / "a@b: größe")
    take(model, "v1")
    assert resolved("my models/a@b: größe@v1", tmp_path) == "refs/tags/v1"
    assert resolved("a@b: größe@v1", tmp_path / "my models") == "refs/tags/v1"


def test_a_model_s_name_goes_before_a_directory_s(family: Family, tmp_path: Path) -> None:
    take(make(tmp_path / "elsewhere", "other"), "v1")
    (tmp_path / "elsewhere").rename(family[0].directory / "dogs")
    assert reference.resolve("dogs@v1", family[0].directory).model == "dogs"
    assert reference.resolve("./dogs@v1", family[0].directory).model == "other"


def test_a_derived_model_without_snapshots_is_known(tmp_path: Path) -> None:
    worktree.derive(scenes.snapshot(tmp_path), "dogs", tmp_path / "dogs", state=ABSENT)
    with pytest.raises(NoSuchSnapshot) as caught:
        reference.resolve("dogs@v1", tmp_path / "digits")
    assert caught.value.message == "there is no snapshot dogs@v1"


def test_what_leads_nowhere(tmp_path: Path) -> None:
    here = scenes.snapshot(tmp_path, "first-run").repository.directory
    assert resolved("@first-run", here) == "refs/tags/first-run"
    cases: list[tuple[str, str, str | None]] = [
        ("first-one", "there is no snapshot first-one", "did you mean first-run?"),
        ("unlike", "there is no snapshot unlike", "gitstore list shows the snapshots"),
        ("", "there is no snapshot ", "gitstore list shows the snapshots"),
        ("digits@", "there is no snapshot digits@", "gitstore list shows the snapshots"),
        ("digits@nothing", "there is no snapshot digits@nothing", "gitstore list shows the snapshots"),
        (
            "cats@v1",
            "there is no snapshot cats@v1: cats is neither a model of this repository nor a directory",
            "gitstore list --all shows the snapshots of all its models",
        ),
        (
            "https://example.org/m.git@v1",
            "https://example.org/m.git@v1: this command reads snapshots from local repositories only",
            "clone it first: git clone https://example.org/m.git",
        ),
        (
            "git@example.org:m@v1",
            "git@example.org:m@v1: this command reads snapshots from local repositories only",
            "clone it first: git clone git@example.org:m",
        ),
        (
            "a b@v1",
            "there is no snapshot a b@v1: a b is neither a model of this repository nor a directory",
            None,
        ),
        ("..@v1", "{parent} is not in a git repository", "gitstore init creates a model here"),
    ]
    for text, message, hint in cases:
        with pytest.raises(GitstoreError) as caught:
            reference.resolve(text, here)
        assert caught.value.message == message.format(parent=here / "..")
        assert hint is None or caught.value.hint == hint


def test_what_git_would_not_even_take_for_a_name(model: Model) -> None:
    for text in ("v 1", "v~1", "v^", "a..b", "v1.lock", "v:1", "v\\1", "[", "*"):
        with pytest.raises(NoSuchSnapshot) as caught:
            reference.resolve(text, model.directory)
        assert names(caught.value, text)


def test_the_base_s_snapshot_is_suggested(family: Family) -> None:
    take(family[0], "v7")
    with pytest.raises(NoSuchSnapshot) as caught:
        reference.resolve("v7", family[1].directory)
    assert (caught.value.message, caught.value.hint) == (
        "there is no snapshot v7",
        "did you mean digits@v7?",
    )


def test_a_tag_that_is_no_snapshot(model: Model, git: Git) -> None:
    git("tag", "--annotate", "--message", "a release", "r1", cwd=model.directory)
    with pytest.raises(NoSuchSnapshot) as caught:
        reference.resolve("r1", model.directory)
    assert (caught.value.message, caught.value.hint) == (
        "refs/tags/r1 is a tag, but not a snapshot",
        "gitstore list shows the snapshots",
    )


def test_outside_of_any_model(tmp_path: Path, git: Git) -> None:
    with pytest.raises(NotAModel, match=f"^{tmp_path} is not in a git repository$"):
        reference.resolve("v1", tmp_path)
    git("init", "--quiet", cwd=tmp_path)
    with pytest.raises(NotAModel, match=r"is a git repository, but not a model: it has no settings.yaml$"):
        reference.resolve("v1", tmp_path)


def test_based_on_themselves(family: Family, git: Git) -> None:
    """Settings that somebody wrote by hand lead in a circle, but not for ever."""
    _, dogs, pugs = family
    path = dogs.directory / "settings.yaml"
    path.write_text(
        path.read_text().replace("  model: digits", "  model: pugs").replace("model: digits,", "model: pugs,")
    )
    git("commit", "--quiet", "--all", "-m", "circle", cwd=dogs.directory)
    with pytest.raises(NoSuchSnapshot):
        reference.resolve("digits@v1", pugs.directory)
