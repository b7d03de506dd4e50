"""Outputs as JSON, and as files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gitstore.run.values import outputs
from gitstore.run.worker import tensors


def objects(value):
    return tensors.normalise(np.array(value, dtype=object))


def test_to_json():
    shown = outputs.to_json(
        {
            "digit": np.array([3, 4], "u1"),
            "probability": np.array([0.1, 1 / 3, 1], "f4"),
            "half": np.array(0.1, "f2"),
            "exact": np.array([[0.1, np.nan], [np.inf, -np.inf]]),
            "sure": np.array(True),
            "big": np.array(2**64 - 1, "u8"),
            "words": objects(["a", "ü"]),
            "word": objects("a"),
            "picture": objects(b"\0\1"),
            "pictures": objects([[b"\0\1", b""]]),
            "none": np.zeros((0, 3), "f4"),
        }
    )
    assert shown == {
        "digit": [3, 4],
        "probability": [0.1, 0.33333334, 1.0],
        "half": 0.1,
        "exact": [[0.1, "NaN"], ["Infinity", "-Infinity"]],
        "sure": True,
        "big": 2**64 - 1,
        "words": ["a", "ü"],
        "word": "a",
        "picture": "AAE=",
        "pictures": [["AAE=", ""]],
        "none": [],
    }
    json.dumps(shown, allow_nan=False)


def test_write(tmp_path):
    out = tmp_path / "new" / "out"
    paths = outputs.write(
        {
            "digit": np.array([3, 4], "u1"),
            "words": objects([["a", "üü"]]),
            "picture": objects(b"\0\1"),
            "pictures": objects([b"\0\1", b""]),
        },
        out,
    )
    assert [path.relative_to(out).as_posix() for path in paths] == [
        "digit.npy",
        "words.npy",
        "picture.bin",
        "pictures-0.bin",
        "pictures-1.bin",
    ]
    assert sorted(out.iterdir()) == sorted(paths)
    assert np.load(paths[0]).tolist() == [3, 4]
    words = np.load(paths[1])
    assert (words.dtype, words.tolist()) == (np.dtype("<U2"), [["a", "üü"]])
    assert paths[2].read_bytes() == b"\0\1"
    assert [path.read_bytes() for path in paths[3:]] == [b"\0\1", b""]


def test_write_replaces_what_was_there_and_is_the_same_twice(tmp_path):
    (first,) = outputs.write({"y": np.zeros(3)}, tmp_path)
    before = first.read_bytes()
    outputs.write({"y": np.ones(2)}, tmp_path)
    assert np.load(first).tolist() == [1, 1]
    outputs.write({"y": np.zeros(3)}, tmp_path)
    assert first.read_bytes() == before


def test_write_leaves_the_older_file_if_it_fails(tmp_path, monkeypatch):
    (path,) = outputs.write({"y": np.zeros(3)}, tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="no space left"):
        outputs.write({"y": np.ones(2)}, tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    assert np.load(path).tolist() == [0, 0, 0]
