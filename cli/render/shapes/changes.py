"""Shapes of differences: between snapshots, settings, files and tensors."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "diff": Shape(
        "What differs between two snapshots, or a snapshot and the working copy.",
        keys("""
            before    compared-snapshot  the one side
            after     compared-snapshot  the other side
            differs   flag               whether anything differs
            settings  settings-changes   what differs of the settings
            code      code-changes       what differs of the code
            state     state-changes      what differs of the state
        """),
    ),
    "compared snapshot": Shape(
        "One side of a diff.",
        keys("directory  text?  the working copy, if it is that"),
        extends="reference",
    ),
    "settings changes": Shape(
        "What differs between two settings.yaml.",
        keys("""
            changes        changed-key[]  the keys that differ, with their defaults
            is_other_text  flag           whether the texts differ, if only in comments or layout
        """),
    ),
    "changed key": Shape(
        "A key that differs. A value is written as in settings.yaml; null is a missing key.",
        keys("""
            key     text  the key, with dots
            kind    text  `added`, `removed` or `changed`
            before  any   its value on the one side
            after   any   its value on the other side
        """),
    ),
    "code changes": Shape(
        "What differs of the code.",
        keys("""
            files  changed-code-file[]  the files that differ
            patch  text*                git's patch, with `--patch`
        """),
    ),
    "changed file": Shape(
        "A file that differs.",
        keys("""
            path  text  its path
            kind  text  `added`, `removed` or `changed`
        """),
    ),
    "changed code file": Shape(
        "A file of code that differs.",
        keys("""
            lines_added    int?  how many lines were added; null if it is binary
            lines_removed  int?  how many lines were removed
        """),
        extends="changed file",
    ),
    "state changes": Shape(
        "What differs of the state.",
        keys("""
            before           text                  the state's name on the one side
            after            text                  its name on the other side
            size_before      bytes?                of all files on the one side
            size_after       bytes?                of all files on the other side
            changed          bytes                 of the parts that the other side alone has
            unchanged_files  int                   how many files are the same
            files            changed-state-file[]  the files that differ
        """),
    ),
    "changed state file": Shape(
        "A file of a state that differs.",
        keys("""
            size_before  bytes?           its size on the one side
            size_after   bytes?           its size on the other side
            shared       bytes            of its parts that both sides have
            changed      bytes            of its parts that the other side alone has
            note         text?            why its tensors were not compared
            tensors      tensor-changes?  what differs of a .safetensors file
        """),
        extends="changed file",
    ),
    "tensor changes": Shape(
        "What differs between two .safetensors files.",
        keys("""
            changes    changed-tensor[]  the tensors that differ
            unchanged  int               how many are the same
            metadata   changed-key[]     what differs of the metadata
        """),
    ),
    "changed tensor": Shape(
        "A tensor that differs.",
        keys("""
            name     text     its name
            kind     text     `added`, `removed`, `dtype`, `shape`, or `values` if only these differ
            before   tensor?  what it is on the one side
            after    tensor?  what it is on the other side
            shared   bytes    of its parts that both sides have
            changed  bytes    of its parts that the other side alone has
        """),
    ),
    "tensor": Shape(
        "The form of a tensor.",
        keys("""
            dtype  text   its element type
            shape  int[]  its dimensions
        """),
    ),
}
