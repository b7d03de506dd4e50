"""Shapes of what the commands of a store print."""
