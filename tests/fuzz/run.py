"""Inputs by number, what becomes of them, and a supervisor that outlives what kills a process.

Input i of a seed is the same whatever ran before it. A good end is success or an error of our family;
anything else, a hang and a growth of memory are failures. Inputs run in a child process: where it dies or
hangs, the input that did it is noted, and the next child goes on behind it.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import multiprocessing
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from swath.errors import SwathError
from swath.imagery import from_wkb
from tests.fuzz import pixels, places, words

SECONDS = 20.0
"""No input may take longer."""
MEGABYTES = 1500
"""No input may leave the largest resident memory of its process beyond this."""

Target = Callable[[Random, Path, Path | None], None]


def _tiles(make: Callable[[Random, Path, Path | None], Path]) -> Target:
    return lambda random, folder, data: pixels.into_tiles(make(random, folder, data), random)


def _text(target: Callable[[Random], None]) -> Target:
    return lambda random, _folder, _data: target(random)


def _file(target: Callable[[Random, Path], None]) -> Target:
    return lambda random, folder, _data: target(random, folder)


def _footprint(random: Random) -> None:
    from_wkb(pixels.footprint_bytes(random))


TARGETS: dict[str, tuple[int, Target]] = {
    "picture": (8, _tiles(pixels.picture)),
    "raster": (5, _tiles(pixels.made_raster)),
    "real raster": (1, _tiles(pixels.real_raster)),
    "footprint": (6, _text(_footprint)),
    "expression": (20, _text(words.expression)),
    "area": (12, _file(places.area)),
    "near": (4, _text(places.near)),
    "stac": (8, _file(places.stac)),
    "pipeline": (20, _text(words.spec)),
    "recipe": (6, _file(words.recipe)),
    "card": (8, _file(words.card)),
    "pointer": (8, _file(words.archive_pointer)),
    "result": (8, _file(words.result)),
    "queries": (8, _file(words.queries)),
    "captions": (10, _file(words.captions)),
    "trec": (6, _file(words.trec)),
}
"""How often a kind of input is tried, and what is done with it."""


@dataclass
class Report:
    """What became of some inputs."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, outcome) to a number; an outcome is `done`, the name of one of our errors, or `FAILED`."""
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    """(input, kind, what happened)."""
    slowest: float = 0.0
    peak: int = 0
    """Megabytes."""

    def add(self, number: int, kind: str, outcome: str, seconds: float, peak: int) -> None:
        """Count one input."""
        good = outcome == "done" or outcome.isidentifier()
        self.outcomes[kind, outcome if good else "FAILED"] += 1
        self.slowest, self.peak = max(self.slowest, seconds), max(self.peak, peak)
        if not good:
            self.failures.append((number, kind, outcome))


def kind_of(number: int, seed: int, kinds: tuple[str, ...] = tuple(TARGETS)) -> tuple[str, Random]:
    """The kind of an input, and its own randomness."""
    random = Random(f"{seed}:{number}")
    return random.choices(kinds, [TARGETS[kind][0] for kind in kinds])[0], random


def attempt(kind: str, random: Random, data: Path | None) -> str:
    """Make one input and use it: `done`, the name of one of our errors, or a sentence on what went wrong."""
    with tempfile.TemporaryDirectory(prefix="swath-fuzz-") as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            TARGETS[kind][1](random, Path(folder), data)
        except SwathError as error:
            return type(error).__name__ if str(error).strip() else f"{type(error).__name__} says nothing"
        except Exception as error:  # noqa: BLE001  any other end is what is looked for
            return f"{type(error).__name__}: {error!s:.300}"
    return "done"


def run(numbers: range, seed: int, kinds: tuple[str, ...], data: Path | None) -> Report:
    """Try inputs, each in a child process that many share. An interrupt ends it with what was counted."""
    report = Report()
    context = multiprocessing.get_context("spawn")
    at = numbers.start
    while at < numbers.stop:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(range(at, numbers.stop), seed, kinds, data, theirs))
        child.start()
        theirs.close()
        try:
            at = _listen(ours, child, at, seed, kinds, report)
        except KeyboardInterrupt:
            child.kill()
            child.join()
            break
    return report


def _listen(
    ours: Connection,
    child: multiprocessing.process.BaseProcess,
    at: int,
    seed: int,
    kinds: tuple[str, ...],
    report: Report,
) -> int:
    """Count what a child tells until it ends or must be ended; the next input to try."""
    told: tuple[int, str, str, float, int] | None
    started = False
    while True:
        # A child takes some seconds to import everything before its first input.
        if not ours.poll(SECONDS * (1 if started else 6)):
            child.kill()
            child.join()
            kind, _ = kind_of(at, seed, kinds)
            report.add(at, kind, f"took over {SECONDS:.0f} s", SECONDS, 0)
            return at + 1
        try:
            told = ours.recv()
        except EOFError:
            child.join()
            kind, _ = kind_of(at, seed, kinds)
            report.add(at, kind, f"ended the process with code {child.exitcode}", 0.0, 0)
            return at + 1
        if told is None:
            child.join()
            return at
        started = True
        report.add(*told)
        at = told[0] + 1


def _peak() -> int:
    """MB that this process has held at most. `ru_maxrss` would count what its parent held before it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024


def _child(numbers: range, seed: int, kinds: tuple[str, ...], data: Path | None, theirs: Connection) -> None:
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent counts, and then ends its child
    for number in numbers:
        kind, random = kind_of(number, seed, kinds)
        start = time.monotonic()
        outcome = attempt(kind, random, data)
        seconds = time.monotonic() - start
        peak = _peak()
        if peak > MEGABYTES:
            outcome = f"took the process to {peak} MB"
        theirs.send((number, kind, outcome, seconds, peak))
        if peak > MEGABYTES:
            break
        if number % 1000 == 999:
            gc.collect()
    theirs.send(None)


def keep(number: int, seed: int, kinds: tuple[str, ...], data: Path | None, folder: Path) -> None:
    """Put the files of an input into a folder, to look at."""
    kind, random = kind_of(number, seed, kinds)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        TARGETS[kind][1](random, folder, data)
    finally:
        names = sorted(path.name for path in folder.iterdir())
        (folder / "input.json").write_text(
            json.dumps({"input": number, "seed": seed, "kind": kind, "files": names})
        )
