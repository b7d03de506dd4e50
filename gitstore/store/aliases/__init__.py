"""Aliases in a store: who may move them (`move`), and what must be recorded of a snapshot first (`gates`).

It owns the moves that the store makes for its users, and the facts about gates that a push needs. What an
alias is stands in `models/alias.py`, and how one moves in `aliases/`. It must not know commands or hooks.
"""
