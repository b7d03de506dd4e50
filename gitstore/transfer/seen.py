"""What a state was on another side when it was last fetched or pushed, to tell who has moved it since.

A state is a commit without parents, so its history does not say. The record is a file in the repository's
private directory. Without it, a state that differs on both sides counts as moved on both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gitstore.disk import locks
from gitstore.disk.atomic import replace_file
from gitstore.disk.permissions import make_directory, share
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.transfer.remotes import Remote


def read(repository: Repository, remote: Remote) -> dict[str, Oid]:
    """Return what refs of states were in a remote. A damaged record is an empty one."""
    return _parse(_path(repository)).get(str(remote), {})


def note(repository: Repository, remote: Remote, values: Mapping[str, Oid]) -> None:
    """Record what refs of states are in a remote now. Atomic and durable."""
    if not values or repository.is_foreign:
        return
    path = _path(repository)
    make_directory(path.parent)
    with locks.record(repository.private):
        record = _parse(path)
        record[str(remote)] = record.get(str(remote), {}) | dict(values)
        text = {name: {ref: str(oid) for ref, oid in refs.items()} for name, refs in record.items()}
        replace_file(path, json.dumps(text, indent=1, sort_keys=True).encode())
        share(path)


def _path(repository: Repository) -> Path:
    return repository.private / "remote-states.json"


def _parse(path: Path) -> dict[str, dict[str, Oid]]:
    try:
        content = json.loads(path.read_bytes())
        return {
            str(name): {str(ref): Oid.parse(oid) for ref, oid in refs.items()}
            for name, refs in content.items()
        }
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return {}
