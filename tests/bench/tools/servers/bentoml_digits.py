"""digits as a service of BentoML: `python bentoml_digits.py CODE STATE PORT`, as its documentation begins."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import bentoml
import numpy as np

_CODE, _STATE = "GITSTORE_BENCH_CODE", "GITSTORE_BENCH_STATE"


@bentoml.service
class Digits:
    """Instantiates the model once, and evaluates JSON lists."""

    def __init__(self) -> None:
        sys.path.insert(0, os.environ[_CODE])
        from model import Model

        self.model = Model(Path(os.environ[_STATE]))

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, images: list[list[int]]) -> dict[str, Any]:
        outputs = self.model.evaluate(np.array(images, np.uint8))
        return {name: value.tolist() for name, value in outputs.items()}


if __name__ == "__main__":
    code, state, port = sys.argv[1:]
    variables = {_CODE: code, _STATE: state, "BENTOML_DO_NOT_TRACK": "True"}
    os.environ |= variables | {"BENTOML_HOME": tempfile.mkdtemp(prefix="gitstore-bench-")}
    os.chdir(Path(__file__).parent)
    command = ["-m", "bentoml", "serve", "bentoml_digits:Digits", "--host", "127.0.0.1", "--port", port]
    os.execv(sys.executable, [sys.executable, *command])
