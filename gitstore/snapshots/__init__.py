"""Snapshots: taking, verifying, exporting, restoring, renaming and removing them, and their signatures.

Owns every change to a snapshot's tag, and the way from a working copy to a snapshot and back. What a
snapshot is, and which ones exist, is in `models.snapshot`. The room knows nothing of how derived models
are made, and never runs a model: a caller passes in the check that does. Start with `take`.
"""
