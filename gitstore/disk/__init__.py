"""gitstore's own files on disk: each appears whole or not at all, and survives a crash.

It owns durable writes, exchanging one directory for another, permissions, locks between processes, and
directories that are built out of sight, under one scheme of temporary names. It knows nothing of git's
objects or of models. Start with `atomic` for files and `directories` for directories.
"""
