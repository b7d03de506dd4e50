"""How the status of a model is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.cli.render import diff as changes
from gitstore.cli.render import snapshots
from gitstore.text import counted, list_some

if TYPE_CHECKING:
    from gitstore.diff.status import FileChange, Status
    from gitstore.settings import BasedOn

_SHOWN = 3

_STATE_HINTS = {
    "unborn": "put files into states/{}/, or gitstore state create",
    "on disk": "gitstore state save saves it; until then, git clean -fdX would delete it",
    "modified": "gitstore state save saves the changes; until then, git clean -fdX would delete them",
    "nowhere": "gitstore state use NAME chooses another",
}


def describe(status: Status) -> Iterator[str]:
    """The lines that a person reads."""
    yield f"model:     {status.model.name}"
    yield f"directory: {output.quote_unprintable(str(status.model.directory))}"
    yield f"branch:    {_branch(status)}"
    if status.model.base is not None:
        yield f"base:      {_base(status.model.base)}"
    if status.state_name is not None:
        yield from _state(status)
    yield from _last(status)
    if status.uncommitted:
        yield f"not committed: {_files(status.uncommitted)}"
    if status.lock is not None:
        yield status.lock.message
        yield f"  ({status.lock.hint})"
    for problem in status.problems:
        yield from (f"problem: {line}" for line in problem.message.splitlines())
        if problem.hint:
            yield f"  ({problem.hint})"


def _branch(status: Status) -> str:
    head = status.model.head
    if status.branch is not None:
        return output.quote_unprintable(status.branch) + (" (no commit yet)" if head is None else "")
    names = ", ".join(output.quote_unprintable(ref.removeprefix("refs/tags/")) for ref in status.tags)
    return f"none, HEAD is detached at {names or str(head)[:12]}"


def _base(base: BasedOn) -> str:
    where = f" in {output.quote_unprintable(base.url)}" if base.url is not None else ""
    return f"{base.full_name}{where}{' (detached)' if base.detached else ''}"


def _state(status: Status) -> Iterator[str]:
    name, form, last = (
        output.quote_unprintable(status.state_name or ""),
        status.state_form,
        status.last_snapshot,
    )
    yield f"state:     {name}, {form}" if form is not None else f"state:     {name}"
    if form is None or form not in _STATE_HINTS or status.model.repository.is_bare:
        return
    if form in ("on disk", "modified") and last is not None and status.state_files == ():
        yield f"  ({last.name} contains this state; gitstore state save also saves it by its name)"
    else:
        yield f"  ({_STATE_HINTS[form].format(name)})"


def _last(status: Status) -> Iterator[str]:
    """The last snapshot, and what differs from it."""
    last = status.last_snapshot
    if last is None:
        yield "snapshot:  none yet"
        if _has_state(status):
            yield "  (gitstore snapshot NAME takes one)"
        return
    date = last.tag.date
    name = snapshots.with_aliases(last.name, status.aliases)
    yield f"snapshot:  {name}" + (f", {date:%Y-%m-%d %H:%M}" if date else "")
    if status.differs is False:
        yield f"nothing differs from {last.name}"
    if not status.differs:
        return
    yield f"differs from {last.name}:"
    if status.settings is not None and status.settings.differs:
        keys = [change.path for change in status.settings.changes]
        yield f"  settings: {_list(keys, 'key') if keys else 'only comments or layout'}"
    if status.code:
        yield f"  code:     {_files(status.code)}"
    if status.state_files:
        yield f"  state:    {_files(status.state_files)}"
    if _has_state(status):
        yield "  (gitstore snapshot NAME takes another)"


def _has_state(status: Status) -> bool:
    """Whether there is a state, without which no snapshot can be taken."""
    return status.state_form not in (None, "unborn", "nowhere")


def _files(files: Sequence[FileChange]) -> str:
    return _list([file.path for file in files], "file")


def _list(names: Sequence[str], noun: str) -> str:
    """How many there are, and the first of them: `5 files: a, b, c and 2 more`."""
    some = list_some(map(output.quote_unprintable, names), most=_SHOWN)
    return f"{counted(len(names), noun)}: {some}"


def to_json(status: Status) -> dict[str, Any]:
    """The same for programs."""
    model, base, last, settings = status.model, status.model.base, status.last_snapshot, status.settings
    return {
        "model": model.name,
        "directory": str(model.directory),
        "bare": model.repository.is_bare,
        "branch": status.branch,
        "commit": str(model.head) if model.head is not None else None,
        "tags": list(status.tags),
        "base": base.to_json() if base is not None else None,
        "detached": base is not None and bool(base.detached),
        "state": {"name": status.state_name, "form": status.state_form},
        "snapshot": snapshots.to_json(last, aliases=status.aliases) if last is not None else None,
        "differs": status.differs,
        "settings": changes.settings_json(settings) if settings is not None else None,
        "code": _rows(status.code),
        "state_files": _rows(status.state_files),
        "uncommitted": _rows(status.uncommitted),
        "lock": status.lock.message if status.lock is not None else None,
        "problems": [
            {"kind": problem.kind, "message": problem.message, "hint": problem.hint}
            for problem in status.problems
        ],
    }


def _rows(files: Sequence[FileChange] | None) -> list[dict[str, str]] | None:
    return [file._asdict() for file in files] if files is not None else None
