"""What the other side has, told to a git that has no bitmap which says so.

A partial clone cannot have one, and git uses none if it knows nothing that the other side has.

Snapshots are siblings: from one that the other side has, git takes the common history, and not the tree.
While git pushes, a graft file (gitrepository-layout(5), `info/grafts`) says that each commit to send is also
a child of the snapshots that the other side has. Then git leaves out what their trees have. Nothing is
written to the repository. A git without grafts sends more.

While git fetches, the other side must leave out trees likewise. It does so for a client whose history is
shallow (git-pack-objects(1), `--shallow`): it sends no tree and no blob of commits that both have. So git
is told that history ends at a commit without parents, which changes nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.objects import tag
from gitstore.packs.oid import Kind, Oid

_MOST = 500
"""Commits that are told. git reads the trees of all."""


@contextmanager
def tell(repository: Repository, wanted: Iterable[Oid], theirs: Iterable[Oid]) -> Iterator[Mapping[str, str]]:
    """Yield the variables of a git that pushes `wanted`, tags or commits, to a side that has `theirs`.

    The first ones of `theirs` are told, if there are many.
    """
    sent = {_peel(repository, oid) for oid in wanted} - {None}
    peeled = dict.fromkeys(_peel(repository, oid) for oid in theirs)
    held = [oid for oid in peeled if oid is not None and oid not in sent]
    if not held:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="gitstore-") as directory:
        path = Path(directory, "grafts")
        extra = " ".join(map(str, held[:_MOST]))
        lines = []
        for oid in sent:
            if oid is not None:
                parents = " ".join(map(str, repository.commit(oid).parents))
                lines.append(" ".join(f"{oid} {parents} {extra}".split()))
        path.write_text("".join(f"{line}\n" for line in lines))
        yield {"GIT_GRAFT_FILE": str(path)}


@contextmanager
def tell_fetch(repository: Repository) -> Iterator[Mapping[str, str]]:
    """Yield the variables of a git that fetches, with which the other side sends only what is not here.

    There are none for a clone that is partial or shallow already, or without a commit. Partial clones get no
    weights, and the other side takes shallow ones for what they are.
    """
    is_plain = not repository.objects.is_partial and not (repository.common / "shallow").exists()
    roots = repository.attempt("rev-list", "--max-parents=0", "--max-count=1", "HEAD") if is_plain else None
    if roots is None or roots.returncode or not roots.stdout:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="gitstore-") as directory:
        path = Path(directory, "shallow")
        path.write_bytes(roots.stdout)
        yield {"GIT_SHALLOW_FILE": str(path)}


def _peel(repository: Repository, oid: Oid) -> Oid | None:
    """Return the commit of a tag, or a commit itself; `None` for anything else, and for what is not here."""
    if oid not in repository.objects:
        return None
    with suppress(Corrupt, ValueError):
        kind, content = repository.objects.read_inner(oid)
        if kind is Kind.COMMIT:
            return oid
        if kind is Kind.TAG:
            target, word = tag.read_target(content)
            return target if word == "commit" and target in repository.objects else None
    return None
