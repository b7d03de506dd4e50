"""Removing snapshots from a remote that is a store, whose policy lets no push delete them.

The refusal of such a push names the rule, so the client knows what it deals with. Over ssh it asks for the
verb `rm`. A store in a directory of this machine is its user's, so the snapshot is removed here and now.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gitstore.errors import GitstoreError, InvalidName, NotAStore
from gitstore.git.transport.address import GitAddress, read_address
from gitstore.git.transport.ssh import UNREACHABLE, run_there
from gitstore.names import spell_tag
from gitstore.policy.refs import SNAPSHOT_FIXED
from gitstore.policy.refusal import read_rules
from gitstore.store.access import User
from gitstore.store.front.shell import LONGEST
from gitstore.store.names import SUFFIX, ModelName, SnapshotName, parse_model_name
from gitstore.store.remove import remove_snapshots
from gitstore.store.store import Store
from gitstore.text import harmless
from gitstore.transfer.elsewhere.removal import RemoteRemoval, RemoveTags
from gitstore.transfer.remotes import read_push_url
from gitstore.transfer.wire import PushRefused

_TAGS = "refs/tags/"


class Removing(NamedTuple):
    """Who removes snapshots from a store on this machine, when (microseconds since 1970, UTC), and whether
    also those that have an alias, or that models are based on. A store elsewhere knows who and when."""

    user: User
    now: int
    force: bool = False


class StoreRefused(GitstoreError):
    """A store did not remove a snapshot. `reason` is the kind of its error, if it said one."""

    def __init__(self, message: str, hint: str | None = None, *, reason: str | None = None) -> None:
        super().__init__(message, hint)
        self.reason = reason

    def details(self) -> dict[str, Any]:
        return {"reason": self.reason}


def find_remove_tags(removal: RemoteRemoval, refused: PushRefused, removing: Removing) -> RemoveTags | None:
    """Return how a remote that refused to delete tags removes them; `None` if it is not a store.

    What is returned removes snapshots with their records, and raises `StoreRefused`, or what
    `store.remove.remove_snapshots` raises. Raises `StoreRefused` for a store behind a web server.
    """
    if SNAPSHOT_FIXED not in read_rules(refused.lines):
        return None
    repository, remote = removal.repository, removal.remote
    address = read_address(repository, read_push_url(repository, remote))
    if address is None:
        return None
    if address.protocol == "file":
        return _find_here(repository.directory / address.path, removing)
    model = _find_model_name(address.path)
    if model is None:
        return None
    if address.protocol != "ssh":
        raise _explain_no_verb(removal, model)

    def remove(tags: Sequence[str]) -> Iterator[str]:
        # Options come first: where a host only claims to be a store, every rm stops at the first.
        words = ["rm", "--yes", "--json", *(["--force"] if removing.force else [])]
        for names in _divide([SnapshotName(model, tag.removeprefix(_TAGS)) for tag in tags], words):
            _remove_there(removal, address, names, words=words)
            yield from (name.ref for name in names)

    return remove


def _divide(names: Sequence[SnapshotName], words: Sequence[str]) -> Iterator[list[SnapshotName]]:
    """Divide snapshots so that a command of these words with them is not too long for the store."""
    part: list[SnapshotName] = []
    for name in names:
        if part and len(shlex.join([*words, *map(str, part), str(name)])) > LONGEST:
            yield part
            part = []
        part.append(name)
    yield part


def _find_model_name(path: str) -> ModelName | None:
    """Return the model in a URL's path, which may begin with the directory of the store over there."""
    try:
        return parse_model_name("/".join(path.rstrip("/").split("/")[-2:]))
    except InvalidName:
        return None


def _find_here(path: Path, removing: Removing) -> RemoveTags | None:
    """Return how snapshots of a repository on this machine are removed, if it is in a store."""
    candidates = (path, Path(f"{path}{SUFFIX}"))  # git takes it without the end, too
    directory = next((directory for directory in candidates if (directory / "HEAD").is_file()), None)
    if directory is None:
        return None
    directory = directory.resolve()
    try:
        store = Store.open(directory.parent.parent)
        model = store.model_at(directory)
    except NotAStore:
        return None

    def remove(tags: Sequence[str]) -> Iterator[str]:
        names = [SnapshotName(model.model_name, tag.removeprefix(_TAGS)) for tag in tags]
        remove_snapshots(store, names, user=removing.user, now=removing.now, force=removing.force)
        yield from tags

    return remove


def _remove_there(
    removal: RemoteRemoval, address: GitAddress, names: Sequence[SnapshotName], *, words: Sequence[str]
) -> None:
    """Let a store on another machine remove snapshots: all or none."""
    asked = [*words, *map(str, names)]
    completed = run_there(removal.repository, address, asked, variables=removal.remote.variables)
    removed = _parse(completed.stdout).get("refs")
    if completed.returncode == 0 and isinstance(removed, list) and all(name.ref in removed for name in names):
        return
    remote, snapshot = removal.remote, ", ".join(spell_tag(name.ref) for name in names)
    error = _read_error(completed.stderr)
    if error is not None:
        raise StoreRefused(
            f"{remote} does not remove {snapshot}: {error.message}", error.hint, reason=error.kind
        )
    if completed.returncode == UNREACHABLE:
        reason = "; ".join(harmless(line) for line in completed.stderr.splitlines() if line.strip())
        raise GitstoreError(f"{remote} cannot be reached: {reason or 'the connection broke'}")
    raise StoreRefused(
        f"{remote} does not say that it removed {snapshot}: its rm ended with {completed.returncode}"
    )


class _StoreError(NamedTuple):
    """An error that a store reported."""

    message: str
    hint: str | None = None
    kind: str | None = None


def _read_error(stderr: str) -> _StoreError | None:
    """Return the error that the last lines of a verb tell of: as JSON, or as a person gets it."""
    lines = [harmless(line.rstrip()) for line in stderr.splitlines() if line.strip()]
    error = _parse(lines[-1].encode()).get("error") if lines else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        hint, kind = (value if isinstance(value := error.get(key), str) else None for key in ("hint", "kind"))
        return _StoreError("; ".join(error["message"].splitlines()), hint, kind)
    labelled = {
        label: [line.removeprefix(label) for line in lines if line.startswith(label)]
        for label in ("error: ", "hint: ")
    }
    messages, hints = labelled.values()
    return _StoreError("; ".join(messages), hints[0] if hints else None) if messages else None


def _parse(text: bytes) -> dict[str, Any]:
    """Return the object that a text of another machine is; an empty one for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _explain_no_verb(removal: RemoteRemoval, model: ModelName) -> StoreRefused:
    example = f"{model}@{removal.tags[0].removeprefix(_TAGS)}"
    return StoreRefused(
        f"{removal.remote} is a store, where snapshots are removed over ssh or by its operator",
        f"name its ssh URL, as in --remote ssh://USER@HOST/{model}; or let the operator run"
        f" gitstore store rm {example}",
    )
