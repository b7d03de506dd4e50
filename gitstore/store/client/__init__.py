"""The other side of a store: what a person's gitstore asks of one that is a remote of their repository.

It knows a store by what it says, and asks for its own verbs. git does the rest. Start with `remove`.
"""
