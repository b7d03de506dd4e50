"""The packages that a model needs.

It owns packages.lock: what the file says of itself, whether it matches the settings, and resolving it with
uv, which only this room starts. It must not know snapshots, nor how an operation uses an environment. Start
with `lockfile`, then `resolve`.
"""
