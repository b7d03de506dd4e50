"""`python -m gitstore`: the command line, where only the interpreter is known."""

from gitstore.cli.main import main

if __name__ == "__main__":
    main()
