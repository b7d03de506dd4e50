"""Reaching the other side of a URL: where it leads (`address.py`), its ssh (`ssh.py`), several connections.

For what git's own commands do not do there. It must not know stores or models.
"""
