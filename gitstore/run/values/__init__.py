"""The values of an operation: parameters from the command line, files and JSON, and results back to files.

Start with `inputs` and `outputs`."""
