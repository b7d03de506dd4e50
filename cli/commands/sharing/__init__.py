"""Commands that carry models between repositories."""
