"""Aliases: names such as `production`, which move from snapshot to snapshot, each time with a reason.

It owns moving, taking back and removing them (`move`), and the requirements that a snapshot must meet to get
one: `requirements` is pure, `facts` reads the records that it needs. What an alias *is* stands in
`models/alias.py`, and so does finding one. It works in working copies and in bare repositories, and must not
know stores. Start with `move`.
"""
