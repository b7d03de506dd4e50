"""Models based on a snapshot: making one, moving it to another base, and removing it whole.

It owns the two forms, a worktree and a repository of its own, and which snapshots a model can be based on.
Start with `worktree`."""
