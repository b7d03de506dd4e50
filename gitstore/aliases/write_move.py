"""Writing a move of an alias: a commit with an empty tree, whose message ends with trailers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gitstore.errors import GitstoreError
from gitstore.models.alias import ALIAS, EVALUATION, FROM, RENAMED, REQUIRED, REVERTS, TO, AliasTarget, Move
from gitstore.models.shape import FORMAT
from gitstore.objects import commit, tree
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.text import control_problem


@dataclass(frozen=True)
class Reason:
    """Why an alias moves. `required` and `evaluations` are as in `Move`.

    `identity` (name, mail, time, zone) is who moves it; by default, the user that git knows.
    """

    message: str | None = None
    required: Sequence[str] = ()
    evaluations: Sequence[str] = ()
    identity: str | None = None

    def check(self) -> None:
        """Raise `GitstoreError` for a message that a commit cannot have."""
        problem = control_problem(self.message or "")
        if problem is not None:
            raise GitstoreError(f"the message {problem}", "write the message as plain text")


@dataclass(frozen=True)
class NewMove:
    """A move that is about to be made. `last` is the move before it, if the alias exists."""

    model: str
    alias: str
    last: Move | None
    target: AliasTarget
    reason: Reason
    reverts: Oid | None = None
    is_renaming: bool = False

    def write(self, writer: ObjectWriter, *, identity: str) -> Oid:
        """Add the move to a write, and return its commit. Author and committer are `identity`."""
        trailers = "\n".join(f"{key}: {value}" for key, value in self._list_trailers())
        message = (self.reason.message or "").strip() or self._describe()
        parents = (self.last.commit,) if self.last is not None else ()
        empty = writer.add(Kind.TREE, tree.encode([]))
        content = commit.encode(empty, parents, identity=identity, message=f"{message}\n\n{trailers}")
        return writer.add(Kind.COMMIT, content, path=f"the move of {self.alias}")

    def _describe(self) -> str:
        """Return the message of a move for which nobody gave a reason."""
        if self.is_renaming and self.last is not None:
            return f"{self.last.new.snapshot} is called {self.target.snapshot} now"
        if self.reverts is not None:
            return f"Roll {self.alias} back to {self.target.snapshot}"
        verb = "Set" if self.last is None else "Move"
        return f"{verb} {self.alias} to {self.target.snapshot}"

    def _list_trailers(self) -> Iterator[tuple[str, str]]:
        yield "Model", self.model
        yield ALIAS, self.alias
        if self.last is not None:
            yield FROM, str(self.last.new)
        yield TO, str(self.target)
        for requirement in self.reason.required:
            yield REQUIRED, requirement
        for evaluation in self.reason.evaluations:
            yield EVALUATION, evaluation
        if self.reverts is not None:
            yield REVERTS, str(self.reverts)
        if self.is_renaming and self.last is not None:
            yield RENAMED, self.last.new.snapshot
        yield "Gitstore-Format", FORMAT
