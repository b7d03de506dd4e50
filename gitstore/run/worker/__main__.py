"""The worker's entry: `python gitstore/run/worker DESCRIPTOR`, an inherited end of a socketpair.

Python puts a directory that it runs first on sys.path, where the worker's modules would hide those of the
model (`import wire`). So the directory is removed from the path, and loaded as a package with a name that no
model uses.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

PACKAGE = "_gitstore_worker"


def main() -> None:
    """Serve the operation that the supervisor requests."""
    gc.disable()  # numpy's modules are no garbage: to look for cycles among them takes a fifth of their time
    session = load_session()
    gc.enable()
    atexit.register(gc.freeze)  # at its end, Python would look once more
    session.serve(int(sys.argv.pop()))


def load_session() -> Any:
    """Load the module `session`."""
    directory = Path(__file__).parent
    sys.path.remove(str(directory))
    spec = importlib.util.spec_from_file_location(PACKAGE, directory / "__init__.py")
    if spec is None:
        raise ImportError(f"{directory} is no package")
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"{PACKAGE}.session")


if __name__ == "__main__":
    main()
