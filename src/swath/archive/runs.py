"""One file read by several handles: its windows in runs, whose tiles come out in the order of the file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from swath.imagery import TileImage
from swath.types import Window

RUN = 16
"""Windows of a run: few enough that the first come out soon, and enough that handing out costs nothing."""

Made = TypeVar("Made")


class Source(Protocol):
    """What a thread reads with: an open handle of its own."""

    def read(self, windows: Sequence[Window]) -> Iterator[TileImage]:
        """Tiles of windows."""


class Runs(Generic[Made]):
    """The windows of one file, handed out to whoever calls `work`.

    Memory is bounded: no run is begun that is more than twice as many runs ahead as there are workers.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        make: Callable[[Source, Sequence[Window]], Iterator[Made]],
        put: Callable[[Made], None],
        workers: int,
    ) -> None:
        """`make` reads a run in any thread; `put` gets what it made, in order, by one thread at a time."""
        self._runs = [windows[start : start + RUN] for start in range(0, len(windows), RUN)]
        self._make = make
        self._put = put
        self._most_ahead = 2 * workers
        self._changed = threading.Condition()
        self._begun = self._out = 0  # runs that were handed out, and that came out
        self._read: dict[int, tuple[list[Made], Exception | None]] = {}
        self._putting = False
        self._error: BaseException | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing to read any more."""
        return self._error is not None or self._begun == len(self._runs)

    def work(self, source: Source) -> None:
        """Read runs with a handle until there are none left; what goes wrong is raised by `wait`."""
        try:
            while (run := self._next()) is not None:
                self._give(run, *self._made(source, run))
        except BaseException as error:  # noqa: BLE001  it is raised in the thread that waits
            with self._changed:
                self._error = self._error or error
                self._changed.notify_all()

    def wait(self) -> None:
        """Return when everything came out. Raises what reading or putting raised, behind what came before."""
        with self._changed:
            while self._error is None and self._out < len(self._runs):
                self._changed.wait()
        if self._error is not None:
            raise self._error

    def _next(self) -> int | None:
        with self._changed:
            while not self.over and self._begun - self._out >= self._most_ahead:
                self._changed.wait()
            if self.over:
                return None
            self._begun += 1
            return self._begun - 1

    def _made(self, source: Source, run: int) -> tuple[list[Made], Exception | None]:
        made: list[Made] = []
        try:
            for one in self._make(source, self._runs[run]):
                made.append(one)  # noqa: PERF402  what was read before an error counts
        except Exception as error:  # noqa: BLE001  it comes out behind the tiles before it
            return made, error
        return made, None

    def _give(self, run: int, made: list[Made], error: Exception | None) -> None:
        """Note what a run gave, and put out all that is next in order, unless another thread is at it."""
        with self._changed:
            self._read[run] = made, error
            if self._putting:
                return
            self._putting = True
        while True:
            with self._changed:
                if self._error is not None or self._out not in self._read:
                    self._putting = False
                    return
                made, error = self._read.pop(self._out)
            for one in made:
                self._put(one)
            if error is not None:
                raise error
            with self._changed:
                self._out += 1
                self._changed.notify_all()
