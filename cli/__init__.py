"""The command line: parse, call one function of the library, render its value.

The only room that prints, and the only one that reads the environment. It knows every room, and no
room knows it. `commands/` has a module for each command, `render/` the JSON and the tables of each
noun, `completion/` the suggestions of a shell, `demo/` the story of `gitstore demo`.

Start reading at `main.py`, where errors become messages and exit codes, then take a command.
"""
