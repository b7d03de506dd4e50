"""Shapes of states, and of what operations make."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "state": Shape(
        "A state in a list.",
        keys("""
            name      text   its name
            active    flag   whether it is the active one
            saved     flag   whether it is saved in the repository
            on_disk   flag   whether its files are on disk
            modified  flag   whether the files differ from what is saved
            size      bytes  of all its files
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
            unlocked   flag      whether it ran without packages.lock
        """),
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
    "written outputs": Shape(
        "Outputs that evaluate wrote to files.", keys("files  text[]  the files, one for each output")
    ),
}
