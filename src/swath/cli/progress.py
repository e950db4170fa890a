"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from swath.cli.output import duration, note

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from swath.types import Progress

INTERVAL = 10.0
"""Seconds between lines."""


@contextmanager
def progress(quiet: bool) -> Iterator[Progress | None]:
    """What to hand to the library as `progress`; None where nothing is to be shown."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar() as bar:
            yield Bars(bar)
    else:
        yield Lines()


class Lines:
    """A line every `INTERVAL` seconds: done, total, rate, time left."""

    def __init__(self) -> None:
        self._what = ""
        self._start = self._last = 0.0
        self._first = 0

    def __call__(self, done: int, total: int | None, what: str) -> None:
        """Implements `swath.types.Progress`."""
        now = time.monotonic()
        kind, _, detail = what.partition(", ")
        if kind != self._what:
            self._what, self._start, self._last, self._first = kind, now, now, done
        if now - self._last < INTERVAL:
            return
        self._last = now
        rate = (done - self._first) / (now - self._start)
        parts = [f"{kind} {done:,}" if total is None else f"{kind} {done:,} of {total:,}", f"{rate:.3g}/s"]
        if total is not None and rate:
            parts.append(f"{duration((total - done) / rate)} left")
        note(", ".join([*parts, detail] if detail else parts))


class Bars:
    """A bar for every kind of work, one after the other."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._what = ""
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int | None, what: str) -> None:
        """Implements `swath.types.Progress`."""
        kind, _, detail = what.partition(", ")
        if self._task is None or kind != self._what:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._what = kind
            self._task = self._bar.add_task(kind, total=total, detail="", done="")
        self._bar.update(self._task, completed=done, total=total, detail=detail, done=_done(done, total))


def _done(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps a second over the last half minute."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.3g}/s", style="cyan")

    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[done]}", markup=False),
        Rate(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[detail]}", markup=False, style="dim"),
        console=Console(stderr=True),
        transient=True,
    )
