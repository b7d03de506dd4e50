"""gitstore: a version store for machine-learning models that is git."""

__version__ = "0.1.0"
