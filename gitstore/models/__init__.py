"""The nouns of a repository: its models, their snapshots and states, and what is based on what.

It owns how a model is recognised, which refs are its own, what a snapshot and a state are, whether a tag can
be believed, and what `dogs@v1` means. Nothing but `init` and `active_state` writes here, and a property never
does. Start with `model`, then `snapshot` and `state`."""
