"""The command line: parses, calls one library function, prints. One module per group of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run `swath` with `args` (None: those of the process) and give its exit code."""
    try:
        # Imported here, so that Ctrl-C ends this part as quietly as all that follows.
        from swath.cli import app
    except KeyboardInterrupt:
        print("swath: error: interrupted", file=sys.stderr)  # noqa: T201  this is the command line
        return 130
    return app.main(args)
