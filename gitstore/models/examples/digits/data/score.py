"""How good are these digits? `python data/score.py out/digit.npy` compares them with the test labels.

With digits behind it, like `out/digit.npy 0 2 4`, only the images of these count.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main() -> None:
    names = [str(label) for label in range(10)]
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(names):
        sys.exit("usage: python data/score.py DIGITS.npy [0 1 2 …]")
    with np.load(Path(__file__).with_name("digits.npz")) as data:
        labels = data["test_labels"]
    digits = np.load(sys.argv[1])
    if digits.shape != labels.shape:
        sys.exit(f"{sys.argv[1]} has {len(digits)} digits; there are {len(labels)} test images")
    right = digits == labels
    classes = [int(name) for name in names if name in (sys.argv[2:] or names)]
    for label in classes:
        show(str(label), right[labels == label])
    show("total", right[np.isin(labels, classes)])


def show(name: str, right: np.ndarray) -> None:
    print(f"{name:<5}  {right.mean():6.1%}  ({right.sum()} of {len(right)})")


if __name__ == "__main__":
    main()
