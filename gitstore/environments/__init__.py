"""The packages that a model needs.

It owns what packages.lock says of itself, whether it fits the settings, and making it with uv. Start with
`lockfile`."""
