"""The JSON that commands print, shape by shape: from it come docs/json.md and docs/json.schema.json.

`python -m gitstore.cli.render.schema` writes the page, `… --schema` the JSON Schema. `COMMANDS` says
which shape each command prints. Sizes are bytes, durations seconds, dates
ISO 8601 with the offset, ids 40 hex digits.
"""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

TEXT, INTEGER, NUMBER, FLAG = "text", "integer", "number", "true or false"
_TYPES = {TEXT: "string", INTEGER: "integer", NUMBER: "number", FLAG: "boolean"}


class Key(NamedTuple):
    """A key of a shape. `kind` is a type above, `object` or a shape's name; `[]` behind it means a list."""

    name: str
    kind: str
    meaning: str
    nullable: bool = False
    optional: bool = False


class Shape(NamedTuple):
    """An object with exactly these keys, after those of another shape that it extends."""

    meaning: str
    keys: tuple[Key, ...]
    extends: str | None = None


def _keys(text: str) -> tuple[Key, ...]:
    """Keys from lines of `NAME KIND MEANING`; `?` behind the kind allows null, `*` the lack of the key."""
    keys = []
    for line in text.strip().splitlines():
        name, kind, meaning = line.strip().split(maxsplit=2)
        bare = kind.rstrip("?*")
        spelled = {"int": INTEGER, "num": NUMBER, "flag": FLAG, "int[]": f"{INTEGER}[]"}.get(bare, bare)
        keys.append(Key(name, spelled, meaning, "?" in kind, "*" in kind))
    return tuple(keys)


SHAPES: dict[str, Shape] = {
    "snapshot": Shape(
        "A snapshot, wherever one is printed. All but `size` is what its tag says.",
        _keys("""
            name      text   its name in its model, such as `v1`
            model     text   the name of its model
            ref       text   the tag's ref, such as `refs/tags/v1` or `refs/tags/dogs/v1`
            tag       text   the id of the tag
            commit    text   the id of the commit
            tagger    text   who took it, with their address
            date      text?  when it was taken
            signed    text?  how it is signed: `openpgp`, `x509` or `ssh`
            state     text   the name of its state
            based_on  text?  the model's base at that time, as MODEL@SNAPSHOT
            message   text   its message
            size      int*   the bytes of its files; where a command counts them
        """),
    ),
    "reference": Shape(
        "What stands for a snapshot in something else. Its name is `snapshot` here, as in a hook's event.",
        _keys("""
            snapshot  text?  the snapshot's name in its model; null is the working copy
            model     text   the name of its model
            ref       text?  the tag's ref
            tag       text?  the id of the tag
            commit    text?  the id of the commit
        """),
    ),
    "base": Shape(
        "The base of a derived model, as `based_on` in settings.yaml has it.",
        _keys("""
            model     text   the base's model
            snapshot  text   the snapshot's name
            tag       text   the id of the tag
            commit    text   the id of the commit
            url       text?  the repository that the base is in; null is the model's own
        """),
    ),
    "state": Shape(
        "A state in a list.",
        _keys("""
            name      text   its name
            active    flag   whether it is the active one
            saved     flag   whether it is saved in the repository
            on_disk   flag   whether its files are on disk
            modified  flag   whether the files differ from what is saved
            size      int    the bytes of its files
            tree      text?  the id of the saved tree
        """),
    ),
    "model": Shape(
        "A model in a list.",
        _keys("""
            name        text   its name
            derived     flag   whether it is derived
            base        text?  MODEL@SNAPSHOT, then ` in URL` or ` (removed)` where that is so
            detached    flag   whether its code is its own, and no longer the base's
            snapshots   int    how many it has
            size        int    the bytes of all their files
            state       text   the active state
            state_size  int?   the bytes of its files as they are saved
            directory   text?  its working copy
        """),
    ),
    "error": Shape(
        "A failed command with `--json`, on the last line of standard error.",
        _keys("""
            kind       text    what went wrong, in a word: `bad_settings`, `usage`
            message    text    a line for each problem
            hint       text?   what to do
            exit_code  int     the exit code
            details    object  more data, by the kind of error
        """),
    ),
    "taken": Shape(
        "A snapshot that was just taken.",
        _keys("""
            checked        flag    whether `--check` ran it first
            added_bytes    int     what it added to the repository
            added_objects  int     how many objects that are
            warnings       text[]  what the person should know
        """),
        "snapshot",
    ),
    "snapshot in full": Shape(
        "A snapshot with all that it holds.",
        _keys("""
            files     object[]  `path`, `size`, `parts` and `oid` of each file
            settings  object    the settings, as `settings show --json` prints them
        """),
        "snapshot",
    ),
    "renamed snapshot": Shape(
        "A snapshot under its new name.",
        _keys("""
            renamed_from  snapshot  what it was
            models        text[]    the models that stay based on it
        """),
        "snapshot",
    ),
    "removal": Shape(
        "Snapshots that were removed, or would be.",
        _keys("""
            snapshots            snapshot[]  the snapshots
            exclusive_bytes      int         what they hold alone
            withheld_bytes       int         what the next gc does not free yet
            models               text[]      models that are based on them
            dependent_snapshots  text[]      snapshots of derived models that are based on them
            removed              flag        whether they are gone
        """),
    ),
    "exported snapshot": Shape(
        "A snapshot that was written to a directory.",
        _keys("""
            directory  text  where it is
            size       int   the bytes of its files
        """),
        "reference",
    ),
    "restored snapshot": Shape(
        "What a restore changed.",
        _keys("""
            files     text[]  the files that changed
            state     text?   the state whose files were written
            active    text?   the state that became the active one
            detached  flag    whether settings.yaml keeps that the model is detached
            lost      text[]  files that `--force` overwrote
            ignored   text[]  files that git ignores here
        """),
        "reference",
    ),
    "compared snapshot": Shape(
        "One side of a diff.",
        _keys("directory  text?  the working copy, if it is that"),
        "reference",
    ),
    "diff": Shape(
        "What differs.",
        _keys("""
            before    compared-snapshot  the one side
            after     compared-snapshot  the other side
            differs   flag               whether anything differs
            settings  object             `changes` by key, and `is_other_text`
            code      object             `files` with their kind of change; `patch` with `--patch`
            state     object             sizes, and `files` with what changed of them
        """),
    ),
    "line": Shape(
        "A model in the tree of what is based on what.",
        _keys("""
            model      text     its name
            base       text?    what its base is called now, and where it is
            based_on   text?    its base, as its settings have it
            detached   flag     whether its code is its own
            snapshots  place[]  its snapshots, oldest first
        """),
    ),
    "place": Shape(
        "A snapshot in that tree. Of one that was removed there are only these keys, and null.",
        _keys("""
            name      text    its name
            tag       text?   the id of the tag
            date      text?   when it was taken
            size      int?    the bytes of its files
            based_on  text?   the model's base at that time
            removed   flag    whether it was removed
            models    text[]  the models that are based on it
            model     text*   as in snapshot
            ref       text*   as in snapshot
            commit    text*   as in snapshot
            tagger    text*   as in snapshot
            signed    text?*  as in snapshot
            state     text*   as in snapshot
            message   text*   as in snapshot
        """),
    ),
    "status": Shape(
        "How a model stands. What cannot be found out is null, and listed in `problems`.",
        _keys("""
            model        text       its name
            directory    text       its working copy
            bare         flag       whether the repository has no working copy
            branch       text?      the branch; null if HEAD is detached
            commit       text?      the commit that is checked out
            tags         text[]     the tags on it, if HEAD is detached
            base         object?    `name`, `url` and `detached`
            state        object     `name` and `form` of the active state
            snapshot     snapshot?  the last snapshot
            differs      flag?      whether the working copy differs from it
            settings     object?    what differs of the settings
            code         object[]?  what differs of the code
            state_files  object[]?  what differs of the state
            uncommitted  object[]?  what is not committed
            lock         text?      what is wrong with packages.lock
            problems     object[]   `kind`, `message` and `hint` of each
        """),
    ),
    "verified": Shape(
        "What verify found.",
        _keys("""
            ok          flag      whether nothing is wrong
            snapshots   text[]    the snapshots that were verified
            objects     int       how many objects were hashed
            problems    object[]  `message`, `snapshots`, `path` and `oid` of each
            notices     text[]    warnings
            signatures  object[]  of each `snapshot` its `status`, `signer`, `key` and `trust`
        """),
    ),
    "derived": Shape(
        "A model that was derived.",
        _keys("""
            name          text  its name
            directory     text  where it is
            form          text  `worktree`, or `reference` for a repository of its own
            base          base  its base
            added_bytes   int   what it added to the disk
            linked_bytes  int   the bytes of packs that it shares
        """),
    ),
    "rebased": Shape(
        "A model that was moved to another snapshot of its base.",
        _keys("""
            name            text      its name
            base            base      its new base
            before          text      the old base, as MODEL@SNAPSHOT
            commit          text?     the commit on its branch; null if nothing changed
            misfits         object[]  types that the new base's code does not keep
            changes         object[]  settings that changed
            conflicts       object[]  settings that both changed
            other_packages  flag      whether its packages differ from the base's
            added_bytes     int       what was copied
            linked_bytes    int       the bytes of packs that were linked
        """),
    ),
}

COMMANDS: dict[str, str] = {
    "snapshot": "taken",
    "list": "snapshot[]",
    "show": "snapshot in full",
    "diff": "diff",
    "verify": "verified",
    "export": "exported snapshot",
    "restore": "restored snapshot",
    "rename": "renamed snapshot",
    "rm": "removal",
    "derive": "derived",
    "rebase": "rebased",
    "models": "model[]",
    "log": "line[]",
    "status": "status",
    "state list": "state[]",
}
"""What each command prints with `--json`. The page says nothing of the others yet."""


def schema() -> dict[str, Any]:
    """The JSON Schema: a definition for each shape, and one for each command."""
    shapes = {_slug(name): _object(shape) for name, shape in SHAPES.items()}
    commands = {f"gitstore-{_slug(command)}": _kind(kind) for command, kind in COMMANDS.items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": shapes | commands}


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _all_keys(shape: Shape) -> tuple[Key, ...]:
    return (SHAPES[shape.extends].keys if shape.extends else ()) + shape.keys


def _object(shape: Shape) -> dict[str, Any]:
    keys = _all_keys(shape)
    return {
        "type": "object",
        "properties": {key.name: _nullable(key) for key in keys},
        "required": [key.name for key in keys if not key.optional],
        "additionalProperties": False,
    }


def _nullable(key: Key) -> dict[str, Any]:
    kind = _kind(key.kind)
    return {"anyOf": [kind, {"type": "null"}]} if key.nullable else kind


def _kind(kind: str) -> dict[str, Any]:
    if kind.endswith("[]"):
        return {"type": "array", "items": _kind(kind.removesuffix("[]"))}
    if kind == "object":
        return {"type": "object"}
    return {"type": _TYPES[kind]} if kind in _TYPES else {"$ref": f"#/$defs/{_slug(kind)}"}


def page() -> str:
    """docs/json.md."""
    blocks = [
        "# JSON",
        "`make docs` writes this page, and `json.schema.json` beside it. With `--json` a command prints one"
        "\nvalue on standard output. Keys may be added; none goes or changes its meaning. Sizes are in bytes,"
        "\ndates are ISO 8601 with the offset, ids have 40 hexadecimal digits. [hooks.md](hooks.md) has the"
        "\nevents of hooks.",
        "| command | what it prints |\n|---|---|\n"
        + "\n".join(f"| `gitstore {name}` | {_linked(kind)} |" for name, kind in COMMANDS.items()),
    ]
    for name, shape in SHAPES.items():
        first = f" It has the keys of {_linked(shape.extends)}, and these." if shape.extends else ""
        rows = "\n".join(map(_row, shape.keys))
        table = f"| key | type | meaning |\n|---|---|---|\n{rows}"
        blocks += [f"## {name}", f"{shape.meaning}{first}", table]
    return "\n\n".join(blocks) + "\n"


def _row(key: Key) -> str:
    return f"| `{key.name}` | {_linked(key.kind)}{_notes(key)} | {key.meaning} |"


def _notes(key: Key) -> str:
    return (" or null" if key.nullable else "") + (", not always" if key.optional else "")


def _linked(kind: str) -> str:
    name, is_list = kind.removesuffix("[]"), kind.endswith("[]")
    text = name if name in _TYPES or name == "object" else f"[{name.replace('-', ' ')}](#{_slug(name)})"
    return f"list of {text}" if is_list else text


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(schema(), indent=2)}\n" if "--schema" in sys.argv else page())
