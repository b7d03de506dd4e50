"""A model's files on disk, compared with what is saved, and changed together with its branch.

It owns what a snapshot would hold of them, what has not been saved, and one more commit on the branch. Start
with `unsaved` and `branch`."""
