"""The first commit of a derived model's branch, and what it takes over from the base.

The commit's parent is the base's commit, so that git keeps the base even if its tag is removed.
"""

from __future__ import annotations

from gitstore import settings
from gitstore.errors import GitstoreError
from gitstore.models.model import CODE, IGNORE, IGNORE_FILE, LOCK, SETTINGS, read_committed_file
from gitstore.models.snapshot import Snapshot
from gitstore.objects import commit, tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import BasedOn


def make_based_on(base: Snapshot, url: str | None = None) -> BasedOn:
    """Return `based_on` for the settings of a model. `url` is the base's repository, if it is another."""
    return BasedOn(
        model=base.model, snapshot=base.name, tag=str(base.tag_oid), commit=str(base.commit), url=url
    )


def add_first_commit(
    base: Snapshot, name: str, writer: ObjectWriter, *, identity: str, url: str | None = None
) -> Oid:
    """Write the first commit of a model, and return its id.

    It has the base's code, ignore rules and packages.lock, and the base's settings with `based_on`. The
    repository that `writer` writes to must have the base's objects.
    """
    content = settings.set_keys(
        base.settings_content, {"name": name, "code": None, "based_on": make_based_on(base, url)}
    )
    entries = [
        TreeEntry(Mode.TREE, CODE.encode(), base.code_tree),
        TreeEntry(Mode.FILE, SETTINGS.encode(), writer.add(Kind.BLOB, content)),
        TreeEntry(Mode.FILE, IGNORE_FILE.encode(), writer.add(Kind.BLOB, _ignore_rules(base))),
    ]
    if base.lock_blob is not None:
        entries.append(TreeEntry(Mode.FILE, LOCK.encode(), base.lock_blob))
    root = writer.add(Kind.TREE, tree.encode(entries))
    message = f"Derive {name} from {base.full_name}"
    return writer.add(Kind.COMMIT, commit.encode(root, (base.commit,), identity=identity, message=message))


def check_exists(base: Snapshot) -> None:
    """Raise `GitstoreError` if the base has been removed since it was read: its objects may be gone, too."""
    if base.repository.refs.get(base.ref) != base.tag_oid:
        raise GitstoreError(
            f"the snapshot {base.short_name} was removed meanwhile",
            "gitstore list shows the snapshots",
        )


def _ignore_rules(base: Snapshot) -> bytes:
    """Return the ignore rules of the branch that the base was taken from, so that the same files are code."""
    for branch_head in base.repository.commit(base.commit).parents:
        content = read_committed_file(base.repository, branch_head, IGNORE_FILE)
        if content is not None and IGNORE.strip().encode() in content.splitlines():
            return content
    return IGNORE.encode()
