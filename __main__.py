"""`python -m sparton`: the command line of the Python in use, whichever `sparton` is first on the PATH."""

from .cli import run

if __name__ == "__main__":
    run()
