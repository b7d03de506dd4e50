"""Building an environment with uv, out of sight: it gets its name when it is complete.

Nothing here runs code of the packages, which may be anybody's: no package is built unless the user allows
it, and the interpreter starts without `site`, which would obey the .pth files among them.

Packages are copied from uv's cache, not linked: through a link, whoever writes to one environment would
change the others, and uv's cache. They are compiled, since nothing can be written beside them later.
"""

from __future__ import annotations

import logging
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gitstore.disk import locks
from gitstore.disk.atomic import sync_directory, sync_file_system
from gitstore.disk.construction import construction
from gitstore.disk.directories import measure_size, remove_tree
from gitstore.disk.permissions import seal
from gitstore.environments import environment, uv
from gitstore.environments.environment import NO_ROOM, PYTHON, VENV, EnvironmentRecord, explain_errors
from gitstore.environments.interpreters import FileStamp, Interpreter
from gitstore.environments.spec import EnvironmentSpec
from gitstore.errors import EnvironmentFailed
from gitstore.layout import LOCK, SETTINGS
from gitstore.progress import PROGRESS

_log = logging.getLogger(__name__)

_REASONS = {
    "hash_mismatch": re.compile("hash mismatch|hashes? (?:do|does) not match", re.IGNORECASE),
    "disk_full": re.compile(r"os error (28|122|27)\b|No space left|signal SIGXFSZ"),
    "index_unreachable": re.compile(
        "Failed to fetch|error sending request|network was disabled|tcp connect|dns"
    ),
    "no_wheel": re.compile("no usable wheels|no wheels with a matching|was not found|unsatisfiable"),
    "broken_lock": re.compile(
        "Couldn't parse|Unexpected '|must have a hash|must be pinned|[Ii]nvalid|--require-hashes"
    ),
}

_HINTS = {
    "hash_mismatch": "the package index offers other files than when the lock was made: do not trust them, or"
    " run gitstore lock if you know why",
    "disk_full": NO_ROOM,
    "index_unreachable": "uv needs a package index: check the network, UV_DEFAULT_INDEX or uv.toml",
    "no_wheel": f"choose other versions or another packages.python in {SETTINGS}, and run gitstore lock;"
    " gitstore env build --allow-builds builds packages from source, which runs their code",
    "broken_lock": "run gitstore lock to make it anew",
}


def build_environment(
    place: Path,
    spec: EnvironmentSpec,
    interpreter: Interpreter,
    *,
    variables: Mapping[str, str] | None = None,
    allow_builds: bool = False,
) -> None:
    """Build an environment in the new directory `place`, atomically and durably.

    `variables` are the environment variables of uv, `None` for those of this process. Packages without
    wheels are built only with `allow_builds`, which runs their code. Raises `EnvironmentFailed`, after which
    nothing is left, and `GitstoreError` if uv is not installed.
    """
    _log.info(
        "building an environment: Python %s, packages: %s", interpreter.version, spec.count_packages(),
        extra=PROGRESS,
    )  # fmt: skip
    with explain_errors(place.parent), construction(place, durable=False) as hidden:
        venv = hidden / VENV
        for offline in (False,) if spec.unlocked else (True, False):
            # What uv's cache has needs no network.
            _make_venv(venv, interpreter, variables)
            completed = _install(venv, spec, variables=variables, builds=allow_builds, offline=offline)
            if completed.returncode == 0:
                break
        _check(completed)
        packages = _find_packages(venv)
        _compile(venv, packages)
        seal(venv)
        record = _describe(venv, interpreter, unlocked=spec.unlocked, packages=packages)
        environment.write_record(hidden, record)
        sync_file_system(hidden)
    sync_directory(place.parent)


def _make_venv(venv: Path, interpreter: Interpreter, variables: Mapping[str, str] | None) -> None:
    """Make an empty virtual environment, instead of one that may be there."""
    remove_tree(venv)
    completed = uv.run(
        # Relocatable: its directory will be renamed.
        "venv", "--no-project", "--no-config", "--relocatable", "--no-python-downloads", "--quiet",
        "--color=never", f"--python={interpreter.path}", str(venv.absolute()),
        variables=variables,
    )  # fmt: skip
    _check(completed)


def _install(
    venv: Path, spec: EnvironmentSpec, *, variables: Mapping[str, str] | None, builds: bool, offline: bool
) -> subprocess.CompletedProcess[bytes]:
    requirements = venv.parent / "requirements.txt"
    requirements.write_text(spec.requirements, encoding="utf-8")
    completed = uv.run(
        "pip", "install", "--quiet", "--color=never", "--link-mode=copy", "--no-python-downloads",
        f"--python={(venv / PYTHON).absolute()}",
        f"--requirements={requirements.absolute()}",
        *([] if builds else ["--no-build"]),
        # A lock names all packages, and their hashes say which files they are, wherever these come from.
        *([] if spec.unlocked else ["--require-hashes", "--no-deps"]),
        *(["--offline"] if offline else []),
        variables=variables,
    )  # fmt: skip
    requirements.unlink()
    return completed


def _check(completed: subprocess.CompletedProcess[bytes]) -> None:
    """Raise `EnvironmentFailed` if uv failed."""
    if completed.returncode:
        message = completed.stderr.decode(errors="replace")
        cause = uv.extract_cause(message) or _describe_end(completed.returncode)
        reason = next(
            (name for name, pattern in _REASONS.items() if pattern.search(f"{message}{cause}")), "other"
        )
        cause = re.sub(r"`?\S*/requirements\.txt`?", LOCK, cause)
        raise EnvironmentFailed(
            f"the packages cannot be installed: {cause}", _HINTS.get(reason), reason=reason
        )


def _describe_end(returncode: int) -> str:
    if returncode < 0:
        return f"uv was ended by the signal {signal.Signals(-returncode).name}"
    return f"uv exited with {returncode}"


def _find_packages(venv: Path) -> Path:
    """Return the directory of the packages. Raises `EnvironmentFailed` if numpy is not among them."""
    packages = next(venv.glob("lib/*/site-packages"))
    if not (packages / "numpy" / "__init__.py").is_file():
        raise EnvironmentFailed(
            f"{LOCK} gives no numpy for this machine, and gitstore needs it to run a model",
            f"add numpy to packages.requirements in {SETTINGS}, and run gitstore lock",
            reason="unusable",
        )
    return packages


def _compile(venv: Path, packages: Path) -> None:
    """Compile the packages, without running any code of theirs. Some of their files are no Python."""
    subprocess.run(
        # Packages' own tests are half of the files, and no model runs them.
        [venv / PYTHON, "-I", "-S", "-m", "compileall", "-q", "-j", "0", "-x", r"[/\\]tests[/\\]", packages],
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        pass_fds=locks.held(),
    )


def _describe(venv: Path, interpreter: Interpreter, *, unlocked: bool, packages: Path) -> EnvironmentRecord:
    marks = environment.read_marks(venv, ("pyvenv.cfg", "bin", PYTHON, str(packages.relative_to(venv))))
    stamp = FileStamp.read(str(venv / PYTHON))
    if marks is None or stamp is None:
        raise EnvironmentFailed(f"{interpreter.path} was removed meanwhile", reason="unusable")
    return EnvironmentRecord(
        version=environment.VERSION,
        interpreter=interpreter,
        stamp=stamp,
        unlocked=unlocked,
        packages=tuple(sorted(_describe_package(path.stem) for path in packages.glob("*.dist-info"))),
        marks=marks,
        size=measure_size(venv),
    )


def _describe_package(name: str) -> str:
    """Return NAME==VERSION for the name of a package's directory of metadata, without its ending."""
    project, _, version = name.partition("-")
    return f"{project.replace('_', '-')}=={version}"
