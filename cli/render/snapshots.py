"""How snapshots are shown. `to_json` is the one JSON shape of a snapshot, whichever command prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output, terminal
from gitstore.text import counted

if TYPE_CHECKING:
    from pathlib import Path

    from gitstore.bigfiles.stored import StoredFile
    from gitstore.models.model import Model
    from gitstore.models.snapshot import Snapshot
    from gitstore.packs.oid import Oid
    from gitstore.records.of_snapshot import SnapshotRecords
    from gitstore.settings import BasedOn
    from gitstore.snapshots.remove import Removal
    from gitstore.snapshots.rename import Renamed
    from gitstore.snapshots.restore import Restored
    from gitstore.snapshots.take import NewSnapshot
    from gitstore.storage.sizes import Sizes


def to_json(
    snapshot: Snapshot, size: int | None = None, *, aliases: Sequence[str] | None = None
) -> dict[str, Any]:
    """The shape of a snapshot, from its tag. `size` is the bytes of its files, where counted.

    `aliases` are those that it has, where a command looks for them.
    """
    shape: dict[str, Any] = {
        "name": snapshot.name,
        "model": snapshot.model,
        "ref": snapshot.ref,
        "tag": str(snapshot.tag_oid),
        "commit": str(snapshot.commit),
        "tagger": snapshot.tag.tagger,
        "date": snapshot.tag.date.isoformat() if snapshot.tag.date else None,
        "signed": snapshot.tag.signed,
        "state": snapshot.state_name,
        "based_on": recorded_base(snapshot),
        "message": snapshot.tag.message,
    }
    shape |= {"size": size} if size is not None else {}
    return shape if aliases is None else shape | {"aliases": list(aliases)}


def with_aliases(name: str, aliases: Sequence[str]) -> str:
    """A snapshot's name with its aliases, for a table."""
    return f"{name} ({', '.join(aliases)})" if aliases else name


def reference_json(snapshot: Snapshot) -> dict[str, Any]:
    """What stands for a snapshot in something else: its name is `snapshot` there, as in a hook's event."""
    return {
        "snapshot": snapshot.name,
        "model": snapshot.model,
        "ref": snapshot.ref,
        "tag": str(snapshot.tag_oid),
        "commit": str(snapshot.commit),
    }


def recorded_base(snapshot: Snapshot) -> str | None:
    """The base that the model had when it took a snapshot, as MODEL@SNAPSHOT."""
    return snapshot.tag.trailers.get("Based-On", "").partition(" ")[0] or None


def print_list_json(
    snapshots: Sequence[Snapshot], sizes: Sizes, *, aliases: Mapping[Oid, Sequence[str]]
) -> None:
    """The shapes of snapshots, with their aliases and the bytes of their files."""
    output.print_json(
        [
            to_json(snapshot, sizes.measure_snapshot(snapshot), aliases=aliases.get(snapshot.tag_oid, ()))
            for snapshot in snapshots
        ]
    )


def show_list(
    snapshots: Sequence[Snapshot], sizes: Sizes, *, aliases: Mapping[Oid, Sequence[str]], all_models: bool
) -> None:
    """A table of snapshots with their aliases and the bytes of their files."""
    output.print_table(
        ["SNAPSHOT", "DATE", "SIZE", "STATE", "MESSAGE"],
        [
            [
                with_aliases(
                    terminal.styled(snapshot.short_name if all_models else snapshot.name, "yellow"),
                    aliases.get(snapshot.tag_oid, ()),
                ),
                output.format_minute(snapshot.tag.date) if snapshot.tag.date else "",
                output.format_size_if_known(sizes.measure_snapshot(snapshot)),
                snapshot.state_name,
                snapshot.tag.message.partition("\n")[0],
            ]
            for snapshot in snapshots
        ],
        right=[2],
    )


def in_full_json(
    snapshot: Snapshot,
    files: Sequence[tuple[StoredFile, int | None]],
    records: SnapshotRecords,
    *,
    aliases: Sequence[str],
) -> dict[str, Any]:
    """A snapshot with its files and their sizes, its settings, and its records."""
    from gitstore import settings
    from gitstore.cli.render.records import evaluations, trainings

    known = [size for _, size in files if size is not None]
    size = sum(known) if len(known) == len(files) else None
    return to_json(snapshot, size, aliases=aliases) | {
        "files": [
            {"path": str(file.path), "size": size, "parts": len(file.parts), "oid": str(file.entry)}
            for file, size in files
        ],
        "settings": settings.to_builtins(snapshot.settings),
        "training": trainings.training_json(records.training),
        "evaluations": list(map(evaluations.record_json, records.evaluations)),
    }


def show_in_full(
    snapshot: Snapshot,
    files: Sequence[tuple[StoredFile, int | None]],
    records: SnapshotRecords,
    *,
    aliases: Sequence[str],
) -> None:
    """A snapshot for a person: what its tag says, its message, files, records and settings."""
    from gitstore.cli.render.records import evaluations

    base = snapshot.settings.based_on
    head = {"snapshot": terminal.styled(snapshot.name, "yellow")} | to_json(snapshot)
    head["based_on"] = locate_base(base) if base is not None else None
    head["aliases"] = ", ".join(aliases) or None
    for key, value in head.items():
        if value is not None and key not in ("name", "message"):
            output.print_data(f"{key.replace('_', ' ') + ':':<10} {value}")
    output.print_data("")
    for line in snapshot.tag.message.splitlines():
        output.print_data(f"    {line}".rstrip())
    output.print_data("")
    output.print_table(
        ["FILE", "SIZE", "PARTS"],
        [
            [
                output.quote_unprintable(str(file.path)),
                output.format_size_if_known(size),
                str(len(file.parts)),
            ]
            for file, size in files
        ],
        right=[1, 2],
    )
    evaluations.show_records(records.evaluations)
    output.print_data("")
    output.print_data(snapshot.settings_content.decode().rstrip("\n"))


def locate_base(base: BasedOn) -> str:
    """A base, and the repository that it is in, if that is another one."""
    return base.full_name if base.url is None else f"{base.full_name} in {base.url}"


def show_taken(new: NewSnapshot, model: Model, *, checked: bool, as_json: bool) -> None:
    """A snapshot that was taken, what it added to the repository, and warnings."""
    from gitstore.units import format_size

    warnings = [f"{warning.message}; {warning.hint}" for warning in new.warnings]
    if as_json:
        output.print_json(
            to_json(new.snapshot)
            | {
                "checked": checked,
                "added_bytes": new.added,
                "added_objects": new.pack.objects if new.pack is not None else 0,
                "warnings": warnings,
            }
        )
        return
    output.print_message(
        f"Took snapshot {new.snapshot.name} of {model.name} with state {new.state_name}:"
        f" added {format_size(new.added)}"
    )
    for warning in warnings:
        output.print_message(f"warning: {warning}")


def show_renamed(renamed: Renamed, before: Snapshot, *, as_json: bool) -> None:
    """A snapshot that was renamed, and the models that stay based on it."""
    if as_json:
        names = {"renamed_from": to_json(before), "models": list(renamed.models)}
        output.print_json(to_json(renamed.snapshot, aliases=renamed.aliases) | names)
        return
    output.print_message(f"Renamed {before.short_name} to {renamed.snapshot.short_name}")
    if renamed.aliases:
        output.print_message(f"It still has {', '.join(renamed.aliases)}")
    if renamed.models:
        stay = "stays" if len(renamed.models) == 1 else "stay"
        output.print_message(f"{', '.join(renamed.models)} {stay} based on it")


def show_exported(snapshot: Snapshot, directory: Path, *, size: int, written_as: str, as_json: bool) -> None:
    """Where a snapshot was written, and its bytes. `written_as` is how the person named it."""
    from gitstore.units import format_size

    if as_json:
        output.print_json(reference_json(snapshot) | {"directory": str(directory.resolve()), "size": size})
    else:
        output.print_message(f"Exported {written_as} to {directory}: {format_size(size)}")


def explain_removal(removal: Removal) -> None:
    """What removing snapshots frees, and who is based on them."""
    from gitstore.units import format_size

    frees = f"Removing {removal.names} frees {format_size(removal.exclusive)}"
    if removal.needed:
        frees += (
            f", {format_size(removal.needed)} of it only when git's reflogs and indexes no longer refer to it"
        )
    if removal.lasting:
        frees += f", {format_size(removal.lasting)} of it not yet: it lies in packs that are mostly needed"
        frees += ", or that git gc collects"
    output.print_message(frees)
    dependents = [*removal.dependents.models, *removal.dependents.snapshots]
    if dependents:
        them = "it" if len(removal.snapshots) == 1 else "them"
        output.print_message(f"Based on {them}: {', '.join(dependents)}")
    if removal.aliases:
        output.print_message(f"Aliases that lead nowhere then: {', '.join(removal.aliases)}")


def removal_json(removal: Removal, *, removed: bool) -> dict[str, Any]:
    """What removing snapshots frees, who is based on them, and whether they are gone."""
    return {
        "snapshots": [to_json(snapshot) for snapshot in removal.snapshots],
        "exclusive_bytes": removal.exclusive,
        "withheld_bytes": removal.withheld,
        "models": list(removal.dependents.models),
        "dependent_snapshots": list(removal.dependents.snapshots),
        "aliases": list(removal.aliases),
        "removed": removed,
    }


def restored_json(restored: Restored, snapshot: Snapshot) -> dict[str, Any]:
    """What a restore changed on disk."""
    return reference_json(snapshot) | {
        "files": [str(path) for path in restored.files],
        "state": restored.state,
        "active": restored.active,
        "detached": restored.is_detached,
        "lost": [str(path) for path in restored.lost],
        "ignored": [str(path) for path in restored.ignored],
    }


def show_restored(
    restored: Restored, snapshot: Snapshot, *, model: Model, written_as: str, with_settings: bool
) -> None:
    """What a restore changed on disk, for a person."""
    for path in restored.ignored:
        output.print_message(f"warning: git ignores {path} here, so a snapshot would not contain it")
    if with_settings and snapshot.settings.name != model.name:
        output.print_message(
            f"settings.yaml now has name: {snapshot.settings.name}; the commit has name: {model.name}"
        )
    count = len(restored.files)
    changes = [counted(count, "file")] if count else []
    changes += [f"state {restored.state}"] if restored.state is not None else []
    if restored.is_detached:
        output.print_message(
            f"settings.yaml still says that {model.name} is detached, but in the snapshot it is not"
        )
    output.print_message(f"Restored {written_as}: {', '.join(changes) or 'nothing differed'}")
    if restored.active is not None:
        output.print_message(f"The active state is now {restored.active}")
