"""Settings that are invalid, committed and on disk, stop only what needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import BadSettings
from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Git, Run, parsed
from tests.support.models import again, take

BAD_URL = f"""\
name: digits
based_on: {{model: a, snapshot: v1, tag: {"1" * 40}, commit: {"2" * 40}, url: "ext::sh -c id"}}
"""


@pytest.fixture
def broken(tmp_path: Path, git: Git) -> Path:
    return commit(git, scenes.snapshot(tmp_path).repository.directory, BAD_URL)


def commit(git: Git, directory: Path, content: str) -> Path:
    (directory / "settings.yaml").write_text(content)
    git("commit", "--quiet", "--all", "-m", "broken", cwd=directory)
    return directory


def test_what_does_not_need_them_goes_on(broken: Path, run: Run) -> None:
    for words in (
        "verify v1", "verify", "verify --all", "show v1", "list", "list --all", "log", "models", "usage",
        "diff v1 v1", "state list", "gc --dry-run", "export v1 ../out", "evaluate v1 -p values=[1.0]",
    ):  # fmt: skip
        done = run(*words.split(), cwd=broken)
        assert done.code == 0, (words, done.stderr)


def test_what_needs_them_says_what_is_wrong(broken: Path, run: Run) -> None:
    for words in ("snapshot v2", "train -p values=[1.0]", "status", "detach"):
        done = run(*words.split(), cwd=broken)
        assert done.code == BadSettings.exit_code
        assert "settings.yaml:2: based_on.url" in done.stderr


def test_a_derived_model_stays_what_it_is(git: Git, run: Run, tmp_path: Path) -> None:
    dogs = scenes.derived(tmp_path)
    take(dogs, "d1")
    text = (dogs.directory / "settings.yaml").read_text()
    for name in ("dogs\nunknown: 1", "dogs\ntypes: {", "dogs\n<<<<<<< HEAD"):
        commit(git, dogs.directory, text.replace("name: dogs", f"name: {name}"))
        assert Model.identify(dogs.directory).prefix == "dogs/"
        assert [each["name"] for each in parsed(run("list", "--json", cwd=dogs.directory))] == ["d1"]
        assert run("verify", "d1", cwd=dogs.directory).code == 0
        with pytest.raises(BadSettings):
            again(dogs)


def test_nothing_is_guessed_where_the_name_cannot_be_read(broken: Path, git: Git) -> None:
    for content in ("- a\n", "name: ../x\n", "name: digits\nbased_on: [1]\n"):
        commit(git, broken, content)
        with pytest.raises(BadSettings):
            Model.identify(broken)
