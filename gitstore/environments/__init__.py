"""The packages that a model needs.

It owns packages.lock: its format, whether it matches the settings, and resolving packages with uv, which
only this room starts. It must not know snapshots, nor how an operation uses an environment. Start
with `lockfile`, then `resolve`.
"""
