"""How transfers between repositories are shown."""
