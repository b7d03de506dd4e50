"""How a store and its models are shown."""
