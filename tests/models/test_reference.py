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
from tests.support.failing import names, refuses
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
    assert names(caught.value, "dogs@v1")


def test_what_leads_nowhere(tmp_path: Path) -> None:
    here = scenes.snapshot(tmp_path, "first-run").repository.directory
    assert resolved("@first-run", here) == "refs/tags/first-run"
    local = ("local repositories",)
    cases: list[tuple[str, type[GitstoreError], tuple[object, ...], str]] = [
        ("first-one", NoSuchSnapshot, ("first-one",), "first-run"),
        ("unlike", NoSuchSnapshot, ("unlike",), "gitstore list"),
        ("", NoSuchSnapshot, (), "gitstore list"),
        ("digits@", NoSuchSnapshot, ("digits@",), "gitstore list"),
        ("digits@nothing", NoSuchSnapshot, ("digits@nothing",), "gitstore list"),
        ("cats@v1", NoSuchSnapshot, ("cats@v1", "cats is"), "gitstore list --all"),
        ("https://example.org/m.git@v1", GitstoreError, local, "gitstore clone https://example.org/m.git"),
        ("git@example.org:m@v1", GitstoreError, local, "gitstore clone git@example.org:m"),
        ("a b@v1", NoSuchSnapshot, ("a b@v1", "a b is"), ""),
        ("..@v1", NotAModel, (here / "..",), "gitstore init"),
    ]
    for text, kind, parts, hint in cases:
        with refuses(*parts, hint=hint, kind=kind):
            reference.resolve(text, here)


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
    with refuses(tmp_path, kind=NotAModel):
        reference.resolve("v1", tmp_path)
    git("init", "--quiet", cwd=tmp_path)
    with refuses(tmp_path, "settings.yaml", kind=NotAModel):
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
