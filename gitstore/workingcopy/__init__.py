"""A model's files on disk, compared with what git holds of them, and changed together with the branch.

It owns the code directory and the state directories on disk, which of their files git holds nowhere, what a
snapshot taken now would hold, and adding a commit to the branch. It must not take, restore or remove
snapshots and states: the rooms above do that. Start with `unsaved` and `branch`; `code` and `state` read the
directories.
"""
