"""The command line: parse, call one library function, render.

The only room that prints, and the only one that reads the environment.
"""
