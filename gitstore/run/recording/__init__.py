"""Records of operations: what they say of arrays and of a run, keeping them, and comparing with them.

It owns the files of values, the differences between outputs, and the steps from an operation to its record.
`records/` stores what it makes. It does not know how records are shown.
"""
