"""digits as an MLflow pyfunc, saved and served: `python mlflow_digits.py CODE STATE PORT`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np


class Digits(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Instantiates the model once, and evaluates arrays."""

    def load_context(self, context: Any) -> None:
        from model import Model

        self.model = Model(Path(context.artifacts["state"]))

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        outputs = self.model.evaluate(np.asarray(model_input, np.uint8))
        return {name: value.tolist() for name, value in outputs.items()}


if __name__ == "__main__":
    code, state, port = sys.argv[1:]
    directory = Path(tempfile.mkdtemp(prefix="gitstore-bench-"), "model")
    mlflow.pyfunc.save_model(
        path=str(directory),
        python_model=Digits(),
        artifacts={"state": state},
        code_paths=[str(Path(code, "model.py"))],
        pip_requirements=[],
    )
    command = ["-m", "mlflow", "models", "serve", "-m", str(directory), "-h", "127.0.0.1", "-p", port]
    os.execv(sys.executable, [sys.executable, *command, "--env-manager", "local"])
