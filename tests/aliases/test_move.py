"""Moving aliases: what a move records, what is refused, and two who move one alias at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitstore.aliases.move import remove_alias, roll_back, set_alias
from gitstore.aliases.write_move import Reason
from gitstore.errors import GitstoreError, InvalidName, Locked, NoSuchSnapshot, SnapshotExists
from gitstore.git.refs import RefChanged
from gitstore.models import alias as aliases
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.snapshots import remove, rename
from gitstore.storage.gc import collect_garbage
from tests.support import models, scenes
from tests.support.commands import Fsck, Git

WHY = Reason("it is better")


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model.open(scenes.snapshot(tmp_path, "v1", "v2", "v3").repository.directory)


def find(model: Model, name: str) -> Snapshot:
    return reference.resolve(name, model.directory)


def names(model: Model, name: str) -> list[tuple[str | None, str]]:
    moves = aliases.list_moves(model.repository, aliases.get_alias(model, name))
    return [(move.old.snapshot if move.old else None, move.new.snapshot) for move in moves]


def test_a_move_says_who_when_why_from_and_to(model: Model, git: Git, fsck: Fsck) -> None:
    first = set_alias(model, "production", find(model, "v1"), reason=Reason())
    evidence = Reason("it is better\n\nTo: nowhere", ["bench > 0 (it is 1)"], [f"bench {'1' * 40}"])
    second = set_alias(model, "production", find(model, "v2"), reason=evidence)
    assert (first.move.message, first.move.old) == ("Set production to v1", None)
    move = aliases.get_alias(model, "production").move
    assert move == second.move
    assert (move.author, move.message) == ("Ada Lovelace <ada@example.org>", "it is better\n\nTo: nowhere")
    assert move.date is not None and move.date.timestamp() == 1700000000
    assert (move.old, move.new) == (first.move.new, aliases.AliasTarget.of(find(model, "v2")))
    assert (move.required, move.evaluations) == (("bench > 0 (it is 1)",), (f"bench {'1' * 40}",))
    assert names(model, "production") == [("v1", "v2"), (None, "v1")]
    fsck(model.repository)
    assert git("ls-tree", "-r", "refs/aliases/production", cwd=model.directory) == ""


def test_the_same_snapshot_again_is_no_move(model: Model) -> None:
    first = set_alias(model, "production", find(model, "v1"), reason=WHY)
    assert set_alias(model, "production", find(model, "v1"), reason=WHY) == first
    assert names(model, "production") == [(None, "v1")]


@pytest.mark.parametrize("name", ["a/b", "HEAD", "-x", "a@b", "", "a..b", "x.lock"])
def test_a_name_that_cannot_be(model: Model, name: str) -> None:
    with pytest.raises(InvalidName):
        set_alias(model, name, find(model, "v1"), reason=WHY)


def test_an_alias_is_not_called_like_a_snapshot_nor_a_snapshot_like_an_alias(model: Model) -> None:
    with pytest.raises(GitstoreError, match="v2 is the name of a snapshot"):
        set_alias(model, "v2", find(model, "v1"), reason=WHY)
    set_alias(model, "best", find(model, "v1"), reason=WHY)
    with pytest.raises(GitstoreError, match="best is an alias") as error:
        models.take(model, "best")
    assert not isinstance(error.value, SnapshotExists)
    with pytest.raises(GitstoreError, match="best is an alias"):
        rename.rename(find(model, "v2"), "best")


def test_a_control_character_is_refused(model: Model) -> None:
    with pytest.raises(GitstoreError, match="control character"):
        set_alias(model, "best", find(model, "v1"), reason=Reason("a\x1b[2J"))
    assert aliases.find_alias(model, "best") is None


def test_a_rollback_takes_back_one_move_after_the_other(model: Model) -> None:
    for name in ("v1", "v2", "v3"):
        set_alias(model, "production", find(model, name), reason=WHY)
    assert roll_back(model, "production", Reason("slow")).move.new.snapshot == "v2"
    assert roll_back(model, "production", Reason()).move.message == "Roll production back to v1"
    with pytest.raises(GitstoreError, match="no earlier snapshot"):
        roll_back(model, "production", Reason())
    set_alias(model, "production", find(model, "v3"), reason=WHY)
    assert roll_back(model, "production", Reason()).move.new.snapshot == "v1"


def test_a_rollback_to_a_snapshot_that_is_gone_is_refused(model: Model) -> None:
    for name in ("v1", "v2"):
        set_alias(model, "production", find(model, name), reason=WHY)
    remove.remove(remove.plan_removal([find(model, "v1")]))
    with pytest.raises(NoSuchSnapshot, match="v1 does not exist any more"):
        roll_back(model, "production", Reason())


def test_a_snapshot_with_an_alias_is_removed_with_force_only(model: Model) -> None:
    set_alias(model, "production", find(model, "v1"), reason=WHY)
    removal = remove.plan_removal([find(model, "v1"), find(model, "v2")])
    assert removal.aliases == ("production",)
    with pytest.raises(remove.HasAliases, match="v1, v2 have the alias production"):
        remove.remove(removal)
    remove.remove(removal, force=True)
    with pytest.raises(NoSuchSnapshot, match="production is the alias of v1, which was removed"):
        find(model, "production")
    assert set_alias(model, "production", find(model, "v3"), reason=WHY).move.old is not None


def test_an_alias_that_is_set_meanwhile_counts(model: Model) -> None:
    removal = remove.plan_removal([find(model, "v1")])
    set_alias(model, "production", find(model, "v1"), reason=WHY)
    with pytest.raises(remove.HasAliases):
        remove.remove(removal)


def test_an_alias_keeps_no_removed_snapshot(model: Model, fsck: Fsck) -> None:
    for name in ("v1", "v2"):
        set_alias(model, "production", find(model, name), reason=WHY)
    weights = find(model, "v1").tree
    remove.remove(remove.plan_removal([find(model, "v1")]))
    collect_garbage(model.repository)
    assert weights not in Model.open(model.directory).repository.objects
    assert names(model, "production") == [("v1", "v2"), (None, "v1")]
    fsck(model.repository)


def test_an_alias_follows_a_new_name(model: Model, git: Git, fsck: Fsck) -> None:
    for name in ("v1", "v2"):
        set_alias(model, "production", find(model, name), reason=WHY)
    renamed = rename.rename(find(model, "v2"), "second")
    assert renamed.aliases == ("production",)
    assert find(model, "production").name == "second"
    assert names(model, "production")[0] == ("v2", "second")
    assert roll_back(model, "production", Reason()).move.new.snapshot == "v1"
    set_alias(model, "production", find(model, "v3"), reason=WHY)
    rename.rename(find(model, "v1"), "first")  # not while it has the alias
    with pytest.raises(NoSuchSnapshot, match="v1 does not exist"):
        roll_back(model, "production", Reason())
    fsck(model.repository)


def test_a_rollback_finds_what_was_renamed_while_it_had_the_alias(model: Model) -> None:
    set_alias(model, "production", find(model, "v1"), reason=WHY)
    rename.rename(find(model, "v1"), "one")
    rename.rename(find(model, "one"), "uno")
    set_alias(model, "production", find(model, "v2"), reason=WHY)
    assert roll_back(model, "production", Reason()).move.new.snapshot == "uno"


def test_each_model_has_its_own(tmp_path: Path) -> None:
    dogs = scenes.derived(tmp_path)
    models.put(dogs, "initial", {"weights": b"dog"})
    models.take(dogs, "d1")
    digits = Model.open(tmp_path / "digits")
    assert set_alias(dogs, "best", find(dogs, "d1"), reason=WHY).short_name == "dogs@best"
    set_alias(digits, "best", find(digits, "v1"), reason=WHY)
    assert find(digits, "dogs@best").name == "d1"
    assert find(digits, "best").name == "v1"
    with pytest.raises(GitstoreError, match="not a snapshot of digits"):
        set_alias(digits, "best", find(dogs, "d1"), reason=WHY)
    with pytest.raises(GitstoreError, match="dogs is the name of a derived model"):
        set_alias(digits, "dogs", find(digits, "v1"), reason=WHY)


def test_one_of_two_who_move_it_at_once_is_told(model: Model) -> None:
    set_alias(model, "production", find(model, "v1"), reason=WHY)
    current = aliases.get_alias(model, "production")

    def move(name: str) -> str:
        own = Model.open(model.directory)
        try:
            return set_alias(own, "production", find(own, name), reason=WHY).move.new.snapshot
        except (RefChanged, Locked):
            return "told"

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(move, ["v2", "v3"] * 4))
    moves = list(aliases.list_moves(model.repository, aliases.get_alias(model, "production")))
    assert moves[-1] == current.move
    assert [move.old for move in moves[:-1]] == [move.new for move in moves[1:]]
    assert len(results) == 8


def test_removing_an_alias_leaves_the_snapshot(model: Model) -> None:
    set_alias(model, "production", find(model, "v1"), reason=WHY)
    assert remove_alias(model, "production").move.new.snapshot == "v1"
    with pytest.raises(aliases.NoSuchAlias):
        remove_alias(model, "production")
    assert find(model, "v1")
