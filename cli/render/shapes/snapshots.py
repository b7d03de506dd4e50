"""Shapes of snapshots, and of what commands do to them."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "snapshot": Shape(
        "A snapshot, wherever one is printed. All but `size` is what its tag says.",
        keys("""
            name      text    its name in its model, such as `v1`
            model     text    the name of its model
            ref       text    the tag's ref, such as `refs/tags/v1` or `refs/tags/dogs/v1`
            tag       id      the tag
            commit    id      the commit
            tagger    text    who took it, with their address
            date      date?   when it was taken
            signed    text?   how it is signed: `openpgp`, `x509` or `ssh`
            state     text    the name of its state
            based_on  text?   the model's base at that time, as MODEL@SNAPSHOT
            message   text    its message
            size      bytes*  of all its files; where a command counts them, and no partial clone lacks one
            aliases   text[]*  the aliases that it has; where a command looks for them
        """),
    ),
    "taken snapshot": Shape(
        "A snapshot that was just taken.",
        keys("""
            checked        flag    whether `--check` ran it first
            added_bytes    bytes   what it added to the repository
            added_objects  int     how many objects that are
            warnings       text[]  what the person should know
        """),
        extends="snapshot",
    ),
    "snapshot in full": Shape(
        "A snapshot with all that it contains.",
        keys("""
            files     stored-file[]  its files
            settings  object         its settings, as `settings show --json` prints them
            training  training?      how its state was trained, if that is recorded
            evaluations  evaluation[]  the records of its evaluations
        """),
        extends="snapshot",
    ),
    "stored file": Shape(
        "A file of a snapshot.",
        keys("""
            path   text   its path in the snapshot
            size   bytes? its size; null if a partial clone lacks some of it
            parts  int    the number of its parts; 1 if it is stored whole
            oid    id     its blob, or the tree of its parts
        """),
    ),
    "reference": Shape(
        "A snapshot that something else refers to. Its name is `snapshot` here, as in a hook's event.",
        keys("""
            snapshot  text?  the snapshot's name in its model; null is the working copy
            model     text   the name of its model
            ref       text?  the tag's ref
            tag       id?    the tag
            commit    id?    the commit
        """),
    ),
    "exported snapshot": Shape(
        "A snapshot that was written to a directory.",
        keys("""
            directory  text   where it is
            size       bytes  of all its files
        """),
        extends="reference",
    ),
    "restored snapshot": Shape(
        "What a restore changed.",
        keys("""
            files     text[]  the files that changed
            state     text?   the state whose files were written
            active    text?   the state that became the active one
            detached  flag    whether settings.yaml still says that the model is detached
            lost      text[]  files that `--force` overwrote
            ignored   text[]  files that git ignores here
        """),
        extends="reference",
    ),
    "renamed snapshot": Shape(
        "A snapshot under its new name.",
        keys("""
            renamed_from  snapshot  the snapshot as it was
            models        text[]    the models that are still based on it
        """),
        extends="snapshot",
    ),
    "removal": Shape(
        "Snapshots that were removed, or would be.",
        keys("""
            snapshots            snapshot[]  the snapshots
            exclusive_bytes      bytes       what removing frees
            models               text[]      other models that are based on them
            dependent_snapshots  text[]      snapshots of other models that are based on them
            removed              flag        whether they are gone
        """),
    ),
    "removed snapshots": Shape(
        "What `rm` removed, or would remove.",
        keys("""
            withheld_bytes  bytes   what the next gc does not free yet
            aliases         text[]  aliases that lead nowhere without them
        """),
        extends="removal",
    ),
    "verified snapshots": Shape(
        "The result of verify.",
        keys("""
            ok          flag               whether nothing is wrong
            snapshots   text[]             the snapshots that were verified
            objects     int                how many objects were hashed
            problems    damage[]           what is wrong
            notices     text[]             warnings
            signatures  signature-check[]  a signature for each snapshot
            evaluations  verified-evaluation[]  with `--evaluations`, those that were run again
        """),
    ),
    "damage": Shape(
        "Something that is wrong with snapshots, or with the rest of the repository.",
        keys("""
            message    text    what is wrong
            snapshots  text[]  the snapshots that are affected
            path       text?   where the damaged object is in them
            oid        id?     the damaged object
        """),
    ),
    "signature check": Shape(
        "What git says of a snapshot's signature.",
        keys("""
            snapshot  text   the snapshot
            status    text   `none`, `good`, `bad`, `unknown`, `expired`, `revoked` or `unchecked`
            accepted  flag   whether `--require-signature` accepts it
            signed    text?  how it is signed, as in snapshot
            signer    text?  who signed it
            key       text?  the key
            trust     text?  how far git trusts the key
        """),
    ),
}
