"""Make a derived model's code its own.

The model keeps its name, branch, snapshots and states, and `based_on` still says where it comes from.
`based_on.detached` says that the code is no longer compared with the base's.
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
    """A detached model. `commit` is the one that detached it, `None` if it was detached before."""

    model: Model
    base: BasedOn
    commit: Oid | None


def detach(model: Model) -> Detached:
    """Give a derived model its own code, which can be edited, committed and put into snapshots.

    Edits of the code stay. Atomic: the model is detached, durably, when its branch is updated. If the
    update of the files is interrupted after that, the same call finishes it. Raises `GitstoreError` for a
    model that is not derived, and for uncommitted changes to the settings.
    """
    with model.repository.replacing_files():
        model = Model.open(model.directory)  # another command may have moved it to another base
        base = model.base
        if base is None:
            raise GitstoreError(f"{model.name} is not a derived model, so there is nothing to detach")
        branch, path = Branch.open(model), PurePosixPath(SETTINGS)
        commit = None
        if base.detached:
            branch.complete_interrupted([path])
        else:
            branch.check_clean([path])
            commit = _commit(branch, base, path)
        make_writable(model, branch.code_directory)
    model.repository.maintain()
    return Detached(Model.open(model.directory), base, commit)


def _commit(branch: Branch, base: BasedOn, path: PurePosixPath) -> Oid:
    detached = msgspec.structs.replace(base, detached=True)
    content = settings.set_keys(branch.settings_content, {"based_on": detached})
    with branch.model.repository.writer() as writer:
        changes = {path: (int(Mode.FILE), writer.add(Kind.BLOB, content))}
        message = f"Detach {branch.model.name} from {base.full_name}"
        commit = branch.add_commit(changes, message, writer=writer)
        branch.check_out_commit(commit)
    return commit
