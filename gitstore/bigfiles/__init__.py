"""Directories of large files as trees of git, and back.

It owns which files of a directory are stored, cutting them into parts, the cache by which unchanged files are
not read again, writing a stored tree to disk, and reading ranges of files that are stored in parts. It knows
objects and disks, no models. Start with `add` for storing, `stored` and `extract` for the way back."""
