"""`gitstore status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import options, output, totals
from gitstore.cli.progress import byte_progress

if TYPE_CHECKING:
    from gitstore.diff.status import FileChange, Status
    from gitstore.models.snapshot import Snapshot
    from gitstore.settings import BasedOn

_SHOWN = 3

_STATE_HINTS = {
    "unborn": "put files into states/{}/, or gitstore state create",
    "on disk": "gitstore state save keeps it; until then, git clean -fdX deletes it",
    "modified": "gitstore state save keeps the changes; until then, git clean -fdX deletes them",
    "nowhere": "gitstore state use NAME chooses another",
}


@click.command()
@options.progress_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, show_progress: bool | None, as_json: bool) -> None:
    """Show how the model stands: its base, its active state, and what is not in its last snapshot.

    The last snapshot is the one with the latest date. Below it is what differs from it, and what of
    code and settings is not committed; gitstore diff and git status show that in full. The active
    state is unborn, saved, on disk (and not saved), modified (since it was saved), or nowhere.
    What cannot be told, such as what broken settings mean, is listed as a problem, and the exit
    code is 0 all the same.

    \b
    Examples:
      gitstore status
      gitstore status --json
    """
    from gitstore.diff import status
    from gitstore.models.model import Model

    model = Model.open(ctx.obj)
    with byte_progress("read state", totals.on_disk(model), wanted=show_progress) as progress:
        found = status.of(model, progress)
    if as_json:
        output.data_json(_as_json(found))
    else:
        output.data("\n".join(map(output.here, _lines(found))))


def _lines(found: Status) -> Iterator[str]:
    yield f"model:     {found.model.name}"
    yield f"directory: {output.shown(str(found.model.directory))}"
    yield f"branch:    {_branch(found)}"
    if found.model.base is not None:
        yield f"base:      {_base(found.model.base)}"
    if found.state is not None:
        yield from _state(found)
    yield from _last(found)
    if found.uncommitted:
        yield f"not committed: {_files(found.uncommitted)}"
    if found.lock is not None:
        yield found.lock.message
        yield f"  ({found.lock.hint})"
    for problem in found.problems:
        yield from (f"problem: {line}" for line in problem.message.splitlines())
        if problem.hint:
            yield f"  ({problem.hint})"


def _branch(found: Status) -> str:
    head = found.model.head
    if found.branch is not None:
        return output.shown(found.branch) + (" (no commit yet)" if head is None else "")
    names = ", ".join(output.shown(ref.removeprefix("refs/tags/")) for ref in found.at)
    return f"none, HEAD is detached at {names or str(head)[:12]}"


def _base(base: BasedOn) -> str:
    where = f" in {output.shown(base.url)}" if base.url is not None else ""
    return f"{base.full_name}{where}{' (detached)' if base.detached else ''}"


def _state(found: Status) -> Iterator[str]:
    name = output.shown(found.state or "")
    yield f"state:     {name}, {found.form}" if found.form is not None else f"state:     {name}"
    if found.form is None or found.form not in _STATE_HINTS or found.model.repository.is_bare:
        return
    if found.form in ("on disk", "modified") and found.last is not None and found.files == ():
        yield f"  ({found.last.name} holds it as it is; gitstore state save keeps it without that, too)"
    else:
        yield f"  ({_STATE_HINTS[found.form].format(name)})"


def _last(found: Status) -> Iterator[str]:
    """The last snapshot, and what differs from it."""
    if found.last is None:
        yield "snapshot:  none yet"
        if _has_state(found):
            yield "  (gitstore snapshot NAME takes one)"
        return
    date = found.last.tag.date
    yield f"snapshot:  {found.last.name}" + (f", {date:%Y-%m-%d %H:%M}" if date else "")
    if found.differs is False:
        yield f"nothing differs from {found.last.name}"
    if not found.differs:
        return
    yield f"differs from {found.last.name}:"
    if found.settings is not None and found.settings.differs:
        keys = [each.path for each in found.settings.changes]
        yield f"  settings: {_counted(keys, 'key') if keys else 'only comments or layout'}"
    if found.code:
        yield f"  code:     {_files(found.code)}"
    if found.files:
        yield f"  state:    {_files(found.files)}"
    if _has_state(found):
        yield "  (gitstore snapshot NAME takes another)"


def _has_state(found: Status) -> bool:
    """Whether there is a state, without which no snapshot can be taken."""
    return found.form not in (None, "unborn", "nowhere")


def _files(changes: Sequence[FileChange]) -> str:
    return _counted([each.path for each in changes], "file")


def _counted(names: Sequence[str], what: str) -> str:
    """How many there are, and the first of them: `5 files: a, b, c, …`."""
    some = ", ".join(output.shown(name) for name in names[:_SHOWN])
    return f"{len(names)} {what}{'s' * (len(names) != 1)}: {some}{', …' * (len(names) > _SHOWN)}"


def _as_json(found: Status) -> dict[str, Any]:
    model, base, last, changed = found.model, found.model.base, found.last, found.settings
    settings = [{"key": each.path, "kind": each.kind} for each in changed.changes] if changed else None
    return {
        "model": model.name,
        "directory": str(model.directory),
        "bare": model.repository.is_bare,
        "branch": found.branch,
        "commit": str(model.head) if model.head is not None else None,
        "tags": list(found.at),
        "base": {"name": base.full_name, "url": base.url, "detached": bool(base.detached)} if base else None,
        "state": {"name": found.state, "form": found.form},
        "snapshot": _snapshot(last) if last is not None else None,
        "differs": found.differs,
        "settings": {"changes": settings, "is_other_text": changed.is_other_text} if changed else None,
        "code": _rows(found.code),
        "state_files": _rows(found.files),
        "uncommitted": _rows(found.uncommitted),
        "lock": found.lock.message if found.lock is not None else None,
        "problems": [
            {"kind": each.kind, "message": each.message, "hint": each.hint} for each in found.problems
        ],
    }


def _snapshot(last: Snapshot) -> dict[str, Any]:
    date = last.tag.date.isoformat() if last.tag.date else None
    return {"name": last.name, "ref": last.ref, "tag": str(last.oid), "date": date}


def _rows(changes: Sequence[FileChange] | None) -> list[dict[str, str]] | None:
    return [each._asdict() for each in changes] if changes is not None else None
