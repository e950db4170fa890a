"""The command line: parses, calls one library function, prints. One module per group of commands."""

from swath.cli.app import app, main

__all__ = ["app", "main"]
