"""Shapes of environments."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "environment": Shape(
        "An interpreter with the packages of a packages.lock.",
        keys("""
            key        text    its name: 32 hexadecimal digits
            path       text    its directory
            python     text    the version of its interpreter
            platform   text    the system, the machine and the C library
            packages   text[]  its packages, like `numpy==2.4.6`
            unlocked   flag    whether uv chose the packages, without packages.lock
            size       bytes   of its files
            last_used  date    when an operation last ran in it
            in_use     flag    whether an operation runs in it now
            used_by    text[]  models and snapshots of this repository that run in it
        """),
    ),
    "built environment": Shape(
        "The environment of a snapshot or a working copy.",
        keys("""
            built  flag  whether it was built now
        """),
        extends="environment",
    ),
    "removed environments": Shape(
        "Environments that were removed, or would be.",
        keys("""
            removed  freed-item[]  by key
            freed    bytes         of all of them
            in_use   int           those that an operation uses, which stay
            dry_run  flag          whether nothing was removed
        """),
    ),
}
