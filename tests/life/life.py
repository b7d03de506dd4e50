"""One life: a repository in a temporary directory, what should exist there, and what changes both."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from tests.life import checks
from tests.life.contents import content
from tests.life.world import Files, Line, World
from tests.support.commands import Git, Gitstore, Outcome, Run

ERROR = re.compile(r"(?!.*Traceback)(.+\n)*error: [^\n]+\n(hint: [^\n]+\n)?")
"""What a refused command says: one line of what is wrong, and one of what to do. Facts may come before."""

_EXECUTABLE = 10
"""Every so many commands one is run by the installed program; the others run in this process."""


class Life:
    """A repository and its world. Commands run through `say`, which also looks at what they may not change.

    `copies` are derived models with a repository of their own: where, and the code and the state of their
    only snapshot.
    """

    def __init__(self, run: Run, git: Git, gitstore: Gitstore) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="ein Leben "))
        self.world = World(Line("digits", "", self.top / "Wurzel ö"))
        self.run, self.git = run, git
        self.copies: list[tuple[Path, Files, Files]] = []
        self._gitstore = gitstore
        self._refs: checks.Refs = {}
        self._said = 0
        self.now = 1_700_000_000

    def end(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.top)

    @property
    def root(self) -> Line:
        return self.world.root

    def say(
        self, model: Line, *command: str, refused: str | None = None, changes: Collection[str] = ()
    ) -> Outcome:
        """Run a command in a model's working copy. It does what it is asked to, or changes no ref.

        `refused` says why it has to fail, `changes` which refs it may change if it has not.
        """
        os.environ["GIT_COMMITTER_DATE"] = f"{self.now} +0000"
        self._said += 1
        run = self.run if self._said % _EXECUTABLE else self._gitstore
        outcome = run(*command, cwd=model.directory)
        said = f"gitstore {' '.join(command)}: {outcome}"
        assert outcome.code == (0 if refused is None else 1), f"{said}, and it is refused if: {refused}"
        before, self._refs = self._refs, checks.refs(self.root.directory)
        changed = {ref for ref, _ in before.items() ^ self._refs.items()}
        if refused is None:
            assert changed <= set(changes), said
        else:
            assert (outcome.stdout, changed) == ("", set()), said
            if "--json" in command:
                assert set(json.loads(outcome.stderr)) == {"error"}, said
            else:
                assert ERROR.fullmatch(outcome.stderr), said
        return outcome

    def stock(self, model: Line, *command: str) -> None:
        """Run stock git, which may change branches."""
        self.git(*command, cwd=model.directory)
        self._refs = checks.refs(self.root.directory)

    def oid(self, name: str) -> str:
        """What a ref or a revision is, as git has it."""
        return self.git("rev-parse", name, cwd=self.root.directory).strip()

    def write(self, directory: Path, files: Files, path: str, number: int | None) -> None:
        """Give a file below a directory a content, or remove it; `files` are those that it has."""
        _make_room(directory, files, path)
        if number is None:
            (directory / path).unlink(missing_ok=True)
            files.pop(path, None)
            _prune(directory, path)
            return
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).unlink(missing_ok=True)  # derived code is read-only
        (directory / path).write_bytes(content(number))
        files[path] = content(number)

    def look(self) -> None:
        """Compare files and refs with what should exist."""
        checks.look(self.world)

    def check(self) -> None:
        """Compare everything with what should exist."""
        checks.check(self.world, self.run)


def _prune(directory: Path, path: str) -> None:
    """Remove the directories above a file that are empty now: with them, a state would still be on disk."""
    for parent in list(Path(path).parents)[:-1]:
        if (directory / parent).is_dir() and not any((directory / parent).iterdir()):
            (directory / parent).rmdir()


def _make_room(directory: Path, files: Files, path: str) -> None:
    """Remove files that stand where a directory has to be, and directories where a file has to."""
    for each in [each for each in files if path.startswith(f"{each}/") or each.startswith(f"{path}/")]:
        del files[each]
        (directory / each).unlink()
        _prune(directory, each)
    if (directory / path).is_dir():
        shutil.rmtree(directory / path)
