"""The worker: the process that runs a model's code.

This directory is run as a script, by the interpreter of the model's own environment, where gitstore
is not installed: it may import the standard library, numpy and itself, nothing else. It serves one
operation over a socket and ends.
"""
