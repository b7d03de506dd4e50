"""Directories of large files as git trees, and back.

It owns the rules for which files can be stored, cutting files into parts, the stat cache, by which unchanged
files need not be read, writing a stored tree to disk, and reading ranges of stored files. It knows objects
and disks, but no models. Start with `scan` and `add` for storing, `stored` and `extract` for the way back.
"""
