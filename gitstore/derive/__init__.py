"""Models based on a snapshot: making one, moving it to another base, and removing it whole.

It owns the two forms, a worktree and a repository of its own, the first commit and the first state of a
model, and which snapshots a model can be based on. It must not know how code is run: the state that code
creates comes from the room `run`. Start with `worktree`."""
