"""The benchmark: gitstore beside the tools that a user would pick instead, on the same file, in one run.

`python -m tests.bench` (or `make bench`) makes a file of weights, takes it through the same steps
with every tool that is installed, and prints one Markdown table for each kind of data.
"""
