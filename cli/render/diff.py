"""How a diff is shown: as text for people, as JSON for programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import output, terminal
from gitstore.cli.render import snapshots
from gitstore.text import counted, harmless, quoted

if TYPE_CHECKING:
    from gitstore.diff.code import CodeDiff
    from gitstore.diff.diff import Diff
    from gitstore.diff.settings import KeyChange, SettingsDiff
    from gitstore.diff.state import StateDiff, StateFileChange
    from gitstore.diff.tensors import TensorChange, TensorDiff
    from gitstore.models.model import Model
    from gitstore.models.snapshot import Snapshot
    from gitstore.tensors.safetensors import Tensor

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def show(diff: Diff) -> None:
    """Print what differs, in one section each for settings, code and state."""
    sections = (_settings_lines(diff.settings), _code(diff.code), _state_lines(diff.state))
    for number, section in enumerate(section for section in sections if section):
        if number:
            output.print_data("")
        if isinstance(section, bytes):
            click.echo(section, nl=False)
        else:
            output.print_data("\n".join(section))


def _code(diff: CodeDiff) -> bytes:
    """git's text: as it is, but on a terminal only with git's colours, and none that a file holds."""
    if not terminal.is_seen():
        return diff.text
    text = diff.text.decode(errors="surrogateescape")
    if diff.coloured is not None and terminal.in_colour():
        return _coloured(text, diff.coloured.decode(errors="surrogateescape")).encode()
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


def _settings_lines(diff: SettingsDiff) -> list[str]:
    from gitstore.settings.yaml_text import render_flow

    if not diff.differs:
        return []
    if not diff.changes:
        return ["settings: only comments or layout differ"]
    return [
        "settings",
        *(_key_line(change.path, change, render_flow, indent="  ") for change in diff.changes),
    ]


def _key_line(label: str, change: KeyChange, text: Callable[[Any], str], *, indent: str) -> str:
    values = [text(value) for value in (change.before, change.after) if value is not None]
    return f"{indent}{_mark(change.kind)} {label}: {' → '.join(values)}"


def _state_lines(diff: StateDiff) -> list[str]:
    from gitstore.units import format_size

    if not diff.files:
        return []
    before, after = output.quote_unprintable(diff.before), output.quote_unprintable(diff.after)
    names = before if before == after else f"{before} → {after}"
    sizes = f"{format_size(diff.changed)} of {output.format_size_if_known(diff.size_after)} changed"
    lines = [f"state {names}: {sizes}"]
    for file in diff.files:
        lines.append(_file_line(file))
        if file.note is not None:
            lines.append(f"      {file.note}")
        if file.tensors is not None:
            lines += _tensor_lines(file.tensors)
    return lines


def _file_line(file: StateFileChange) -> str:
    from gitstore.units import format_size

    sizes = [format_size(size) for size in (file.before, file.after) if size is not None]
    text = sizes[0] if len(set(sizes)) == 1 else " → ".join(sizes)
    if file.kind == "changed":
        text += f", {format_size(file.changed)} changed"
    elif file.shared:
        text += f", {format_size(file.shared)} shared"
    return f"  {_mark(file.kind)} {output.quote_unprintable(str(file.path))}  {text}"


def _tensor_lines(diff: TensorDiff) -> list[str]:
    lines = [_tensor_line(change) for change in diff.tensors]
    lines += [
        _key_line(f"metadata {output.quote_unprintable(change.path)}", change, quoted, indent=" " * 6)
        for change in diff.metadata
    ]
    if not lines:
        return ["      every tensor is the same"]
    if diff.unchanged:
        lines.append(f"      {counted(diff.unchanged, 'tensor is', 'tensors are')} the same")
    return lines


def _tensor_line(change: TensorChange) -> str:
    forms = [_form(tensor) for tensor in (change.before, change.after) if tensor is not None]
    text = forms[0] if len(set(forms)) == 1 else " → ".join(forms)
    text += "  values" if change.kind == "values" else ""
    text += _describe_share(change)
    return f"      {_mark(change.kind)} {output.quote_unprintable(change.name)}  {text}"


def _describe_share(change: TensorChange) -> str:
    """Say how much of a tensor is stored anew, if some of it is not."""
    from gitstore.units import format_size

    if not change.shared:
        return ""
    if change.kind in ("added", "removed"):
        return f", {format_size(change.shared)} of {format_size(change.size)} shared"
    return f", {format_size(change.changed)} of {format_size(change.size)} changed"


def _mark(kind: str) -> str:
    mark, colour = {"added": ("+", "green"), "removed": ("-", "red")}.get(kind, ("~", "yellow"))
    return terminal.styled(mark, colour)


def _form(tensor: Tensor) -> str:
    return f"{output.quote_unprintable(tensor.dtype)} {list(tensor.shape)}"


def to_json(diff: Diff, before: Snapshot, after: Snapshot | Model, *, patch: bool) -> dict[str, Any]:
    """Everything that differs, for programs. Values of settings are as settings.yaml writes them."""
    code: dict[str, Any] = {"files": [file._asdict() for file in diff.code.files]}
    if patch:
        code["patch"] = diff.code.text.decode(errors="replace")
    return {
        "before": _side(before),
        "after": _side(after),
        "differs": diff.differs,
        "settings": settings_json(diff.settings),
        "code": code,
        "state": _state(diff.state),
    }


def settings_json(diff: SettingsDiff) -> dict[str, Any]:
    """The shape of what differs between two settings."""
    return {"changes": [key_json(change) for change in diff.changes], "is_other_text": diff.is_other_text}


def _side(side: Snapshot | Model) -> dict[str, Any]:
    from gitstore.models.snapshot import Snapshot

    if isinstance(side, Snapshot):
        return snapshots.reference_json(side) | {"directory": None}
    nothing = dict.fromkeys(("snapshot", "ref", "tag", "commit"))
    return nothing | {"model": side.name, "directory": str(side.directory)}


def _state(diff: StateDiff) -> dict[str, Any]:
    return {
        "before": diff.before,
        "after": diff.after,
        "size_before": diff.size_before,
        "size_after": diff.size_after,
        "changed": diff.changed,
        "unchanged_files": diff.unchanged,
        "files": [_file(file) for file in diff.files],
    }


def key_json(change: KeyChange) -> dict[str, Any]:
    """The shape of a key of settings that differs."""
    return {"key": change.path, "kind": change.kind, "before": change.before, "after": change.after}


def _file(file: StateFileChange) -> dict[str, Any]:
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


def _tensors(diff: TensorDiff) -> dict[str, Any]:
    return {
        "changes": [_tensor_change(change) for change in diff.tensors],
        "unchanged": diff.unchanged,
        "metadata": [key_json(change) for change in diff.metadata],
    }


def _tensor_change(change: TensorChange) -> dict[str, Any]:
    forms = {"before": _tensor(change.before), "after": _tensor(change.after)}
    sizes = {"shared": change.shared, "changed": change.changed}
    return {"name": change.name, "kind": change.kind} | forms | sizes


def _tensor(tensor: Tensor | None) -> dict[str, Any] | None:
    return {"dtype": tensor.dtype, "shape": list(tensor.shape)} if tensor is not None else None
