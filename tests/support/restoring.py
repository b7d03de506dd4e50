"""Bringing a working copy back: a model whose two snapshots differ in everything, and looks at it."""

from __future__ import annotations

from pathlib import Path

from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.snapshots.restore import Component, Restored, restore
from tests.support import scenes
from tests.support.models import make, put, take

KEEP = "gitstore snapshot NAME saves everything; --force discards it"


def bring_back(directory: Path, name: str, *components: Component, force: bool = False) -> Restored:
    """Restore as a fresh process would."""
    model = Model.open(directory)
    return restore(
        model, reference.resolve(name, directory), components=components or tuple(Component), force=force
    )


def trees(taken: Snapshot) -> tuple[object, ...]:
    return taken.code_tree, taken.state_tree, taken.settings_blob, taken.lock_blob


def names(found: tuple[object, ...]) -> list[str]:
    return [str(path) for path in found]


def two(root: Path) -> Path:
    """A model in `root`/digits with v1, and v2 where all differs: files added, changed, deleted, a lock."""
    scenes.copy(_two, root)
    return root / "digits"


def _two(root: Path) -> None:
    model = make(root / "digits")
    here = model.directory
    (here / "code" / "old").mkdir()
    (here / "code" / "old" / "größe 1.py").write_text("old\n")
    take(model, "v1", "one")
    (here / "code" / "old" / "größe 1.py").unlink()
    (here / "code" / "old").rmdir()
    (here / "code" / "model.py").write_text("# changed\n")
    (here / "code" / "new").mkdir()
    (here / "code" / "new" / "run").write_text("#!/bin/sh\n")
    (here / "code" / "new" / "run").chmod(0o755)
    (here / "code" / "link").symlink_to("model.py")
    with (here / "settings.yaml").open("a") as file:
        file.write("description: the second\n")
    (here / "packages.lock").write_text("numpy==2.4.6\n")
    put(model, "initial", {"weights": b"second", "sub/more": b"more"})
    take(model, "v2", "two")
