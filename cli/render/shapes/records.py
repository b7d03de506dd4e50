"""Shapes of records: what they say of values, and of how an operation ran."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "value": Shape(
        "An input or output, or data of a training.",
        keys("""
            name    text   its name
            type    text   its element type, or `file`
            shape   int[]  its dimensions
            size    bytes  of its file: an .npy file for numbers, else a .json file
            sha256  text   of that file
            file    text?  the file among those of the record; null if it is not kept
            value   any    a scalar itself; null for anything else
        """),
    ),
    "circumstances": Shape(
        "When, by whom and how an operation ran. What is not known is null.",
        keys("""
            date         date          when it ended
            user         text          who ran it, with their address
            gitstore     text          the version of gitstore
            durations    object        seconds by phase, and `total`
            environment  recorded-environment?  what the code ran with
            sandbox      object?       how it was confined
            peak_memory  bytes?        the most memory that the code's process had
        """),
    ),
    "recorded environment": Shape(
        "The packages that code ran with, as a record has them. What is not known is null.",
        keys("""
            python         text?    the version of Python
            packages       text[]?  the packages, such as `numpy==2.4.6`
            packages_lock  text?    the SHA-256 of packages.lock
            platform       text?    the system, the machine and the C library
            unlocked       flag     whether uv chose the packages, without packages.lock
        """),
    ),
}
