"""The library's face: what `import gitstore` gives to a script or a notebook, and all that is promised.

It owns three nouns (a model, a snapshot, a state), the results of their verbs, and the conversion between
them and the rooms. A method is one call into a room. Object ids, writers and repositories stay inside, so
that these can change. It must not print, and must not know the command line.

The nouns have the names that the glossary has for them, and so do the classes of the rooms: `Model`,
`Snapshot` and `State` exist twice, once for outsiders and once for the rooms. Start reading at `model`.
"""
