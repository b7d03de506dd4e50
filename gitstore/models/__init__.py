"""The nouns of a repository: its models, their snapshots and states, and what is based on what.

It owns how a model is recognised, which refs are its own, what a snapshot and a state are, whether a tag
can be trusted, and what `dogs@v1` means. It must not know how a snapshot or a state is made, written to disk
or removed. Only `init`, `active_state` and `Model.claim_states` write; a property never does. Start with
`model`, then `snapshot` and `state`.
"""
