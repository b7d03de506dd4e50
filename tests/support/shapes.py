"""The JSON shapes of a snapshot and of a base, as the commands of a scene print them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gitstore.models.snapshot import Snapshot
from tests.support.commands import Git


def snapshot_shape(git: Git, directory: Path, name: str, **others: object) -> dict[str, Any]:
    """The shape of a snapshot of the root model. `others` are other values, or more keys."""
    return {
        "name": name,
        "model": "digits",
        "ref": f"refs/tags/{name}",
        "tag": git("rev-parse", name, cwd=directory).strip(),
        "commit": git("rev-parse", f"{name}^{{commit}}", cwd=directory).strip(),
        "tagger": "Ada Lovelace <ada@example.org>",
        "date": "2023-11-14T22:13:20+00:00",
        "signed": None,
        "state": "initial",
        "based_on": None,
        "message": f"Snapshot {name} of digits",
    } | others


def base_shape(snapshot: Snapshot) -> dict[str, Any]:
    """The shape of a base that is in the model's own repository."""
    return {
        "model": snapshot.model,
        "snapshot": snapshot.name,
        "tag": str(snapshot.tag_oid),
        "commit": str(snapshot.commit),
        "url": None,
    }
