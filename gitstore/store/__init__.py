"""The store: a directory of bare model repositories whose hooks decide what enters.

It owns store.yaml, who may do what, and what the hooks do. It knows git's repositories and the rules of
`policy/`; it knows no transport. Start with `receive/`, which decides about pushes.
"""
