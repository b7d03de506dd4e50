"""How values are shown: for each noun one JSON shape, and its tables and messages for a person.

A renderer gets a finished value of the library. It computes nothing and opens nothing. `docs/json.md`
documents the shapes, and `schema.py` has their JSON Schema. Start reading at `snapshots.py`.
"""
