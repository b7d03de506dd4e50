"""Shapes of a store and its models."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "initialized store": Shape(
        "A store that was created, or brought up to date.",
        keys("""
            store    text    its directory
            created  flag    whether it is new
            changed  text[]  the files and repositories in it that were different
        """),
    ),
    "checked store": Shape(
        "How a store is set up.",
        keys("""
            ok        flag             whether there are no problems
            models    int              how many models it has
            problems  store-problem[]  what is wrong
        """),
    ),
    "store problem": Shape(
        "Something that is wrong with the setup of a store.",
        keys("""
            path     text  the file or repository, relative to the store
            problem  text  what is wrong with it
            remedy   text  what to do
        """),
    ),
    "created store model": Shape(
        "A model that was created in a store.",
        keys("""
            model      text  OWNER/MODEL
            directory  text  its repository
        """),
    ),
    "store model": Shape(
        "A model of a store, in a list.",
        keys("""
            model      text   OWNER/MODEL
            owner      text   its owner
            name       text   its name without the owner
            role       text   what you may do: `read`, `write` or `admin`
            public     flag   whether everybody may read it
            snapshots  int    how many snapshots it has
            size       bytes  what it is charged
        """),
    ),
    "described store model": Shape(
        "A model of a store.",
        keys("""
            members      object           the role of each person who has one, by name
            quota        quota            that of the model
            owner_quota  quota            that of all models of its owner together
            refs         charged-ref[]    its refs
        """),
        extends="store model",
    ),
    "quota": Shape(
        "How many bytes may be stored.",
        keys("""
            hard  bytes?  a push that needs more is refused
            soft  bytes?  a push that needs more is let in, with a warning
        """),
    ),
    "charged ref": Shape(
        "A ref, and what is charged for it.",
        keys("""
            ref      text   its name
            target   id     the object that it leads to
            objects  int    how many objects it is charged for
            size     bytes  their bytes
        """),
    ),
    "derived store model": Shape(
        "A model that was derived in a store.",
        keys("""
            model      text   OWNER/MODEL
            base       text   the snapshot that it is based on: OWNER/MODEL@SNAPSHOT
            directory  text   its repository
            linked     bytes  of the base's packs, which the disk has once
            copied     bytes  of the base that had to be copied
            charged    bytes  what the new model is charged
        """),
    ),
    "store removal": Shape(
        "What was removed from a store, or would be.",
        keys("""
            names      text[]       the model, or the snapshots
            refs       text[]       the refs that go
            freed      bytes        what nobody is charged any more
            saved      int?         what that costs a month, in micro-units; null without a price
            currency   text         the currency
            inherited  inheritor[]  models that still need some of it
            based      text[]       models in the same repository that are based on one of them
            aliases    text[]       aliases that lead to one of them
            dry_run    flag         whether nothing was removed
        """),
    ),
    "inheritor": Shape(
        "A model that needs what was removed elsewhere.",
        keys("""
            model  text   OWNER/MODEL
            size   bytes  what it is charged for that
        """),
    ),
    "store gc": Shape(
        "What a garbage collection of a store freed, or would free.",
        keys("""
            freed      bytes              all bytes
            leftovers  bytes              of models that were never finished, or not removed whole
            models     collected-model[]  by model
            dry_run    flag               whether nothing was removed
        """),
    ),
    "collected model": Shape(
        "What a garbage collection of one model freed.",
        keys("""
            model    text   OWNER/MODEL
            freed    bytes  how much
            skipped  text?  why nothing was done
            failed   flag   whether that is an error
        """),
    ),
    "audited store": Shape(
        "Whether the ledger of a store is what its repositories say.",
        keys("""
            ok        flag    whether there are no problems
            models    int     how many models were compared
            refs      int     their refs
            objects   int     their objects
            size      bytes   what is charged to them
            rows      int     how many rows the ledger has
            head      text    the hash of its last row, in hexadecimal digits
            repacked  int     objects that have other bytes on disk now than when they were admitted
            pending   int     pushes that are under way
            problems  text[]  what differs: each names the row, or the model and its ref
        """),
    ),
    "verified store": Shape(
        "Whether all models of a store are intact.",
        keys("""
            ok      flag              whether there are no problems
            models  verified-model[]  by model
        """),
    ),
    "verified model": Shape(
        "Whether a model of a store is intact.",
        keys("""
            model      text    OWNER/MODEL
            snapshots  int     how many snapshots were checked
            problems   text[]  what is wrong
            notices    text[]  warnings
        """),
    ),
}
