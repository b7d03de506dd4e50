"""`python -m gitstore.cli`: the entry point where only the interpreter is known, as in the git hooks."""

from gitstore.cli.main import main

main()
