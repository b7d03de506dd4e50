"""The user's cache: trees written out as files, for operations to run from.

It lies outside all repositories, which share it. It owns its directory: entries and their manifests, their
locks, the limit of bytes, and hashing entries for `verify`. It must not know operations or models. Start with
`cache`, whose entries are in `entry`; `user_cache` finds the directory.
"""
