"""Making a derived model's code its own.

The model stays the derived model that it is, with its name, branch, prefix and all that lies under that:
`based_on` goes on to say where it comes from. `based_on.detached` says that the code is no longer
compared with the base's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from gitstore import settings
from gitstore.errors import GitstoreError
from gitstore.models.model import SETTINGS, Model
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import BasedOn
from gitstore.workingcopy.branch import Branch
from gitstore.workingcopy.code import make_writable


@dataclass(frozen=True)
class Detached:
    """A model whose code is its own. `commit` made it so; `None` if it was already."""

    model: Model
    base: BasedOn
    commit: Oid | None


def detach(model: Model) -> Detached:
    """Make a derived model's code its own: to edit, commit and take snapshots of.

    Edits of the code that are there already stay. Atomic: the model is detached, durably, when its
    branch is; if the files are interrupted after that, the same call again lets them follow. Raises
    `GitstoreError` for a model that is not derived, and for uncommitted changes to the settings.
    """
    with model.repository.replacing_files():
        model = Model.open(model.directory)  # another command may have moved it to another base
        base = model.base
        if base is None:
            raise GitstoreError(f"{model.name} is not a derived model: its code is its own already")
        here, path = Branch.of(model), PurePosixPath(SETTINGS)
        commit = None
        if base.detached:
            here.resume([path])
        else:
            here.check_clean([path])
            commit = _commit(here, base, path)
        make_writable(model, here.code)
    model.repository.maintain()
    return Detached(Model.open(model.directory), base, commit)


def _commit(here: Branch, base: BasedOn, path: PurePosixPath) -> Oid:
    detached = msgspec.structs.replace(base, detached=True)
    content = settings.set_keys(here.settings_content, {"based_on": detached})
    with here.model.repository.writer() as writer:
        changes = {path: (int(Mode.FILE), writer.add(Kind.BLOB, content))}
        message = f"Detach {here.model.name} from {base.full_name}"
        commit = here.add(changes, message, writer=writer)
        here.advance(commit)
    return commit
