"""Git objects: packs, parts, trees, refs, and the stock git that works on them.

The only room that imports pygit2, isal and pyfastcdc, and the only one that starts git. It knows
nothing of models or snapshots: it takes bytes, files and names, and gives back object ids.
"""
