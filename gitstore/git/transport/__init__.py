"""Reaching the other side of a URL as git would: where it leads (`address.py`), and its ssh (`ssh.py`).

For what git's own commands do not do there. It must not know stores or models.
"""
