"""The kinds of objects that a repository has, for whoever follows a push to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from gitstore.git import process as git
from gitstore.packs.oid import Kind, Oid

_KINDS = {kind.word: kind for kind in Kind}


class StoredKinds:
    """Asks a git that starts with the first question and ends with `close`. Threads may share it."""

    def __init__(self, repository: Path, variables: Mapping[str, str]) -> None:
        """git gets `variables` as its whole environment."""
        self._repository = repository
        self._variables = variables
        self._lock = threading.Lock()
        self._processes = ExitStack()
        self._ask: Callable[[bytes], bytes] | None = None
        self._is_closed = False

    def find(self, oid: Oid) -> Kind | None:
        """Return the kind of an object; `None` if it is not there, or after `close`."""
        with self._lock:
            if self._is_closed:
                return None
            ask = self._ask = self._ask or self._start()
            return _KINDS.get(ask(str(oid).encode()))

    def close(self) -> None:
        """End git."""
        with self._lock, self._processes:
            self._is_closed = True

    def _start(self) -> Callable[[bytes], bytes]:
        arguments = (f"--git-dir={self._repository}", "cat-file", "--batch-check=%(objecttype)")
        return self._processes.enter_context(git.asking(*arguments, cwd=Path("/"), variables=self._variables))
