"""Programs that serve a model with other tools."""
