"""A model small enough to be replaced: it learns the mean and the spread of numbers, and scales others.

gitstore runs each operation in a process of its own. What an operation takes and gives is in
settings.yaml; arrays are numpy's. Methods may be async.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np


class Model:
    @staticmethod
    def create_state(out: Path) -> None:
        """Write the files of a state that has learnt nothing into the directory `out`."""
        save(out, mean=0.0, spread=1.0)

    def __init__(self, state: Path) -> None:
        """Load the state's files. The directory is empty before the first state is made."""
        path = state / "scale.json"
        learnt = json.loads(path.read_text()) if path.exists() else {"mean": 0.0, "spread": 1.0}
        self.mean, self.spread = learnt["mean"], learnt["spread"]

    def evaluate(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Take the inputs by name; give the outputs by name."""
        return {"scaled": (values.astype(np.float64) - self.mean) / self.spread}

    def train(self, tracker: Any, values: np.ndarray) -> None:
        """Learn. The tracker takes progress and metrics, and `tracker.cancelled` says when to stop."""
        self.mean = float(values.mean(dtype=np.float64))
        self.spread = float(values.std(dtype=np.float64)) or 1.0
        tracker.metric("spread", self.spread)
        tracker.progress(1.0)

    def save_state(self, out: Path) -> None:
        """Write what was learnt into the empty directory `out`: it becomes a new state."""
        save(out, mean=self.mean, spread=self.spread)


def save(directory: Path, **learnt: float) -> None:
    (directory / "scale.json").write_text(json.dumps(learnt))
