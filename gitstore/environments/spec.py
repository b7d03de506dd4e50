"""Which environment a model needs: that of its packages.lock, an unlocked one, or the plain one.

The plain environment is for models without requirements. It has numpy alone, from a lock that comes with
gitstore, so it does not drift either.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitstore.environments import lockfile
from gitstore.environments.interpreters import Interpreter
from gitstore.settings import Packages

_PLAIN = Path(__file__).with_name("plain.lock")
_HINT = "; --no-lock runs without it"
_KEY_LENGTH = 32


@dataclass(frozen=True)
class EnvironmentSpec:
    """What an environment is made of, apart from the interpreter.

    `python` is the version that the settings ask for, or `None`. `requirements` has lines for uv. If they are
    `unlocked`, uv chooses what they do not say; otherwise every package has a version and hashes. `lock` is
    the packages.lock that they come from, if one does.
    """

    python: str | None
    requirements: str
    unlocked: bool = False
    lock: bytes | None = None

    def compute_key(self, interpreter: Interpreter) -> str:
        """Return the name of the environment with an interpreter: hexadecimal digits.

        It depends on the packages with their hashes, the interpreter's version, implementation and ABI, and
        on the platform; not on comments.
        """
        lines = (line.strip() for line in self.requirements.splitlines())
        facts = [
            "unlocked" if self.unlocked else "locked",
            interpreter.implementation,
            interpreter.version,
            interpreter.abi,
            interpreter.platform,
            *(line for line in lines if line and not line.startswith("#")),
        ]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:_KEY_LENGTH]

    def count_packages(self) -> int:
        """Return the number of packages that the requirements name, for whatever platform."""
        return len(lockfile.list_pins(self.requirements.encode()))


def choose_spec(packages: Packages, lock: bytes | None, *, unlocked: bool = False) -> EnvironmentSpec:
    """Return the environment for the settings and the content of packages.lock, `None` if there is none.

    If `unlocked`, requirements are taken from the settings, and the lock is ignored. Raises `NotCurrent` if
    the settings have requirements and the lock does not match them.
    """
    if unlocked and packages.requirements:
        requirements = "".join(f"{requirement}\n" for requirement in sorted(packages.requirements))
        return EnvironmentSpec(packages.python, requirements, unlocked=True)
    problem = lockfile.describe_problem(lockfile.check_content(packages, lock))
    if problem is not None and not unlocked:
        problem.hint = f"{problem.hint}{_HINT}"
        raise problem
    if packages.requirements:
        return EnvironmentSpec(packages.python, (lock or b"").decode(errors="replace"), lock=lock)
    return EnvironmentSpec(packages.python, read_plain_lock())


@cache
def read_plain_lock() -> str:
    """Return the lock of the plain environment."""
    return _PLAIN.read_text(encoding="utf-8")
