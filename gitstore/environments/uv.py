"""uv, which resolves packages: how it is found, what it is asked, and what it says when it fails.

The user's own configuration says which index is asked and how. The repository's says nothing, and nothing
is built unless the user allows it: to build a package is to run its code, and a `uv.toml` in a repository
can name any package of any directory.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

# uv reads the configuration of its current directory and of all above it, which may be a repository, or
# /tmp. In the root directory only root can leave one; the user's own and the machine's still count.
_DIRECTORY = Path("/")

_UNSATISFIABLE = 1
_NOT_BUILT = "no usable wheels"
_FRAME = re.compile(r"^[\s×╰─▶├│]+")
_PART = re.compile(r"^(?:error|cause|Caused by): *", re.IGNORECASE)
_CONCLUSION = re.compile(r",? we can conclude that your requirements are unsatisfiable\.?$")


class Unresolved(GitstoreError):
    """uv did not find packages for the requirements, or could not look for them."""

    kind = "unresolved"


@dataclass(frozen=True)
class Permissions:
    """What the user lets uv read and run.

    `config` is the one file of configuration to go by, instead of the user's and the machine's. With
    `builds`, packages without wheels are built, which runs their code. `environment` are the variables
    that uv sees; `None` is those of this process.
    """

    config: Path | None = None
    builds: bool = False
    environment: Mapping[str, str] | None = None


def resolve(
    requirements: Sequence[str],
    python: str,
    *,
    preferred: bytes = b"",
    upgraded: Sequence[str] = (),
    permissions: Permissions | None = None,
) -> str:
    """The requirements with all that they need in turn, pinned and with hashes, in the format of pip.

    For `python` and what is newer, on every platform: with markers where those differ. Versions that
    `preferred` has, in the same format, are kept while they fit, but for the packages `upgraded`.
    Raises `Unresolved`.
    """
    permissions = permissions or Permissions()
    with tempfile.TemporaryDirectory(prefix="gitstore-") as scratch:
        output = Path(scratch, "requirements.txt").absolute()
        output.write_bytes(preferred)
        command = [
            _binary(), "pip", "compile", "-", *_OPTIONS,
            f"--output-file={output}",
            f"--python-version={python}",
            f"--python={sys.executable}",
            *(f"--upgrade-package={name}" for name in upgraded),
            *([] if permissions.builds else ["--no-build"]),
            *([f"--config-file={permissions.config.absolute()}"] if permissions.config else []),
        ]  # fmt: skip
        process = subprocess.run(
            command,
            cwd=_DIRECTORY,
            env=permissions.environment,
            input="".join(f"{requirement}\n" for requirement in requirements).encode(),
            capture_output=True,
            check=False,
        )
        if process.returncode:
            raise _failure(process.returncode, process.stderr.decode(errors="replace"), permissions.config)
        return output.read_text(encoding="utf-8")


def _binary() -> str:
    """Where the program is. Raises `GitstoreError`."""
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise GitstoreError("uv, which resolves packages, is not installed", "pip install uv") from error


def _failure(returncode: int, said: str, config: Path | None) -> Unresolved:
    reason = cause(said)
    if _NOT_BUILT in reason:
        same = f"--config {shlex.quote(str(config.absolute()))} " if config is not None else ""
        hint = f"gitstore lock {same}--allow-builds builds packages from source, which runs their code"
    elif returncode == _UNSATISFIABLE:
        hint = "fix packages in settings.yaml, or check which package index uv is configured to use"
    else:
        hint = "uv needs a package index: set one in UV_DEFAULT_INDEX or uv.toml"
    return Unresolved(f"packages cannot be resolved: {reason or f'uv exited with {returncode}'}", hint)


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
