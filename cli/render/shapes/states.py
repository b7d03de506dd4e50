"""Shapes of states, and of what operations make."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

WORKPLACE = keys("""
    environment  text?   the key of its environment, as in env list
    unlocked     flag    whether uv chose the packages, without packages.lock
    sandbox      object  `kind`, and `cpus`, `memory`, `disk`, `binds`, `network`
""")
"""Where an operation ran: these are keys of all that operations print."""

SHAPES = {
    "state": Shape(
        "A state in a list.",
        keys("""
            name      text   its name
            active    flag   whether it is the active one
            saved     flag   whether it is saved in the repository
            on_disk   flag   whether its files are on disk
            modified  flag   whether the files differ from what is saved
            size      bytes? of all its files; null if a partial clone lacks some
            tree      id?    the saved tree
        """),
    ),
    "state form": Shape(
        "The active state in a status.",
        keys("""
            name  text?  its name
            form  text?  `saved`, `on disk`, `modified`, `unborn` or `nowhere`
        """),
    ),
    "saved state": Shape(
        "A state that was saved.",
        keys("""
            name         text   its name
            tree         id     the saved tree
            size         bytes  of all its files
            added_bytes  bytes  what it added to the repository
        """),
    ),
    "operation result": Shape(
        "A state that train or state create made, and saved.",
        keys("""
            durations  object    seconds by phase, and `total`
            metrics    metric[]  what the code reported, in its order
        """)
        + WORKPLACE,
        extends="saved state",
    ),
    "metric": Shape(
        "A number that the model's code reported.",
        keys("""
            seconds  num  when, since the operation began
            name     text  its name
            value    any  the number; `NaN`, `Infinity` and `-Infinity` are texts
        """),
    ),
    "state in full": Shape(
        "A state, and how it was trained.",
        keys("""
            training  training?  the record of its training, if there is one
            metrics   metric[]   all that the training reported, in its order
        """),
        extends="state",
    ),
    "training": Shape(
        "The record of a training. What is not known is null.",
        keys("""
            name           text        the state that it made, as it was called then
            model          text        the model
            operation      text?       `train`, `create_state`, or null for a training loop of one's own
            parameters     object      scalars that it was given, by name
            data           value[]     everything else that it was given
            metrics        series[]    each metric in short
            base           base-state? the state that it began with
            code           training-code?  the code that ran
            circumstances  circumstances  when and how it ran
        """),
    ),
    "series": Shape(
        "A metric of a training in short. A number that is not finite is null.",
        keys("""
            name     text  its name
            count    int   how many values it has
            first    num?  the first value
            last     num?  the last value
            lowest   num?  the least finite value
            highest  num?  the greatest finite value
        """),
    ),
    "base state": Shape(
        "The state that a training began with.",
        keys("""
            name  text  its name
            tree  id?   its tree, as it was on disk
        """),
    ),
    "training code": Shape(
        "The code of a training.",
        keys("""
            differs  flag  whether files on disk differed from the commit
            commit   id?   the commit that was checked out
            tree     id?   its code
        """),
    ),
    "state comparison": Shape(
        "What differs between how two states were trained.",
        keys("""
            first        text                 the one state
            second       text                 the other state
            differences  record-difference[]  what differs
        """),
    ),
    "record difference": Shape(
        "A key that two records have different values for. A record without it has null.",
        keys("""
            group   text  `parameters`, `data`, `metrics`, `environment`, `code` or `base`
            key     text  the key
            first   any   the value of the one state
            second  any   the value of the other state
        """),
    ),
    "active state": Shape("The state that is active now.", keys("active  text  its name")),
    "state path": Shape(
        "Where a state is on disk.",
        keys("""
            name  text  its name
            path  text  its directory
        """),
    ),
    "imported state": Shape(
        "A state that was made of files.",
        keys("""
            name         text   its name
            path         text?  its directory; null in a bare repository
            size         bytes  of all its files
            tree         id?    the saved tree; null with `--no-save`
            added_bytes  bytes  what it added to the repository
            active       flag   whether it is the active state
        """),
    ),
    "exported state": Shape(
        "A state that was written to a directory.",
        keys("""
            name       text   its name
            directory  text   where it is
            size       bytes  of all its files
        """),
    ),
    "renamed state": Shape(
        "A state under its new name.",
        keys("""
            name          text  its name
            renamed_from  text  its old name
        """),
    ),
    "dropped state": Shape("A state whose files on disk were deleted.", keys("name  text  its name")),
    "removed states": Shape(
        "States that were removed.",
        keys("""
            names            text[]  their names
            exclusive_bytes  bytes   what the next gc frees
            active           text    the state that is active now
        """),
    ),
    "evaluated": Shape(
        "What an evaluation gave, and how it ran.",
        keys("""
            outputs    object?  the value of each output, by name; null with `--out`
            files      text[]   with `--out`, the files that were written
            record     text?    the record, with `--record`
            durations  object   seconds by phase, and `total`
        """)
        + WORKPLACE,
    ),
    "evaluated batch": Shape(
        "What became of a batch, and how it ran.",
        keys("""
            files      text[]  the outputs: files, or directories with files for each example
            examples   int     how many examples it had
            chunk      int     how many of them were evaluated at a time
            chunks     int     in how many chunks
            workers    int     on how many workers
            retries    int     how often a chunk was evaluated again, because its worker was lost
            durations  object  seconds: `evaluate` adds up those of all workers, `total` is what passed
            unused     text[]  what the input has beside the inputs of the model
        """)
        + WORKPLACE,
    ),
}
