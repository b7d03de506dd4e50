"""What a derived model takes over from its base, in its branch's first commit.

The commit has the base's commit for parent, so that ordinary git reachability keeps the base
whatever becomes of its tag.
"""

from __future__ import annotations

from gitstore import settings
from gitstore.errors import GitstoreError
from gitstore.models.model import CODE, IGNORE, IGNORE_FILE, LOCK, SETTINGS, committed_file
from gitstore.models.snapshot import Snapshot
from gitstore.objects import commit, tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import BasedOn


def based_on(base: Snapshot, url: str | None = None) -> BasedOn:
    """What the settings of a model say of its base, and of the repository that this is in."""
    return BasedOn(model=base.model, snapshot=base.name, tag=str(base.oid), commit=str(base.commit), url=url)


def facts(base: Snapshot, url: str | None = None) -> dict[str, str | None]:
    """The same for programs, as hooks and --json tell it; `url` is null in the model's own repository."""
    return {
        "model": base.model,
        "snapshot": base.name,
        "tag": str(base.oid),
        "commit": str(base.commit),
        "url": url,
    }


def add_first_commit(
    base: Snapshot, name: str, writer: ObjectWriter, *, identity: str, url: str | None = None
) -> Oid:
    """Write the first commit of a model, and return its id.

    It has the base's code, ignore rules and packages.lock, and the base's settings with `based_on`. The
    repository that `writer` writes to must have the base's objects.
    """
    content = settings.set_keys(
        base.settings_content, {"name": name, "code": None, "based_on": based_on(base, url)}
    )
    entries = [
        TreeEntry(Mode.TREE, CODE.encode(), base.code),
        TreeEntry(Mode.FILE, SETTINGS.encode(), writer.add(Kind.BLOB, content)),
        TreeEntry(Mode.FILE, IGNORE_FILE.encode(), writer.add(Kind.BLOB, _ignore_rules(base))),
    ]
    if base.lock is not None:
        entries.append(TreeEntry(Mode.FILE, LOCK.encode(), base.lock))
    root = writer.add(Kind.TREE, tree.encode(entries))
    message = f"Derive {name} from {base.full_name}"
    return writer.add(Kind.COMMIT, commit.encode(root, (base.commit,), identity=identity, message=message))


def check_there(base: Snapshot) -> None:
    """Raise `GitstoreError` if the base was removed since it was found: its objects may be gone, too."""
    if base.repository.refs.get(base.ref) != base.oid:
        raise GitstoreError(
            f"the snapshot {base.short_name} is gone: somebody removed it meanwhile",
            "gitstore list shows the snapshots",
        )


def _ignore_rules(base: Snapshot) -> bytes:
    """Those of the branch that the base was taken from: what is no code there is none here either."""
    for branch_head in base.repository.commit(base.commit).parents:
        content = committed_file(base.repository, branch_head, IGNORE_FILE)
        if content is not None and IGNORE.strip().encode() in content.splitlines():
            return content
    return IGNORE.encode()
