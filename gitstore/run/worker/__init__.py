"""The worker: the process that runs a model's code.

The interpreter of the model's own environment, in which gitstore is not installed, runs this directory as a
script. So it may import only the standard library, numpy and itself. It serves one operation over a socket,
and ends.
"""
