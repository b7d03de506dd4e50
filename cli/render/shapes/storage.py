"""Shapes of what a repository needs on disk, and what gc frees."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "usage": Shape(
        "What the bytes of a repository are for.",
        keys("""
            holders     holder[]      what holds objects
            models      model-usage[] the sums of each model
            packs       pack-usage[]  what the bytes of each pack are for
            loose_live  bytes         loose objects that something holds
            loose_dead  bytes         loose objects that nothing holds
            index       bytes         the files beside the packs
            absent      int           objects that a partial clone lacks; they take no bytes
            totals      usage-totals  the sums of the repository
            cache       cache-usage   the user's cache
            price       text*         the price, with `--price`; costs are for a month, in micro-units
        """),
    ),
    "holder": Shape(
        "A ref, or a detached HEAD, and the bytes that it needs.",
        keys("""
            kind       text   `snapshot`, `state`, `branch` and the like
            name       text   its name
            ref        text   the ref
            model      text?  its model; empty is the root model, null is none
            logical    bytes  its files on disk
            exclusive  bytes  what removing it frees
            shared     bytes  what it shares with other holders
            charged    bytes  its exclusive bytes, and a part of the shared ones
            cost       int*   what its charged bytes cost
            saves      int*   what removing it would save
        """),
    ),
    "model usage": Shape(
        "The bytes that a model needs.",
        keys("""
            name       text?  its name; empty is the root model, null is none
            exclusive  bytes  what removing the whole model frees
            charged    bytes  the charges of its holders
            cost       int*   what they cost
        """),
    ),
    "pack usage": Shape(
        "What the bytes of a pack are for.",
        keys("""
            name       text   its file name
            size       bytes  its size, the sum of the next four
            live       bytes  objects that something holds
            dead       bytes  objects that nothing holds
            duplicate  bytes  objects that another pack has, too
            overhead   bytes  its header and checksum
            is_linked  flag   whether it is also a pack of another repository
        """),
    ),
    "usage totals": Shape(
        "The sums of a repository.",
        keys("""
            live    bytes  objects that something holds, each counted once
            dead    bytes  objects that nothing holds, and duplicates
            disk    bytes  everything on disk
            linked  bytes  packs that another repository has, too; part of disk
            cost    int*   what the live objects cost
        """),
    ),
    "cache usage": Shape(
        "The size of the cache.",
        keys("""
            repository  bytes  files of this repository's snapshots
            total       bytes  all of it
            environments  bytes  environments, which all repositories share
        """),
    ),
    "gc report": Shape(
        "What gc freed, or would free.",
        keys("""
            freed      bytes             all that was freed
            snapshots  freed-item[]      removed snapshots whose objects were deleted
            removed    freed-item[]      packs that were deleted
            rewritten  rewritten-pack[]  packs that lost their dead objects
            leftovers  freed-item[]      what crashes left
            cache      freed-item[]      entries of the cache, with `--cache`
            environments freed-item[]    environments, with `--cache`
            left       bytes             dead objects that stay in large or linked packs
            foreign    bytes             dead objects that git stored
            elsewhere  dead-objects[]    where these are
            vanished   vanished-ref[]    refs whose objects are kept for a while
            locks      text[]            lock files of git, which a crash may have left
            damaged    text[]            incomplete worktrees of git
            dry_run    flag              whether nothing was done
        """),
    ),
    "freed item": Shape(
        "Something that was deleted.",
        keys("""
            name  text   its name
            size  bytes  its size
        """),
    ),
    "rewritten pack": Shape(
        "A pack that was rewritten.",
        keys("""
            name    text   its file name
            before  bytes  its old size
            after   bytes  its new size
        """),
    ),
    "dead objects": Shape(
        "Dead objects that git stored.",
        keys("""
            pack  text?  the pack; null is loose objects
            size  bytes  their size
            kept  flag   whether a .keep file keeps git from freeing them
        """),
    ),
    "vanished ref": Shape(
        "A ref that was deleted or moved without gitstore.",
        keys("""
            ref    text  the ref
            oid    id    what it held
            since  date  when gitstore first noticed that
        """),
    ),
}
