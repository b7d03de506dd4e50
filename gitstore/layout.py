"""Names of files and directories at the top of a model, as docs/format.md has them."""

from __future__ import annotations

from pathlib import PurePosixPath

SETTINGS = "settings.yaml"
LOCK = "packages.lock"
STATES = "states"
CODE = "code"

TOP = PurePosixPath()
"""The code directory of a model whose settings say `code: .`: the top itself."""

BESIDE_CODE = (SETTINGS, LOCK, STATES)
"""Names at the top that are never code, even if the top is the code directory."""
