"""What an alias is: a name that moves from snapshot to snapshot of a model, with its history.

`refs/aliases/NAME` leads to a commit for the last move, whose parent is the move before it. Its author made
the move; its message says why, and its trailers from which snapshot to which. The tree is empty: an alias
holds no objects of a snapshot, so an old move does not keep a removed snapshot for ever. See docs/format.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from gitstore.errors import Corrupt, GitstoreError
from gitstore.git.repository import Repository
from gitstore.models import snapshot as snapshots
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.names import name_problem, spell_alias
from gitstore.objects import commit
from gitstore.objects.paths import ObjectSource
from gitstore.packs.oid import Kind, Oid

PREFIX = "refs/aliases/"

ALIAS, FROM, TO = "Alias", "From", "To"
REQUIRED, EVALUATION, REVERTS, RENAMED = "Required", "Evaluation", "Reverts", "Renamed-From"
"""The trailers of a move, beside `Model` and `Gitstore-Format`."""


class NoSuchAlias(GitstoreError):
    """No alias has this name."""


@dataclass(frozen=True)
class AliasTarget:
    """A snapshot as a move names it: what it was called then, and its tag."""

    snapshot: str
    tag: Oid

    @classmethod
    def of(cls, snapshot: Snapshot) -> AliasTarget:
        return cls(snapshot.name, snapshot.tag_oid)

    def __str__(self) -> str:
        return f"{self.snapshot} {self.tag}"


@dataclass(frozen=True)
class Move:
    """One move of an alias. `reverts` is the move that a rollback took back.

    `required` are the requirements that the snapshot met, with what they found; `evaluations` are the records
    that they found it in, each with the tree of its files. `is_renaming`: the snapshot got another name.
    """

    commit: Oid
    parent: Oid | None
    author: str
    date: datetime | None
    message: str
    old: AliasTarget | None
    new: AliasTarget
    reverts: Oid | None
    is_renaming: bool
    required: tuple[str, ...]
    evaluations: tuple[str, ...]


@dataclass(frozen=True)
class Alias:
    """An alias and its last move. `prefix` is its model's."""

    prefix: str
    name: str
    move: Move

    @property
    def ref(self) -> str:
        return f"{PREFIX}{self.prefix}{self.name}"

    @property
    def short_name(self) -> str:
        """Its name in the repository: the bare one of the root model's, else MODEL@ALIAS."""
        return spell_alias(self.ref)

    @property
    def snapshot_ref(self) -> str:
        """The ref of the snapshot that has the alias."""
        return f"refs/tags/{self.prefix}{self.move.new.snapshot}"


def find_alias(model: Model, name: str) -> Alias | None:
    """Return an alias of a model; `None` if there is none. Raises `Corrupt` if it cannot be read."""
    tip = model.repository.refs.get(model.alias_ref(name)) if name_problem(name) is None else None
    return Alias(model.prefix, name, read_move(model.repository, tip)) if tip is not None else None


def get_alias(model: Model, name: str) -> Alias:
    """Return an alias of a model. Raises `NoSuchAlias`, and `Corrupt` like `find_alias`."""
    alias = find_alias(model, name)
    if alias is None:
        raise NoSuchAlias(f"there is no alias {name}", "gitstore alias list shows the aliases")
    return alias


def list_aliases(model: Model) -> list[Alias]:
    """List the aliases of a model by name. Raises `Corrupt` if one of them cannot be read."""
    return [alias for alias in list_all_aliases(model.repository) if alias.prefix == model.prefix]


def list_all_aliases(repository: Repository) -> list[Alias]:
    """List the aliases of all models of a repository by ref. Raises `Corrupt` like `list_aliases`."""
    if not repository.refs.has_any_below(PREFIX):  # most repositories; it does not read all refs
        return []
    return [read_alias(repository, ref, tip) for ref, tip in repository.refs.below(PREFIX)]


def list_names_by_tag(repository: Repository) -> dict[Oid, list[str]]:
    """Return the names of the aliases of each snapshot that has any, by its tag, for lists of snapshots.

    An alias that cannot be read is left out, for verify to report.
    """
    names: dict[Oid, list[str]] = {}
    if not repository.refs.has_any_below(PREFIX):
        return names
    for ref, tip in repository.refs.list_below(PREFIX).refs.items():
        with suppress(Corrupt):
            alias = read_alias(repository, ref, tip)
            names.setdefault(alias.move.new.tag, []).append(alias.name)
    return names


def find_problems(repository: Repository) -> tuple[list[str], list[str]]:
    """Check the history of all aliases. Returns problems, and notices of aliases of removed snapshots."""
    problems, notices = [], []
    for ref, tip in repository.refs.list_below(PREFIX).refs.items():
        try:
            alias = read_alias(repository, ref, tip)
            for _ in list_moves(repository, alias):
                pass
        except Corrupt as error:
            problems.append(f"{ref}: {error.message}")
            continue
        if repository.refs.get(alias.snapshot_ref) != alias.move.new.tag:
            notices.append(f"{ref} is the alias of {alias.move.new.snapshot}, which was removed")
    return problems, notices


def read_alias(repository: Repository, ref: str, tip: Oid) -> Alias:
    """Read the alias that a ref is. Raises `Corrupt` if it is none."""
    prefix, slash, name = ref.removeprefix(PREFIX).rpartition("/")
    steps = (prefix, name) if slash else (name,)
    if any(name_problem(step) is not None for step in steps):
        raise Corrupt(f"{ref} cannot be the ref of an alias", f"git update-ref -d {ref} removes it")
    return Alias(f"{prefix}{slash}", name, read_move(repository, tip))


def find_snapshot(repository: Repository, alias: Alias) -> Snapshot | None:
    """Return the snapshot that has an alias; `None` if it was removed. Raises `Corrupt`."""
    target = alias.move.new
    if repository.refs.get(alias.snapshot_ref) != target.tag:
        return None
    return snapshots.read(repository, alias.snapshot_ref, target.tag)


def select_by_tags(aliases: Iterable[Alias], tags: Iterable[Oid]) -> list[Alias]:
    """Return the aliases that one of the snapshots with these tags has."""
    wanted = set(tags)
    return [alias for alias in aliases if alias.move.new.tag in wanted]


def list_moves(repository: Repository, alias: Alias) -> Iterator[Move]:
    """Yield the moves of an alias, the last one first. Raises `Corrupt` where one cannot be read."""
    move: Move | None = alias.move
    while move is not None:
        yield move
        move = read_move(repository, move.parent) if move.parent is not None else None


def list_new_moves(objects: ObjectSource, tip: Oid, *, after: Oid | None) -> list[Move]:
    """Return the moves of an alias at `tip` that it did not have at `after`, the first one first.

    They end before the first one that cannot be read. There are none if the alias went back in its history.
    """
    moves = list(_read_line(objects, tip, until=after))
    if after is not None and moves and moves[-1].parent != after:  # somebody forced it
        earlier = {move.commit for move in _read_line(objects, after)}
        moves = [move for move in moves if move.commit not in earlier]
    return moves[::-1]


def _read_line(objects: ObjectSource, tip: Oid, *, until: Oid | None = None) -> Iterator[Move]:
    """Yield the moves that can be read, the last one first."""
    oid: Oid | None = tip
    with suppress(Corrupt):
        while oid is not None and oid != until:
            move = parse_move(oid, objects.read_as(Kind.COMMIT, oid))
            yield move
            oid = move.parent


def find_at(repository: Repository, alias: Alias, time: datetime) -> Alias:
    """Return an alias as it was at a time: with the last move that was made until then.

    Raises `NoSuchAlias` if it did not exist yet, and `Corrupt` like `list_moves`.
    """
    for move in list_moves(repository, alias):
        if move.date is not None and move.date <= time:
            return replace(alias, move=move)
    raise NoSuchAlias(
        f"there was no alias {alias.name} at {time:%Y-%m-%d %H:%M:%S %z}",
        f"gitstore alias log {alias.name} shows its history",
    )


def read_move(repository: Repository, oid: Oid) -> Move:
    """Read a move. Raises `Corrupt` if the commit is missing, or no move of an alias."""
    return parse_move(oid, repository.objects.read_as(Kind.COMMIT, oid))


def parse_move(oid: Oid, content: bytes) -> Move:
    """Return the move in a commit. Raises `Corrupt` if it is no move of an alias."""
    try:
        parents = commit.parse(content).parents
        text = commit.parse_text(content)
        trailers = text.trailers
        old = _parse_target(trailers[FROM][-1]) if FROM in trailers else None
        new = _parse_target(trailers[TO][-1])
        reverts = Oid.parse(trailers[REVERTS][-1]) if REVERTS in trailers else None
    except (KeyError, ValueError) as error:
        raise Corrupt(f"commit {oid} is not a move of an alias") from error
    return Move(
        commit=oid,
        parent=parents[0] if parents else None,
        author=text.author,
        date=text.date,
        message=text.message,
        old=old,
        new=new,
        reverts=reverts,
        is_renaming=RENAMED in trailers,
        required=tuple(trailers.get(REQUIRED, ())),
        evaluations=tuple(trailers.get(EVALUATION, ())),
    )


def _parse_target(text: str) -> AliasTarget:
    name, _, digits = text.partition(" ")
    if name_problem(name) is not None:
        raise ValueError(f"{name!r} is not the name of a snapshot")
    return AliasTarget(name, Oid.parse(digits))
