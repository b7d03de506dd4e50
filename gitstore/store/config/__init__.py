"""store.yaml: its schema, and reading it, strictly. Start with `schema`."""
