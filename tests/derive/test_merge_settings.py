"""Merging settings: the base's changes come in, the model's own stay."""

from __future__ import annotations

import pytest

from gitstore import settings
from gitstore.derive import merge_settings
from gitstore.derive.merge_settings import Conflict
from gitstore.diff.settings import KeyChange

OLD = b"""\
name: digits
filesystem_size: 1MiB
packages:
  python: "3.11"
  requirements:
    - numpy==2.0.0
    - scipy==1.14.0
    - gone==1.0
max_durations:
  train: 1h
"""
OWN = b"""\
name: dogs
filesystem_size: 1MiB
packages:    # ours
  python: "3.11"
  requirements: [numpy==2.0.0, scipy==1.13.0, own==1.0, gone==1.0]
max_durations:
  evaluate: 5s
  train: 1h
"""
NEW = b"""\
name: digits
description: better
filesystem_size: 2MiB
packages:
  python: "3.12"
  requirements:
    - numpy==2.1.0
    - scipy==1.15.0
    - torch==2.5.0
max_durations:
  train: 2h
"""


def test_key_by_key_and_package_by_package() -> None:
    merged = merge_settings.merge(OWN, old=OLD, new=NEW)
    found = settings.parse(merged.content)
    assert (found.name, found.description, found.filesystem_size) == ("dogs", "better", 2 * 1024**2)
    assert found.packages.python == "3.12"
    assert found.packages.requirements == ("numpy==2.1.0", "scipy==1.13.0", "own==1.0", "torch==2.5.0")
    assert (found.max_durations.train, found.max_durations.evaluate) == (7200.0, 5.0)
    assert merged.conflicts == (Conflict("packages.requirements.scipy", "1.13.0", "1.15.0"),)
    assert KeyChange("packages.requirements.numpy", "2.0.0", "2.1.0") in merged.changes
    assert KeyChange("packages.requirements.gone", "1.0", None) in merged.changes


@pytest.mark.parametrize(("old", "new"), [(OLD, OLD), (OWN, NEW), (NEW, OWN)])
def test_one_side_alone(old: bytes, new: bytes) -> None:
    """Without changes of the base nothing changes, and without changes of the model all comes in."""
    merged = merge_settings.merge(OWN, old=old, new=new)
    assert merged.conflicts == ()
    if new != NEW:
        assert merged.content == OWN
    else:
        assert settings.parse(merged.content).packages == settings.parse(NEW).packages


def test_what_both_have_added_otherwise() -> None:
    merged = merge_settings.merge(
        b"name: a\ndescription: mine\n", old=b"name: b\n", new=b"name: b\ndescription: theirs\n"
    )
    assert merged.content == b"name: a\ndescription: mine\n"
    assert merged.conflicts == (Conflict("description", "mine", "theirs"),)
