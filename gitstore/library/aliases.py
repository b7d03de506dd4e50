"""The aliases of a model, as a script sees them."""

from __future__ import annotations

from collections.abc import Sequence

from gitstore.aliases import requirements
from gitstore.aliases.gate import check_requirements
from gitstore.aliases.move import set_alias
from gitstore.aliases.write_move import Reason
from gitstore.errors import GitstoreError
from gitstore.library.snapshot import Snapshot, wrap_snapshot
from gitstore.models import alias, reference
from gitstore.models.model import Model


def list_aliases(model: Model) -> dict[str, Snapshot]:
    """Return the snapshot of each alias of a model, without those whose snapshot was removed."""
    found = {one.name: alias.find_snapshot(model.repository, one) for one in alias.list_aliases(model)}
    return {name: wrap_snapshot(snapshot) for name, snapshot in found.items() if snapshot is not None}


def move(model: Model, name: str, target: str, *, message: str | None, require: Sequence[str]) -> None:
    """Let a snapshot have an alias if it meets requirements; see `gitstore.Model.set_alias`."""
    rules = []
    for text in require:
        try:
            rules.append(requirements.parse(text))
        except ValueError as error:
            raise GitstoreError(f"{text!r} {error}") from error
    snapshot = reference.resolve(target, model.directory)
    found, evaluations = check_requirements(model, name, snapshot, requirements=rules)
    set_alias(model, name, snapshot, reason=Reason(message, found, evaluations))
