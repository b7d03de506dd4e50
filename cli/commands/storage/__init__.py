"""Commands about what a repository needs on disk."""
