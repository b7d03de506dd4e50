"""States: saving one, writing it to disk, importing, renaming, removing it, and making it the active one.

Owns every change to a state: its ref, its files on disk, and which state is active. What a state is, and
which states exist, is in `models.state`. The room knows nothing of snapshots, of derived models, or of
the workers that make and train states. Start with `save`.
"""
