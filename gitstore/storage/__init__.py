"""What a repository takes on disk: who is charged for it, and what frees it.

It owns reachability, usage and its allocation to holders, garbage collection, leftovers of crashes, sharing
packs between repositories, and checking a whole repository. It may know what a snapshot is, but not how one
is taken or removed: the rooms of snapshots, states and derived models ask it what a removal frees. Start with
`usage`, then `reachability` and `gc`.
"""
