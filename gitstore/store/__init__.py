"""The store: a directory of bare model repositories, with the rules for who may do what in it.

It owns store.yaml (`config/`), the repositories and their configuration, access, and what the hooks of a push
do (`receive/`) behind ssh and web servers (`front/`). It does not decide what a push may hold (`policy/`),
and counts no bytes (`ledger/`). Start with `store` for the nouns and `access` for the roles.
"""
