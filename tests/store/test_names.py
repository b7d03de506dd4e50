"""Names that become paths."""

from __future__ import annotations

import pytest

from gitstore.errors import InvalidName
from gitstore.store.names import ModelName, parse_model_name, parse_snapshot_name


@pytest.mark.parametrize("text", ["ada/digits", "/ada/digits", "ada/digits.git", "/ada/digits.git/"])
def test_spellings_of_one_model(text: str) -> None:
    assert parse_model_name(text) == ModelName("ada", "digits")


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "ada", "ada/", "/digits", "ada//digits", "ada/digits/x", "../ada/digits", "ada/..",
        "./digits",
        "ada/.git", "ada/-x", "-x/digits", "ada/a b", "ada/x\0y", "ada/x\ny", "ada/digits.git.git", "hooks/x",
        "Hooks/x", "store.yaml/x", "ledger.sqlite-wal/x", "ada/x@y", "~ada/x", "ada/HEAD",
        "ada/$(id)\n", "ada/*",
    ],
)  # fmt: skip
def test_what_is_no_model(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_model_name(text)


def test_snapshots() -> None:
    assert parse_snapshot_name("ada/digits@v1").ref == "refs/tags/v1"
    assert parse_snapshot_name("ada/digits@dogs/v1").ref == "refs/tags/dogs/v1"
    assert str(parse_snapshot_name("ada/digits.git@v1")) == "ada/digits@v1"


@pytest.mark.parametrize(
    "text", ["ada/digits", "ada/digits@", "ada/digits@a/b/c", "ada/digits@..", "digits@v1"]
)
def test_what_is_no_snapshot(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_snapshot_name(text)
