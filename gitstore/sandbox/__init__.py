"""The sandbox that a model's code runs in: what it sees, and what it may use.

It owns the view of the file system, the limits, the filter of system calls, and the command line of
bubblewrap. `programs/` has what runs without gitstore: beside the guardian, and as process 1 inside. It does
not know settings, models or operations. Start with `view`, then `plan`.
"""
