"""Shapes of warm launchers."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys
from gitstore.cli.render.shapes.states import WORKPLACE

SHAPES = {
    "warm launcher": Shape(
        "A process that keeps the model of a snapshot instantiated. What it serves is null while it starts.",
        keys("""
            id          text   its id, which begins that of the tag
            snapshot    text?  the snapshot: MODEL@SNAPSHOT
            tag         id?    its tag
            repository  text?  the repository that it was started in
            process     int?   the id of the process
            started     date?  when it was started
            answered    int    how many evaluations it has answered
            remaining   num    in how many seconds it ends if nobody asks
        """)
        + tuple(key._replace(nullable=True) for key in WORKPLACE),
    ),
    "started launcher": Shape(
        "A warm launcher that answers from now on.",
        keys("""
            id        text  its id, which begins that of the tag
            snapshot  text  the snapshot: MODEL@SNAPSHOT
            process   int   the id of the process
        """)
        + WORKPLACE,
    ),
    "stopped launchers": Shape(
        "The warm launchers that were stopped.",
        keys("stopped  text[]  their ids"),
    ),
}
