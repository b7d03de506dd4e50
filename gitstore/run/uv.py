"""uv, which resolves packages: how it is found, what it is asked, and what it says when it fails.

It goes by the user's own configuration (uv.toml, `UV_*`), which says what index is asked and how.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gitstore.errors import GitstoreError

# Whatever the user's configuration says: the result is to be the same for everybody, and to name no
# index, no path and no machine.
_OPTIONS = (
    "--universal", "--generate-hashes", "--strip-extras",
    "--annotate", "--annotation-style=split", "--no-header",
    "--no-emit-index-url", "--no-emit-find-links", "--no-emit-build-options",
    "--no-emit-marker-expression", "--no-emit-index-annotation",
    "--no-python-downloads", "--quiet", "--color=never",
)  # fmt: skip

_UNSATISFIABLE = 1
_FRAME = re.compile(r"^[\s×╰─▶├│]+")
_PART = re.compile(r"^(?:error|cause|Caused by): *", re.IGNORECASE)
_CONCLUSION = re.compile(r",? we can conclude that your requirements are unsatisfiable\.?$")


class Unresolved(GitstoreError):
    """uv did not find packages for the requirements, or could not look for them."""

    kind = "unresolved"


def resolve(
    requirements: Sequence[str],
    python: str,
    *,
    directory: Path,
    preferred: bytes = b"",
    upgraded: Sequence[str] = (),
) -> str:
    """The requirements with all that they need in turn, pinned and with hashes, in the format of pip.

    For `python` and what is newer, on every platform: with markers where those differ. Versions that
    `preferred` has, in the same format, are kept while they fit, but for the packages `upgraded`. uv looks
    for its configuration from `directory` upward. Raises `Unresolved`.
    """
    with tempfile.TemporaryDirectory(prefix="gitstore-") as scratch:
        output = Path(scratch, "requirements.txt")
        output.write_bytes(preferred)
        command = [
            _binary(), "pip", "compile", "-", *_OPTIONS,
            f"--output-file={output}",
            f"--python-version={python}",
            f"--python={sys.executable}",
            *(f"--upgrade-package={name}" for name in upgraded),
        ]  # fmt: skip
        asked = "".join(f"{requirement}\n" for requirement in requirements)
        done = subprocess.run(command, cwd=directory, input=asked.encode(), capture_output=True, check=False)
        if done.returncode:
            raise _failure(done.returncode, done.stderr.decode(errors="replace"))
        return output.read_text(encoding="utf-8")


def _binary() -> str:
    """Where the program is. Raises `GitstoreError`."""
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise GitstoreError("uv, which resolves packages, is not installed", "pip install uv") from error


def _failure(returncode: int, said: str) -> Unresolved:
    if returncode == _UNSATISFIABLE:
        hint = "mend packages in settings.yaml; uv's configuration says which index is asked"
    else:
        hint = "uv needs a package index: its configuration (UV_DEFAULT_INDEX, uv.toml) says which"
    return Unresolved(f"packages cannot be resolved: {cause(said) or f'uv exited with {returncode}'}", hint)


def cause(said: str) -> str:
    """What uv says is wrong, in one line: without frames, hints, warnings and the obvious conclusion."""
    parts: list[str] = []
    skipped = False
    for line in (_FRAME.sub("", line).rstrip() for line in said.splitlines()):
        if line.startswith(("hint:", "warning:")):
            skipped = True
        elif _PART.match(line) or line.startswith(("No solution found", "Because ")):
            skipped = False
            parts.append(_PART.sub("", line))
        elif line and parts and not skipped:
            parts[-1] += f" {line}"
    reasons = [part for part in parts if part.startswith("Because ")]
    if reasons:
        return _CONCLUSION.sub("", reasons[0].removeprefix("Because "))
    if not parts:
        return " ".join(said.split())
    # Of a chain of causes, the ends say most: what was tried with what, and why it failed at last.
    return ": ".join(parts[:2] + parts[2:][-1:])
