"""What may be in transit: commits of directories of blobs (gitstore/transfer/transit.py makes them)."""

from __future__ import annotations

import re
from collections.abc import Callable

from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs.oid import Oid
from gitstore.policy.names import show_path
from gitstore.policy.push import PathProblem
from gitstore.policy.survey import TreeSurvey

_BATCH = re.compile(rb"[0-9]{6}")


def find_transit_problem(
    survey: TreeSurvey, root: Oid, *, is_new: Callable[[Oid], bool]
) -> PathProblem | None:
    """Return what in a tree is no blob in transit, with its path.

    Only new batches are read: a commit has all batches before it, too.
    """
    batches = survey.read_entries(root)
    if isinstance(batches, PathProblem):
        return batches
    for batch in batches:
        is_batch_new = is_new(batch.oid)
        survey.note(batch.oid)
        name = show_path(batch.name)
        if not batch.is_tree or not _BATCH.fullmatch(batch.name):
            return PathProblem("transit", name, "is not a directory of blobs")
        entries = survey.read_entries(batch.oid) if is_batch_new else []
        if isinstance(entries, PathProblem):
            return entries._replace(path=name)
        for entry in entries:
            survey.note(entry.oid)
        strange = next((entry for entry in entries if not _is_in_transit(entry)), None)
        if strange is not None:
            path = f"{name}/{show_path(strange.name)}"
            return PathProblem("transit", path, "is not a blob that is named by its id")
    return None


def _is_in_transit(entry: TreeEntry) -> bool:
    return entry.mode == Mode.FILE and entry.name == str(entry.oid).encode()
