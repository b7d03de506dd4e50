"""Commands that run a model's code."""
