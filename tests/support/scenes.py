"""Scenes to test in: models with snapshots and derived models, made once in each test process, then copied.

    @pytest.fixture
    def v1(tmp_path: Path) -> Snapshot:
        return scenes.snapshot(tmp_path)

A test file has scenes of its own in the same way: `scenes.copy(build, tmp_path, ...)` with a function that
makes everything in the directory that it is given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Hashable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gitstore.derive import standalone, worktree
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support import copying, lasting, models
from tests.support.commands import git


def snapshot(root: Path, *names: str) -> Snapshot:
    """The model digits of `models.make` in `root`/digits, with these snapshots (v1), each of other weights.

    Returns the last one.
    """
    copy(_snapshots, root, *names)
    return find(root, names[-1] if names else "v1")


def derived(root: Path, *names: str) -> Model:
    """dogs in the linked worktree `root`/dogs, based on the last of these snapshots (v1) of `root`/digits."""
    copy(_derived, root, *names)
    return Model.open(root / "dogs")


def referencing(root: Path, *names: str) -> Model:
    """dogs in the repository `root`/dogs, based on the last of these snapshots (v1) of `root`/digits."""
    copy(_referencing, root, *names)
    return Model.open(root / "dogs")


def behind(root: Path) -> Model:
    """dogs as `derived` makes it, and v2 of `root`/digits, which has one file more and one changed."""
    copy(_behind, root)
    return Model.open(root / "dogs")


def two_states(root: Path) -> Model:
    """digits with the saved states initial and other, of which other is active."""
    copy(_two_states, root)
    return Model.open(root / "digits")


def model(root: Path, fixtures: Collection[str]) -> Model:
    """The model of `models.make` in `root`/digits; with the snapshot v1 if a test has a fixture called so."""
    if "v1" not in fixtures:
        return models.make(root / "digits")
    snapshot(root)
    return Model.open(root / "digits")


def find(root: Path, name: str = "v1") -> Snapshot:
    """The snapshot of `root`/digits that has this name, as a fresh process would see it."""
    return reference.resolve(name, root / "digits")


def copy(build: Callable[..., object], root: Path, *arguments: Hashable) -> None:
    """Put into the directory `root` what `build(root, *arguments)` makes in an empty one.

    It is made anew for another configuration of git, and for other variables that git goes by. The copy
    does not know where the original is: links of worktrees are its own, so is git's configuration, and so
    are settings that say where the base is, for which the commit at HEAD is amended.
    """
    configuration = Path(os.environ["GIT_CONFIG_GLOBAL"]).read_text()
    variables = ((key, os.environ[key]) for key in sorted(os.environ) if key.startswith("GIT_"))
    own = tuple(each for each in variables if each[0] != "GIT_CONFIG_GLOBAL")
    original = _original(build, arguments, own, configuration)
    copying.copy_tree(original.root, root)
    for path in (root / name for name in original.mentions):
        path.write_bytes(path.read_bytes().replace(bytes(original.root), bytes(root)))
    for top, index in original.indexes.items():
        copying.refresh_index(root / index, root / top)
    for name in original.amended:
        git("commit", "--quiet", "--amend", "--no-edit", "--", "settings.yaml", cwd=root / name)


class _Original(NamedTuple):
    root: Path
    mentions: list[str]
    """Files that say where the original is."""
    indexes: dict[str, str]
    """Each working copy's index."""
    amended: list[str]
    """Working copies whose settings say where the original is."""


@cache
def _original(
    build: Callable[..., object], arguments: tuple[Hashable, ...], variables: object, configuration: str
) -> _Original:
    root = lasting.make_directory("scene")
    build(root, *arguments)
    files = [Path(folder, name) for folder, _, names in os.walk(root) for name in names]
    for hook in [path for path in files if path.suffix == ".sample"]:
        hook.unlink()
        files.remove(hook)
    mentions = [path.relative_to(root) for path in files if bytes(root) in path.read_bytes()]
    amended = [str(path.parent) for path in mentions if path.name == "settings.yaml"]
    tops = [path.parent for path in root.rglob(".git")]
    return _Original(root, [str(path) for path in mentions], _indexes(root, tops), amended)


def _indexes(root: Path, tops: list[Path]) -> dict[str, str]:
    found = {}
    for top in tops:
        index = Path(git("rev-parse", "--absolute-git-dir", cwd=top).strip(), "index")
        if index.exists():
            found[str(top.relative_to(root))] = str(index.relative_to(root))
    return found


def _snapshots(root: Path, *names: str) -> None:
    model = models.make(root / "digits")
    for number, name in enumerate(names or ("v1",)):
        if number:
            models.put(model, "initial", {"weights": bytes([number] * 8)})
        models.take(model, name)


def _derived(root: Path, *names: str) -> None:
    worktree.derive(snapshot(root, *names), "dogs", root / "dogs")


def _referencing(root: Path, *names: str) -> None:
    standalone.derive(snapshot(root, *names), "dogs", root / "dogs")


def _behind(root: Path) -> None:
    derived(root)
    model = Model.open(root / "digits")
    models.write(model, "code/sub/größer name.py", "new\n")
    models.change(model)
    models.take(model, "v2")


def _two_states(root: Path) -> None:
    model = models.make(root / "digits")
    models.put(model, "other", {"w": b"w"})
    save_state(model, "other")
    save_state(model, "initial")
    use_state(model, "other")
