"""Git objects: what the bytes in packs mean.

It owns encoding and parsing trees, commits and tags, the object database of a repository, looking up a
path in a tree, walking from object to object, adding objects as one new pack, and merging and pruning
packs. It does not run git, and knows neither refs nor models. Start with `database` for reading and
`writer` for adding.
"""
