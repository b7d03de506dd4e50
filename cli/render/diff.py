"""How a diff is shown: as text for people, as JSON for programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import output, terminal
from gitstore.text import harmless, quoted

if TYPE_CHECKING:
    from gitstore.diff.code import CodeDiff
    from gitstore.diff.diff import Diff
    from gitstore.diff.safetensors import Tensor
    from gitstore.diff.settings import KeyChange, SettingsDiff
    from gitstore.diff.state import FileChange, StateDiff
    from gitstore.diff.tensors import TensorChange, TensorDiff
    from gitstore.models.model import Model
    from gitstore.models.snapshot import Snapshot

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def show(found: Diff) -> None:
    """Print what differs, in one section each for settings, code and state."""
    sections = (_settings_lines(found.settings), _code(found.code), _state_lines(found.state))
    for number, section in enumerate(section for section in sections if section):
        if number:
            output.data("")
        if isinstance(section, bytes):
            click.echo(section, nl=False)
        else:
            output.data("\n".join(section))


def _code(found: CodeDiff) -> bytes:
    """git's text: as it is, but on a terminal only with git's colours, and none that a file holds."""
    if not terminal.is_seen():
        return found.text
    text = found.text.decode(errors="surrogateescape")
    if found.coloured is not None and terminal.in_colour():
        return _coloured(text, found.coloured.decode(errors="surrogateescape")).encode()
    return harmless(text).encode()


def _coloured(text: str, coloured: str) -> str:
    """The coloured text, harmless but for the codes of colours that are not in the text itself."""
    pieces = []
    at = 0
    for piece in _COLOUR.split(coloured):
        own = text.startswith(piece, at)
        if not own and not _COLOUR.fullmatch(piece):
            return harmless(text)  # git does more than to colour the text
        pieces.append(harmless(piece) if own else piece)
        at += len(piece) if own else 0
    return "".join(pieces)


def _settings_lines(found: SettingsDiff) -> list[str]:
    from gitstore.settings.yaml_text import flow

    if not found.differs:
        return []
    if not found.changes:
        return ["settings: only comments or layout differ"]
    return ["settings", *(_key_line("  ", change.path, change, flow) for change in found.changes)]


def _key_line(indent: str, key: str, change: KeyChange, text: Callable[[Any], str]) -> str:
    values = [text(value) for value in (change.before, change.after) if value is not None]
    return f"{indent}{_mark(change.kind)} {key}: {' → '.join(values)}"


def _state_lines(found: StateDiff) -> list[str]:
    from gitstore.units import format_size

    if not found.files:
        return []
    before, after = output.shown(found.before), output.shown(found.after)
    names = before if before == after else f"{before} → {after}"
    sizes = f"{format_size(found.changed)} of {format_size(found.size_after)} changed"
    lines = [f"state {names}: {sizes}"]
    for file in found.files:
        lines.append(_file_line(file))
        if file.note is not None:
            lines.append(f"      {file.note}")
        if file.tensors is not None:
            lines += _tensor_lines(file.tensors)
    return lines


def _file_line(file: FileChange) -> str:
    from gitstore.units import format_size

    sizes = [format_size(size) for size in (file.before, file.after) if size is not None]
    said = sizes[0] if len(set(sizes)) == 1 else " → ".join(sizes)
    if file.kind == "changed":
        said += f", {format_size(file.changed)} changed"
    elif file.shared:
        said += f", {format_size(file.shared)} shared"
    return f"  {_mark(file.kind)} {output.shown(str(file.path))}  {said}"


def _tensor_lines(found: TensorDiff) -> list[str]:
    lines = [_tensor_line(change) for change in found.tensors]
    lines += [
        _key_line("      ", f"metadata {output.shown(change.path)}", change, quoted)
        for change in found.metadata
    ]
    if not lines:
        return ["      every tensor is the same"]
    if found.unchanged:
        count = "1 tensor is" if found.unchanged == 1 else f"{found.unchanged} tensors are"
        lines.append(f"      {count} the same")
    return lines


def _tensor_line(change: TensorChange) -> str:
    forms = [_form(each) for each in (change.before, change.after) if each is not None]
    said = forms[0] if len(set(forms)) == 1 else " → ".join(forms)
    values = "  values" if change.kind == "values" else ""
    return f"      {_mark(change.kind)} {output.shown(change.name)}  {said}{values}"


def _mark(kind: str) -> str:
    mark, colour = {"added": ("+", "green"), "removed": ("-", "red")}.get(kind, ("~", "yellow"))
    return terminal.styled(mark, colour)


def _form(tensor: Tensor) -> str:
    return f"{output.shown(tensor.dtype)} {list(tensor.shape)}"


def as_json(before: Snapshot, after: Snapshot | Model, found: Diff, *, patch: bool) -> dict[str, Any]:
    """Everything that differs, for programs. Values of settings are as settings.yaml writes them."""
    settings = {
        "changes": [_key(change) for change in found.settings.changes],
        "is_other_text": found.settings.is_other_text,
    }
    code: dict[str, Any] = {"files": [file._asdict() for file in found.code.files]}
    if patch:
        code["patch"] = found.code.text.decode(errors="replace")
    return {
        "before": _side(before),
        "after": _side(after),
        "differs": found.differs,
        "settings": settings,
        "code": code,
        "state": _state(found.state),
    }


def _side(side: Snapshot | Model) -> dict[str, Any]:
    from gitstore.models.snapshot import Snapshot

    if isinstance(side, Snapshot):
        return {"snapshot": side.short_name, "model": side.model, "tag": str(side.oid), "directory": None}
    return {"snapshot": None, "model": side.name, "tag": None, "directory": str(side.directory)}


def _state(found: StateDiff) -> dict[str, Any]:
    return {
        "before": found.before,
        "after": found.after,
        "size_before": found.size_before,
        "size_after": found.size_after,
        "changed": found.changed,
        "unchanged_files": found.unchanged,
        "files": [_file(file) for file in found.files],
    }


def _key(change: KeyChange) -> dict[str, Any]:
    return {"key": change.path, "kind": change.kind, "before": change.before, "after": change.after}


def _file(file: FileChange) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "kind": file.kind,
        "size_before": file.before,
        "size_after": file.after,
        "shared": file.shared,
        "changed": file.changed,
        "note": file.note,
        "tensors": _tensors(file.tensors) if file.tensors is not None else None,
    }


def _tensors(found: TensorDiff) -> dict[str, Any]:
    return {
        "changes": [_tensor_change(change) for change in found.tensors],
        "unchanged": found.unchanged,
        "metadata": [_key(change) for change in found.metadata],
    }


def _tensor_change(change: TensorChange) -> dict[str, Any]:
    forms = {"before": _tensor(change.before), "after": _tensor(change.after)}
    return {"name": change.name, "kind": change.kind} | forms


def _tensor(tensor: Tensor | None) -> dict[str, Any] | None:
    return {"dtype": tensor.dtype, "shape": list(tensor.shape)} if tensor is not None else None
