"""What a repository takes on disk: who is charged for it, and what frees it.

It owns which objects are reachable, usage and its allocation, gc and what it sweeps, sharing packs between
repositories, and checking a whole repository. Start with `usage` and `gc`."""
