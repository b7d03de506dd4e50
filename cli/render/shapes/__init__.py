"""The JSON shapes that commands print: each object is described once, by noun.

`shape.py` says how a shape is written down. `schema.py` beside this package makes `docs/json.md` and
`docs/json.schema.json` of them, and has the table of commands. The renderers fill the shapes. Tests
compare the two, so a new key is added here and there.
"""
