"""Directories of large files as git trees, and back.

It owns which files of a directory can be stored, cutting them into parts, the cache that spares reading
unchanged files, writing a stored tree to disk, and reading ranges of stored files. It knows objects and
disks, but no models. Start with `scan` and `add` for storing, `stored` and `extract` for the way back.
"""
