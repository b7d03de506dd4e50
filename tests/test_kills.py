"""Kill -9 at any instant: what is not in test_crash, which has the large writes, or with what it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.kills import DERIVED, Deed, kill_often, names, scene

MADE = "(there is a model or branch called .*|.* exists) already\n"
MODEL = ".* is a model already: it has a settings.yaml\n"
GONE = "there is no state b\n"
WORKTREE = "^cats/"

DEEDS = [
    Deed("init new", where="source/..", done=MODEL),
    Deed("init --code src", where="adopted", done=MODEL, unsettled="^adopted/"),
    # Whole on disk, it may not be saved yet, so that a plain repeat finds it there.
    Deed("state import ../source --name new", again="state import ../source --name new --force"),
    Deed("state rename initial best", done="there is no state initial\n"),
    Deed("state rm b", done=GONE),
    Deed("state create fresh", done="there is a state fresh already\n"),
    Deed("rename v2 größer", done="there is no snapshot v2"),
    Deed("rm v1 v2 --force", done="there is no snapshot v1"),
    Deed("derive v2 cats ../cats", done=MADE, unsettled=WORKTREE),
    Deed("derive v2 cats ../cats --state none", done=MADE, unsettled=WORKTREE),
    Deed("derive v2 cats ../cats --state ../source", done=MADE, unsettled=WORKTREE),
    Deed("derive v2 cats ../cats --reference", done=".* exists already\n"),
    Deed("rebase digits@v2", where=DERIVED, unsettled="^dogs/(code|settings.yaml)"),
    Deed("detach", where=DERIVED, unsettled="^dogs/settings.yaml"),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("template") / "scene"


@pytest.mark.parametrize("deed", DEEDS, ids=names(DEEDS))
def test_at_random_instants(
    request: pytest.FixtureRequest, template: Path, tmp_path: Path, deed: Deed
) -> None:
    if not template.exists():
        scene(template)
    kill_often(deed, template, tmp_path, max(2, request.config.getoption("--kills") // 3))
