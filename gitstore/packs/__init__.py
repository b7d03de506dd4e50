"""The bytes of git's packs and of loose objects.

It owns object ids, the formats of packs and their indexes, finding and reading an entry, writing a pack
that survives a crash, compression, and how much may be read into memory. It does not know what a tree
or a commit means. Start with `format`, then `pack` for reading and `writer` for writing.
"""
