"""A store with one model, whose refs tests move without hooks, and whose ledger they drive themselves."""

from __future__ import annotations

import os
from pathlib import Path

from gitstore.disk.processes import ProcessId
from gitstore.ledger.audit.matching import EventMatcher
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import Admission
from gitstore.outbox.events import AnyEvent, decode, type_of
from gitstore.packs.oid import Kind, Oid
from gitstore.store.receive.reconcile import Reconciled, reconcile
from gitstore.store.receive.ref_events import describe_change
from gitstore.store.receive.stored import collect_stored
from gitstore.store.store import Store, StoreModel
from tests.support.commands import git
from tests.support.ledgers import find_break


class SmallStore:
    """A store with one model, whose refs the tests move as they like."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        (root / "store.yaml").write_text("")
        self.store = Store.open(root)
        self.model = StoreModel("ada", "digits", root / "ada" / "digits.git")
        git("init", "--quiet", "--bare", "-b", "main", str(self.model.directory), cwd=root)
        self.ledger = Ledger.open(self.store.ledger_path)

    def commit(self, content: str, *parents: Oid) -> Oid:
        """A commit of one file."""
        blob = self.git("hash-object", "-w", "--stdin", stdin=content)
        tree = self.git("mktree", stdin=f"100644 blob {blob}\tfile\n")
        options = [word for parent in parents for word in ("-p", str(parent))]
        return Oid.parse(self.git("commit-tree", tree, *options, "-m", content))

    def tag(self, name: str, target: Oid) -> Oid:
        """A tag object without a ref."""
        text = f"object {target}\ntype commit\ntag {name}\ntagger A <a@b.c> 1700000000 +0000\n\n{name}\n"
        return Oid.parse(self.git("mktag", stdin=text))

    def add_moves(self, *snapshots: str, after: Oid | None = None) -> list[Oid]:
        """Moves of an alias to snapshots that need not exist, one after the other, each a commit."""
        tree = self.git("mktree")
        moves = [] if after is None else [after]
        for snapshot in snapshots:
            parent = ["-p", str(moves[-1])] if moves else []
            message = f"{snapshot} is good\n\nModel: digits\nAlias: best\nTo: {snapshot} {tag_of(snapshot)}"
            moves.append(Oid.parse(self.git("commit-tree", tree, *parent, "-m", message)))
        return moves if after is None else moves[1:]

    def move(self, ref: str, new: Oid | None) -> None:
        """Move a ref without a hook."""
        self.git("update-ref", *(["-d", ref] if new is None else [ref, str(new)]))

    def git(self, *arguments: str, stdin: str = "") -> str:
        return git(*arguments, cwd=self.model.directory, stdin=stdin.encode()).strip()

    def reserve(self, transaction: str, refs: dict[str, Oid | None], process: ProcessId) -> None:
        """Reserve as the hook does."""
        objects = self.model.repository.objects
        objects.refresh()
        name = self.model.full_name
        self.ledger.create(name, now=0)
        now = self.ledger.refs(name)
        targets = [oid for oid in refs.values() if oid is not None]
        stored = collect_stored(objects, targets, lambda oids: self.ledger.find_live(name, oids))
        admissions = [
            Admission(
                ref=ref, old=now.get(ref), new=new, objects=stored,
                tag=new if ref.startswith("refs/tags/") else None,
                events=describe_change(objects, name, ref, old=now.get(ref), new=new),
            )
            for ref, new in refs.items()
        ]  # fmt: skip
        self.ledger.reserve(name, admissions, transaction=transaction, process=process, now=1)

    def reconcile(self, now: int = 2) -> Reconciled:
        return reconcile(self.ledger, self.model, now=now, pid=os.getpid())

    def read_events(self) -> list[AnyEvent]:
        """What was told, without the model's creation."""
        bodies = self.ledger.connection.execute("SELECT body FROM outbox_events ORDER BY number")
        events = [decode(body) for (body,) in bodies]
        return [event for event in events if type_of(event) != "model.created"]

    def events(self) -> list[str]:
        """What was told of whom, without the model's creation."""
        return [f"{type_of(event)} {event.subject}" for event in self.read_events()]

    def match(self) -> list[str]:
        """What an audit says of rows and events."""
        matcher = EventMatcher(self.ledger.connection)
        for row in self.ledger.rows():
            matcher.add(row)
        return list(matcher.list_problems())

    def check(self) -> None:
        """The ledger has the refs and the bytes of the repository."""
        refs = dict(self.model.repository.refs.all())
        assert self.ledger.refs(self.model.full_name) == refs
        stored = collect_stored(self.model.repository.objects, refs.values(), lambda oids: ())
        (balance,) = self.ledger.balances()
        assert balance.bytes == sum(item.size for item in stored.values())
        assert (balance.objects, balance.reserved) == (len(stored), 0)
        assert sum(row.bytes for row in self.ledger.rows()) == balance.bytes
        assert find_break(self.ledger.rows()) is None
        assert self.ledger.pending() == []


def tag_of(snapshot: str) -> Oid:
    """The tag that the moves of an alias say of a snapshot."""
    return Oid.of(Kind.TAG, snapshot.encode())
