"""Hooks: programs of the user's before and after what gitstore does, and the guard among git's own."""
