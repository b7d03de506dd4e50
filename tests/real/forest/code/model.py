"""A random forest of scikit-learn, kept as joblib's pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier

Array = npt.NDArray[Any]

_FILE = "forest.joblib"


class Model:
    def __init__(self, state: Path) -> None:
        path = state / _FILE
        self.forest = joblib.load(path) if path.exists() else RandomForestClassifier(50, random_state=0)

    def train(self, tracker: Any, images: Array, labels: Array) -> None:
        self.forest.fit(images, labels)
        tracker.metric("accuracy", self.forest.score(images, labels))

    def evaluate(self, images: Array) -> dict[str, Array]:
        probabilities = self.forest.predict_proba(images)
        return {"digit": probabilities.argmax(axis=1).astype(np.uint8), "probabilities": probabilities}

    def save_state(self, out: Path) -> None:
        joblib.dump(self.forest, out / _FILE)
