"""Resolving packages with uv: finding the program, running it, and turning its failures into errors.

The user's own configuration determines the package index. That of the repository is not read, and nothing is
built unless the user allows it: building a package runs its code, and a `uv.toml` in a repository can name
any package of any directory.
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

from gitstore.disk import locks
from gitstore.errors import GitstoreError

# These override the user's configuration: the result must be the same for everybody, and must not name
# an index, a path or a machine.
_OPTIONS = (
    "--universal", "--generate-hashes", "--strip-extras",
    "--annotate", "--annotation-style=split", "--no-header",
    "--no-emit-index-url", "--no-emit-find-links", "--no-emit-build-options",
    "--no-emit-marker-expression", "--no-emit-index-annotation",
    "--no-python-downloads", "--quiet", "--color=never",
)  # fmt: skip

# uv reads the configuration of its current directory and of all above it, such as a repository or /tmp.
# In the root directory only root can leave one. The user's own and the machine's still count.
_DIRECTORY = Path("/")

# These say which index uv uses, and how. No other UV_* reaches uv: some name files and projects of the
# current directory, others change the result, which must be the same for everybody.
_INDEX = (
    r"UV_(DEFAULT_INDEX|INDEX(_.+)?|EXTRA_INDEX_URL|FIND_LINKS|CONFIG_FILE|NO_CONFIG|CACHE_DIR|NO_CACHE"
    r"|OFFLINE|NATIVE_TLS|SYSTEM_CERTS|INSECURE_HOST|KEYRING_PROVIDER|CREDENTIALS_DIR|HTTP_.+|REQUEST_TIMEOUT"
    r"|CONCURRENT_.+|EXCLUDE_NEWER|PRERELEASE|LOCK_TIMEOUT)"
)
_PATHS = ("UV_CONFIG_FILE", "UV_CACHE_DIR", "UV_CREDENTIALS_DIR")
_OWN = "UV_"
_CERTIFICATES = ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS")
"""Variables that let uv trust the system's certificates: one of newer versions, one of older ones."""
_CHANGING = (_OWN, "PYTHON", "VIRTUAL_ENV", "CONDA_")

_UNSATISFIABLE = 1
_NOT_BUILT = "no usable wheels"
_FRAME = re.compile(r"^[\s×╰─▶├│]+")
_PART = re.compile(r"^(?:error|cause|Caused by): *", re.IGNORECASE)
_CONCLUSION = re.compile(r",? we can conclude that your requirements are unsatisfiable\.?$")


class Unresolved(GitstoreError):
    """uv found no packages for the requirements, or could not search for them."""

    kind = "unresolved"


@dataclass(frozen=True)
class Permissions:
    """What the user lets uv read and run.

    `config` is a file of configuration that replaces the user's and the machine's. With `builds`, packages
    without wheels are built, which runs their code. `environment` holds the environment variables of uv;
    `None` stands for those of this process.
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
    """Return requirements and all their dependencies, pinned and with hashes, in the format of pip.

    They are for `python` and newer versions, on every platform; where these differ, markers tell them apart.
    Versions in `preferred`, in the same format, are kept while they fit, except those of the packages
    `upgraded`. Raises `Unresolved`, and `GitstoreError` if uv is not installed.
    """
    permissions = permissions or Permissions()
    with tempfile.TemporaryDirectory(prefix="gitstore-") as scratch:
        output = Path(scratch, "requirements.txt").absolute()
        output.write_bytes(preferred)
        process = run(
            "pip", "compile", "-", *_OPTIONS,
            f"--output-file={output}",
            f"--python-version={python}",
            f"--python={sys.executable}",
            *(f"--upgrade-package={name}" for name in upgraded),
            *([] if permissions.builds else ["--no-build"]),
            *([f"--config-file={permissions.config.absolute()}"] if permissions.config else []),
            variables=permissions.environment,
            stdin="".join(f"{requirement}\n" for requirement in requirements).encode(),
        )  # fmt: skip
        if process.returncode:
            message = process.stderr.decode(errors="replace")
            raise _explain_failure(process.returncode, message, permissions.config)
        return output.read_text(encoding="utf-8")


def run(
    *arguments: str, variables: Mapping[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run uv to its end with these environment variables; `None` stands for those of this process.

    uv inherits our locks: what it builds is not taken for abandoned while it outlives us. Raises
    `GitstoreError` if it is not installed.
    """
    process = subprocess.Popen(
        [_find_uv(), *arguments],
        cwd=_DIRECTORY,
        env=trust_system(variables) if variables is not None else None,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=locks.held(),
    )
    with process:
        try:
            stdout, stderr = process.communicate(stdin)
        except BaseException:
            # Until it has ended, it holds our locks; subprocess.run would wait for a moment only.
            process.kill()
            process.wait()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def trust_system(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return variables with which uv trusts the certificates that git and pip trust: those of the system.

    By itself, uv trusts a list of its own, which lacks those of a company's proxy. What the user has chosen
    stays, and a system without certificates changes nothing.
    """
    import ssl

    paths = ssl.get_default_verify_paths()
    if variables.keys() & {*_CERTIFICATES} or not (paths.cafile or paths.capath):
        return variables
    return {**variables, **dict.fromkeys(_CERTIFICATES, "true")}


def select_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that uv gets. Of its own, these are only those about the index.

    uv runs in another directory than we do, so paths become absolute. Variables of Python and of virtual
    environments are left out: they would change the interpreters that uv starts.
    """
    own = {name: value for name, value in variables.items() if not name.startswith(_CHANGING)}
    own |= {
        name: value
        for name, value in variables.items()
        if name.startswith(_OWN) and re.fullmatch(_INDEX, name)
    }
    for name in _PATHS:
        if own.get(name):
            own[name] = str(Path(own[name]).absolute())
    if "UV_FIND_LINKS" in own:
        own["UV_FIND_LINKS"] = ",".join(map(_absolute_link, own["UV_FIND_LINKS"].split(",")))
    return own


def _absolute_link(link: str) -> str:
    return link if not link or "://" in link else str(Path(link).absolute())


def _find_uv() -> str:
    """Return the path of the program. Raises `GitstoreError`."""
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise GitstoreError("uv, which resolves packages, is not installed", "pip install uv") from error


def _explain_failure(returncode: int, message: str, config: Path | None) -> Unresolved:
    reason = extract_cause(message)
    if _NOT_BUILT in reason:
        same = f"--config {shlex.quote(str(config.absolute()))} " if config is not None else ""
        hint = f"gitstore lock {same}--allow-builds builds packages from source, which runs their code"
    elif returncode == _UNSATISFIABLE:
        hint = "fix packages in settings.yaml, or check which package index uv is configured to use"
    else:
        hint = (
            "uv needs a package index: set one in UV_DEFAULT_INDEX or uv.toml; without a network,"
            " UV_OFFLINE=1 uses what uv's cache has"
        )
    return Unresolved(f"packages cannot be resolved: {reason or f'uv exited with {returncode}'}", hint)


def extract_cause(message: str) -> str:
    """Return the cause in a message of uv, in one line, without frames, hints, warnings and conclusion."""
    parts: list[str] = []
    skipped = False
    for line in (_FRAME.sub("", line).rstrip() for line in message.splitlines()):
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
        return " ".join(message.split())
    # The ends of a chain of causes say most: what was tried, and why it failed in the end.
    return ": ".join(parts[:2] + parts[2:][-1:])
