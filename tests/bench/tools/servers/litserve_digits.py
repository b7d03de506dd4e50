"""digits on LitServe: `python litserve_digits.py CODE STATE PORT`, as its documentation begins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np


class DigitsAPI(litserve.LitAPI):  # type: ignore[misc]
    """Instantiates the model once, and evaluates JSON lists."""

    def setup(self, device: str) -> None:
        sys.path.insert(0, sys.argv[1])
        from model import Model

        self.model = Model(Path(sys.argv[2]))

    def decode_request(self, request):  # type: ignore[no-untyped-def] # FastAPI would read an annotation
        return np.array(request["images"], np.uint8)

    def predict(self, images: Any) -> Any:
        return self.model.evaluate(images)

    def encode_response(self, outputs: dict[str, Any]) -> dict[str, Any]:
        return {name: value.tolist() for name, value in outputs.items()}


if __name__ == "__main__":
    litserve.LitServer(DigitsAPI(), accelerator="cpu").run(
        host="127.0.0.1", port=int(sys.argv[3]), generate_client_file=False
    )
