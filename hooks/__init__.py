"""Hooks as a person manages them: the guard among git's hooks, and trying gitstore's own.

It owns the guard: its scripts, installing and removing them (`install`), and what the guard refuses
(`guard`); listing all hooks; and running one by hand (`run`) with an event made from a snapshot (`sample`).
It does not call hooks when something happens; that is `events/`. Start with `scripts/guard.sh`, then
`install`.
"""
