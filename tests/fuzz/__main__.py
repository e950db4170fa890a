"""`python -m tests.fuzz --inputs N --seed S`: many odd inputs, and a table of what became of them.

Exit code 1: something ended otherwise than by success or one of our errors. `--only I` runs one input in this
process, with its traceback, and leaves its files in `--keep DIR`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from tests.fuzz.run import TARGETS, keep, run


def main() -> int:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--inputs", type=int, default=1000, help="how many")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first: a long run goes in portions"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help=f"some of {', '.join(TARGETS)}")
    parser.add_argument("--only", type=int, help="one input alone")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-input"))
    given = parser.parse_args()
    kinds = tuple(kind.strip() for kind in given.kinds.split(",")) if given.kinds else tuple(TARGETS)
    folder = Path(os.environ.get("SWATH_DATA", Path(__file__).parents[3] / "shared" / "data"))
    data = folder if folder.is_dir() else None
    if given.only is not None:
        keep(given.only, given.seed, kinds, data, given.keep)
        return 0
    # A long run may be stopped, by Ctrl-C or by `timeout`: the next goes on at the number that it says.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    start = time.monotonic()
    report = run(range(given.first, given.first + given.inputs), given.seed, kinds, data)
    seconds = time.monotonic() - start
    say = sys.stdout.write
    for (kind, outcome), count in sorted(report.outcomes.items()):
        say(f"{kind:12}  {outcome:16}  {count:8,}\n")
    for number, kind, what in report.failures[:50]:
        say(f"FAILED input {number} ({kind}): {what}\n")
    done = sum(report.outcomes.values())
    say(
        f"{done:,} inputs from {given.first} to {given.first + done - 1} of seed {given.seed}, "
        f"{len(report.failures)} failures, slowest {report.slowest:.1f} s, "
        f"peak {report.peak} MB, {seconds:.0f} s\n"
    )
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
