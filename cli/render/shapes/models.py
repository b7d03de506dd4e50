"""Shapes of models: how one stands, what it is based on, how it is made and removed."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "base": Shape(
        "The base of a derived model, as `based_on` in settings.yaml has it.",
        keys("""
            model     text   the base's model
            snapshot  text   the snapshot's name
            tag       id     the tag
            commit    id     the commit
            url       text?  the repository that the base is in; null is the model's own
        """),
    ),
    "model": Shape(
        "A model in a list.",
        keys("""
            name        text    its name
            derived     flag    whether it is derived
            base        base?   its base
            base_name   text?   what its base is called now; null if it was removed or is elsewhere
            detached    flag    whether its code is its own, and no longer the base's
            snapshots   int     how many it has
            size        bytes?  of all their files; null if a partial clone lacks some
            state       text    the active state
            state_size  bytes?  of its files as they are saved
            directory   text?   its working copy
        """),
    ),
    "model in the tree": Shape(
        "A model in the tree of what is based on what.",
        keys("""
            model      text                    its name
            base       base?                   its base
            base_name  text?                   what its base is called now, as in model
            detached   flag                    whether its code is its own
            snapshots  snapshot-in-the-tree[]  its snapshots, oldest first
        """),
    ),
    "snapshot in the tree": Shape(
        "A snapshot in that tree.",
        keys("""
            removed  flag    whether it was removed; then most of the other keys are null
            models   text[]  the models that are based on it
        """),
        extends="snapshot",
        partial=True,
    ),
    "status": Shape(
        "How a model stands. What cannot be found out is null, and listed in `problems`.",
        keys("""
            model        text               its name
            directory    text               its working copy
            bare         flag               whether the repository has no working copy
            branch       text?              the branch; null if HEAD is detached
            commit       id?                the commit that is checked out
            tags         text[]             the tags on it, if HEAD is detached
            base         base?              its base
            detached     flag               whether its code is its own, and no longer the base's
            state        state-form         the active state
            snapshot     snapshot?          the last snapshot
            differs      flag?              whether the working copy differs from it
            settings     settings-changes?  what differs of the settings
            code         changed-file[]?    what differs of the code
            state_files  changed-file[]?    what differs of the state
            uncommitted  changed-file[]?    what is not committed
            lock         text?              what is wrong with packages.lock
            problems     problem[]          what could not be found out, and why
        """),
    ),
    "problem": Shape(
        "Why something could not be found out.",
        keys("""
            kind     text   what is wrong, in a word, as in error
            message  text   a line for each thing that is wrong
            hint     text?  what to do
        """),
    ),
    "created model": Shape(
        "A model that init made.",
        keys("""
            name       text    its name
            directory  text    its working copy
            added      text[]  the files that init added
        """),
    ),
    "derived model": Shape(
        "A model that was derived.",
        keys("""
            name          text   its name
            directory     text   its working copy
            form          text   `worktree`, or `reference` for a repository of its own
            base          base   its base
            added_bytes   bytes  what was written
            linked_bytes  bytes  packs that are shared with the base's repository
        """),
    ),
    "rebased model": Shape(
        "A model that was moved to another snapshot of its base.",
        keys("""
            name            text            its name
            base            base            its new base
            before          base            its old base
            commit          id?             the new commit on its branch; null if nothing changed
            misfits         misfit[]        types that the new base's code does not fit
            changes         changed-key[]   settings that took over the new base's value
            conflicts       key-conflict[]  settings that both changed; the model's value stays
            other_packages  flag            whether its packages differ from the base's
            added_bytes     bytes           what was copied
            linked_bytes    bytes           packs that were linked
        """),
    ),
    "misfit": Shape(
        "A key of `types` in settings.yaml that the new base's code does not fit.",
        keys("""
            key      text  the key, with names of parameters
            problem  text  what does not fit
        """),
    ),
    "key conflict": Shape(
        "A key of settings.yaml that the model and the base both changed.",
        keys("""
            key         text  the key
            own_value   any   the model's value, which stays; null if the key is missing
            base_value  any   the base's value; null if the key is missing
        """),
    ),
    "detached model": Shape(
        "A model that was detached.",
        keys("""
            name    text  its name
            base    base  its former base
            commit  id?   the commit that detached it; null if it was detached already
        """),
    ),
    "removed model": Shape(
        "A derived model that was removed, or would be.",
        keys("""
            name       text    its name
            directory  text?   its working copy
            states     text[]  its states
            lost       text[]  files that are neither committed nor saved
        """),
        extends="removal",
    ),
}
