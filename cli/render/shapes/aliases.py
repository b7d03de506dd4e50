"""Shapes of aliases and their moves."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "alias": Shape(
        "An alias, with the move that made it what it is, or was at the time that was asked for.",
        keys("""
            name      text        its name in its model, such as `production`
            model     text        the name of its model; empty is the root model
            ref       text        the ref, such as `refs/aliases/production`
            snapshot  text        the snapshot that has it, as the move called it
            tag       id          the snapshot's tag
            exists    flag        whether that snapshot still exists
            move      alias-move  the move
        """),
    ),
    "alias move": Shape(
        "A move of an alias from one snapshot to another.",
        keys("""
            commit       id      the commit that records it
            author       text    who made it, with their address
            date         date?   when
            message      text    why
            from         text?   the snapshot that had the alias before, as it was called; null for the first
            from_tag     id?     its tag
            to           text    the snapshot that got it, as it was called
            to_tag       id      its tag
            reverts      id?     the move that it takes back, if it is a rollback
            renaming     flag    whether the snapshot only got another name
            required     text[]  the requirements that were met, with what was found
            evaluations  text[]  the evaluations that they were about, each with the tree of its files
        """),
    ),
    "moved alias": Shape(
        "An alias that was set or rolled back.",
        keys("moved  flag  whether it moved; the snapshot may have had it already"),
        extends="alias",
    ),
}
