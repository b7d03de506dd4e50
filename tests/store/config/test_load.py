"""store.yaml: strict, all problems at once, each with its line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import BadSettings
from gitstore.store.config.load import MAX_BYTES, load, parse
from gitstore.store.config.schema import QuotaConfig, StoreConfig

FULL = b"""\
url: https://models.example.org
admins: [root]
owners:
  ada:
    members: {ada: admin, bob: read}
    public: false
    quota: {hard: 10GiB, soft: 8GiB}
    models:
      digits: {public: true, members: {eve: write}, quota: {hard: 1GiB}}
limits: {pack: 2GiB, inflated: 8GiB, object: 64MiB, objects: 10000, paths: 10000, depth: 20, refs: 100}
quotas:
  owner: {hard: 1TiB}
  model: {soft: 100GiB}
currency: EUR
prices:
  - {from: "2026-01-01", storage: 0.02/GiB-month}
  - {from: 2027-01-01, storage: 0.018/GiB-month}
aliases:
  - {name: production, role: admin, models: ada/*}
"""


def test_all_keys() -> None:
    config = parse(FULL)
    assert config.owners["ada"].members == {"ada": "admin", "bob": "read"}
    assert config.owner_quota("ada") == QuotaConfig(hard=10 * 2**30, soft=8 * 2**30)
    assert config.model_quota("ada", "digits") == QuotaConfig(hard=2**30)
    assert config.owner_quota("eve") == QuotaConfig(hard=2**40)
    assert config.model_quota("ada", "other") == QuotaConfig(soft=100 * 2**30)
    assert [price.start for price in config.prices] == ["2026-01-01", "2027-01-01"]
    assert config.limits.pack == 2 * 2**30


def test_nothing_is_required() -> None:
    assert parse(b"owners: {}\n") == StoreConfig()


def test_every_problem_has_its_line_and_key() -> None:
    with pytest.raises(BadSettings) as caught:
        parse(
            b"""\
owner: {}
owners:
  ada lovelace: {}
  hooks: {}
  ada:
    members: {bob: own, "": read}
    public: 3
    quota: {hard: 1GiB, soft: 2GiB}
    models: [digits]
limits: {pack: 1, depth: 0}
prices:
  - {from: 2026-13-01, storage: cheap}
  - {from: 2026-01-01, storage: 1/GiB-month}
  - {from: 2026-01-01, storage: 2/GiB-month}
currency: euro
admins: [ada, ada]
""",
            "store.yaml",
        )
    assert list(caught.value.problems) == [
        "store.yaml:1: owner: there is no such key; did you mean owners?",
        "store.yaml:3: owners.'ada lovelace': 'ada lovelace' contains a space; a name is one word, like ada",
        "store.yaml:4: owners.hooks: 'hooks' is a name that the store reserves; a name is one word, like ada",
        "store.yaml:6: owners.ada.members.bob: 'own' is not known; allowed are admin, read, write",
        "store.yaml:6: owners.ada.members.'': '' is empty; a name is one word, like ada",
        "store.yaml:7: owners.ada.public: is the number 3; it must be true or false",
        "store.yaml:8: owners.ada.quota.soft: is more than hard, so nobody would ever be warned by it",
        "store.yaml:9: owners.ada.models: is a list; it must be a mapping, like {name: value}",
        "store.yaml:10: limits.depth: is 0; it must be at least 1",
        "store.yaml:12: prices[0].from: '2026-13-01' is not a date; write it like 2026-01-01",
        "store.yaml:12: prices[0].storage: 'cheap' is not a price like 0.02/GiB-month",
        "store.yaml:14: prices[2].from: '2026-01-01' is also prices[1]; it must differ",
        "store.yaml:15: currency: 'euro' is not a code like EUR",
        "store.yaml:16: admins[1]: 'ada' is also admins[0]; it must differ",
    ]


def test_an_empty_file_says_what_to_write() -> None:
    with pytest.raises(BadSettings, match=r"store\.yaml:1: is empty; write at least the owners"):
        parse(b"\n")


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "store.yaml"
    path.write_bytes(b"# " + b"x" * MAX_BYTES)
    with pytest.raises(BadSettings, match="is larger than 4096 KiB"):
        load(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"store\.yaml: cannot be read: No such file or directory"):
        load(tmp_path / "store.yaml")
