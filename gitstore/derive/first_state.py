"""The state `initial` that a derived model begins with: its base's state, none, or imported files.

Its content is prepared before anything of the model exists, and stored by the write that makes the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gitstore.bigfiles import lfs
from gitstore.bigfiles.scan import Listing
from gitstore.git.repository import Repository
from gitstore.models.model import FIRST_STATE
from gitstore.models.snapshot import Snapshot
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.states import import_files
from gitstore.states.save import add_state_commit, add_state_files

Content = Oid | Listing | None
"""A tree that the base's repository has, files to store, or nothing."""


class FirstState(Protocol):
    """Where the first state of a model comes from."""

    def prepare(self, base: Snapshot, expect: Progress) -> AbstractContextManager[Content]:
        """Give the state's content while the block runs. May write into the base's repository.

        `expect` is called with the bytes that are to be stored, if there are any.
        """


@dataclass(frozen=True)
class Copied:
    """The base's own state: the same object, which adds no bytes."""

    @contextmanager
    def prepare(self, base: Snapshot, expect: Progress) -> Iterator[Content]:  # noqa: ARG002 - protocol
        yield base.state_tree


@dataclass(frozen=True)
class Absent:
    """No state."""

    @contextmanager
    def prepare(self, base: Snapshot, expect: Progress) -> Iterator[Content]:  # noqa: ARG002 - protocol
        yield None


@dataclass(frozen=True)
class Imported:
    """Files from elsewhere, by the rules of `state import`."""

    paths: Sequence[Path]

    @contextmanager
    def prepare(self, base: Snapshot, expect: Progress) -> Iterator[Content]:  # noqa: ARG002 - protocol
        files = import_files.list_files(self.paths)
        lfs.refuse_pointers(files, "gitstore state import --force stores the pointer itself")
        expect(files.size)
        yield files


COPIED = Copied()
ABSENT = Absent()


def add_first_state(
    content: Content,
    writer: ObjectWriter,
    *,
    repository: Repository,
    model_name: str,
    progress: Progress = lambda _: None,
) -> Oid | None:
    """Write a model's first state, and return its commit; `None` if there is no content.

    `progress` is called with numbers of bytes. Raises `GitstoreError` if a file changes while it is read.
    """
    if content is None:
        return None
    tree = (
        content
        if isinstance(content, Oid)
        else add_state_files(repository, content, writer, progress=progress)
    )
    return add_state_commit(repository, tree, model_name=model_name, name=FIRST_STATE, writer=writer)
