"""Oxen, through its Python library: there is no command to install with pip."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.bench.measure import CommandFailed, disk_use
from tests.bench.tools.base import WEIGHTS, Base, Scratch, version_of


class Oxen(Base):
    """`Repo.add` + `Repo.commit` in a process that has started before the clock does."""

    name = "Oxen"
    note = (
        "the Python library, in a process that was started and had imported it before the clock starts;"
        " it syncs what it writes;"
        " restored with `Repo.restore` in the same working copy after the file was removed;"
        " nothing is verified, as with git-lfs"
    )

    def __init__(self, python: str) -> None:
        self.python = python
        self._commits: dict[str, str] = {}
        self._driver: subprocess.Popen[str] | None = None

    def version(self) -> str | None:
        return version_of([self.python, "-c", "import importlib.metadata as m; print(m.version('oxenai'))"])

    def prepare(self, scratch: Scratch) -> None:
        super().prepare(scratch)
        self._commits.clear()
        self._driver = subprocess.Popen(
            # -I: this directory has an oxen.py that is not the library.
            [self.python, "-I", Path(__file__).with_name("oxen_driver.py"), scratch.work],
            cwd=scratch.work,
            env=self.env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answer()
        self._ask(do="init")

    def snapshot(self, label: str) -> None:
        self._commits[label] = self._ask(do="snapshot", path=WEIGHTS, label=label)

    def stored_bytes(self) -> int:
        return disk_use(self.scratch.work / ".oxen")

    def before_restore(self) -> None:
        self.weights().unlink()

    def restore(self, label: str) -> None:
        self._ask(do="restore", path=WEIGHTS, commit=self._commits[label])

    restored = Base.weights

    def close(self) -> None:
        if self._driver is not None:
            self._driver.communicate()
            self._driver = None

    def _ask(self, **request: str) -> str:
        if self._driver is None or self._driver.stdin is None:
            raise CommandFailed("oxen: not started")
        self._driver.stdin.write(json.dumps(request) + "\n")
        self._driver.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        line = self._driver.stdout.readline() if self._driver and self._driver.stdout else ""
        answer: dict[str, str] = json.loads(line) if line else {"error": "the process ended"}
        if "error" in answer:
            raise CommandFailed(f"oxen: {answer['error']}")
        return answer["value"]
