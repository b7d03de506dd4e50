"""Shapes of transfers between repositories."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

_REMOTE = keys("""
    remote  text  the name of the remote, or its URL
    url     text  its URL, without credentials
""")

SHAPES = {
    "clone": Shape(
        "A model that was cloned.",
        keys("""
            model      text  its name
            directory  text  where it is
            url        text  where it was cloned from, without credentials
            snapshots  int   how many tags came with it
            state      text  the active state
            partial    flag  whether weights are fetched when they are needed
        """),
    ),
    "fetched weights": Shape(
        "What `get` fetched.",
        keys("objects  int  how many objects were not here"),
    ),
    "push": Shape(
        "What a push sent, or would send.",
        _REMOTE
        + keys("""
            refs       moved-ref[]  the refs that move there
            conflicts  moved-ref[]  refs that have another value there, and do not move
            unchanged  int          how many refs have nothing new
            objects    int          how many objects the other side lacks
            size       bytes        their size in packs
            dry_run    flag         whether nothing was sent
        """),
    ),
    "moved ref": Shape(
        "A ref on the other side.",
        keys("""
            kind  text  `branch`, `snapshot`, `state`, `alias` or `record`
            name  text  its name
            ref   text  the ref
            old   id?   what it has there
            new   id    what it gets
        """),
    ),
    "removed remote snapshots": Shape(
        "Snapshots of a remote that were removed, or would be.",
        _REMOTE
        + keys("""
            snapshots  text[]  their names
            refs       text[]  what that deletes there: the tags, and the files of their records
            frees      bytes?  what no other ref there needs, in packs here; null if it is not known
            aliases    text[]  aliases there that lead to them, as far as their last moves are here
            removed    flag    whether they are gone
        """),
    ),
    "pull": Shape(
        "What a pull brought, or would bring.",
        _REMOTE
        + keys("""
            snapshots  text[]  new snapshots
            states     text[]  states that are new or have moved
            kept       text[]  states that moved there, but have unsaved changes here
            aliases    text[]  aliases that are new or have moved
            records    flag    whether records of evaluations and trainings came
            branch     text?   the branch, if it moved forward
            diverged   text?   the branch, if it has other commits there
            conflicts  text[]  refs that have another value on each side
            dry_run    flag    whether nothing was fetched
        """),
    ),
}
