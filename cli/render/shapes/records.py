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
    "evaluation": Shape(
        "The record of an evaluation of a snapshot.",
        keys("""
            name           text           its name
            inputs         value[]        what the snapshot was given
            outputs        value[]        what it gave
            tree           id             the files of the values
            circumstances  circumstances  when and how it ran
        """),
    ),
    "evaluation comparison": Shape(
        "How outputs differ from others.",
        keys("""
            equal    flag                 whether none differs by more than is tolerated
            outputs  output-difference[]  each output
        """),
    ),
    "output difference": Shape(
        "How an output differs from another. Differences are null if they cannot be measured.",
        keys("""
            name            text    its name
            equal           flag    whether it differs by no more than is tolerated
            problem         text?   why the two cannot be compared
            size            int     how many elements it has
            count           int     how many of them differ
            first_index     int[]?  where the first of these is
            absolute        any     the largest difference; `Infinity` is a text
            absolute_index  int[]?  where that is
            relative        any     the largest difference relative to what is expected
            relative_index  int[]?  where that is
        """),
    ),
    "verified evaluation": Shape(
        "A recorded evaluation that was run again.",
        keys("""
            snapshot  text                 the snapshot
            record    text                 the record
            equal     flag                 whether it gave the same, within the tolerance
            problem   text?                why it gave nothing
            outputs   output-difference[]  each output
            changes   text[]               packages with other versions than then
        """),
    ),
}
