"""A classifier of handwritten digits: one hidden layer, in plain numpy.

The state is the layers' weights, one file each. An empty state directory is a model that has learnt
nothing yet: it starts from the weights of seed 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

PIXELS, HIDDEN, DIGITS = 64, 48, 10
BRIGHTEST = 16  # a pixel of the data set is a grey level from 0 to 16
EPOCHS, BATCH = 60, 32
RATE, MOMENTUM = 0.1, 0.9


class Model:
    """Weights of two layers; the last row of each is the bias."""

    @staticmethod
    def create_state(out: Path, seed: Array | None = None) -> None:
        save(out, random_layers(0 if seed is None else int(seed)))

    def __init__(self, state: Path) -> None:
        saved = (state / "hidden.npy").exists()
        self.layers = load(state) if saved else random_layers(0)

    def evaluate(self, images: Array) -> dict[str, Array]:
        """For each image the most likely digit, and how likely it is."""
        probabilities = self.forward(scaled(images))[1]
        return {
            "digit": probabilities.argmax(axis=1).astype(np.uint8),
            "probability": probabilities.max(axis=1),
        }

    def train(
        self,
        tracker: Any,
        images: Array,
        labels: Array,
        classes: Array | None = None,
        epochs: Array | None = None,
    ) -> None:
        """Stochastic gradient descent with momentum on the images, or on those of some classes only."""
        wanted = np.full(len(labels), True) if classes is None else np.isin(labels, classes)
        if not wanted.any():
            raise ValueError("there is no image to train on")
        pixels, targets = scaled(images[wanted]), np.eye(DIGITS, dtype=np.float32)[labels[wanted]]
        velocity = [np.zeros_like(layer) for layer in self.layers]
        shuffle = np.random.default_rng(0)
        rounds = EPOCHS if epochs is None else int(epochs)
        for done in range(rounds):
            if tracker.cancelled:
                return
            losses = [
                self.step(pixels[batch], targets[batch], velocity)
                for batch in np.split(shuffle.permutation(len(pixels)), range(BATCH, len(pixels), BATCH))
            ]
            tracker.metric("loss", np.mean(losses))
            tracker.progress((done + 1) / rounds)

    def save_state(self, out: Path) -> None:
        save(out, self.layers)

    def forward(self, pixels: Array) -> tuple[Array, Array]:
        """The hidden layer's values and the probabilities of the digits, a row for each image."""
        hidden = np.maximum(with_one(pixels) @ self.layers[0], 0)
        scores = with_one(hidden) @ self.layers[1]
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, exponentials / exponentials.sum(axis=1, keepdims=True)

    def step(self, pixels: Array, targets: Array, velocity: list[Array]) -> float:
        """Move the weights a little against the gradient of the cross entropy, which is returned."""
        hidden, probabilities = self.forward(pixels)
        error = (probabilities - targets) / len(pixels)
        hidden_error = (error @ self.layers[1][:-1].T) * (hidden > 0)
        gradients = [with_one(pixels).T @ hidden_error, with_one(hidden).T @ error]
        for layer, speed, gradient in zip(self.layers, velocity, gradients, strict=True):
            speed *= MOMENTUM
            speed -= np.float32(RATE) * gradient
            layer += speed
        return float(-np.log((probabilities * targets).sum(axis=1) + 1e-9).mean())


def scaled(images: Array) -> Array:
    return images.astype(np.float32) / BRIGHTEST


def with_one(rows: Array) -> Array:
    """The rows with a 1 at the end of each, which the bias is multiplied with."""
    return np.hstack([rows, np.ones((len(rows), 1), np.float32)])


def random_layers(seed: int) -> list[Array]:
    random = np.random.default_rng(seed)
    shapes = [(PIXELS + 1, HIDDEN), (HIDDEN + 1, DIGITS)]
    return [(random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32) for shape in shapes]


def save(directory: Path, layers: list[Array]) -> None:
    np.save(directory / "hidden.npy", layers[0])
    np.save(directory / "output.npy", layers[1])


def load(directory: Path) -> list[Array]:
    return [np.load(directory / "hidden.npy"), np.load(directory / "output.npy")]
