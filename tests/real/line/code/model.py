"""Reads the text of a line in an image, with the recogniser of PP-OCRv4 in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

Array = npt.NDArray[Any]


class Model:
    def __init__(self, state: Path) -> None:
        (weights,) = state.glob("*.onnx")
        self.session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
        properties = self.session.get_modelmeta().custom_metadata_map
        self.characters = ["", *properties["character"].splitlines(), " "]

    def evaluate(self, line: Array) -> dict[str, Any]:
        """The most likely text, and for each column of the image the scores of all characters."""
        pixels = (line[None].transpose(0, 3, 1, 2) * 2 - 1).astype(np.float32)
        (scores,) = self.session.run(None, {self.session.get_inputs()[0].name: pixels})
        best = scores[0].argmax(axis=1)
        # A character that lasts for several columns counts once, unless a blank is between them.
        begins = np.append(True, best[1:] != best[:-1])
        text = "".join(self.characters[index] for index in best[begins])
        return {"text": text.strip(), "scores": scores[0]}
