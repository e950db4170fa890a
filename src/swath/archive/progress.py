"""How far an `add` is: tiles that are done, and an estimate of all that becomes firm as files are opened."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from types import TracebackType

from swath.errors import InputError
from swath.types import Progress

_INTERVAL = 0.1


class Meter:
    """Context manager that counts files in the background and reports ten times a second at most."""

    def __init__(self, counted: Iterable[object] | None, report: Progress | None) -> None:
        self._counted = counted
        self._report = report
        self._files: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count, name="swath-count")
        self._last = 0.0

    def __enter__(self) -> Meter:
        if self._report is not None and self._counted is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def update(self, tiles: int, *, files: int, opened: int, ahead: int, all_listed: bool = False) -> None:
        """Report, if it is time to: tiles and files done, files opened and the windows left in these.

        `all_listed` says that there are no other files, for those that were not counted.
        """
        now = time.monotonic()
        if self._report is None or now - self._last < _INTERVAL:
            return
        self._last = now
        total = None
        if all_listed:
            total = tiles + ahead
        elif self._files is not None:
            # Files that were not opened yet are taken to be like those that are done: one tile each for
            # pictures.
            mean = tiles / files if tiles and files else 1.0
            total = tiles + ahead + round(max(0, self._files - files - opened) * mean)
        self._report(tiles, total, "tiles")

    def end(self, tiles: int) -> None:
        """Report that all is done."""
        if self._report is not None:
            self._report(tiles, tiles, "tiles")

    def _count(self) -> None:
        count = 0
        try:
            for _ in self._counted or ():
                if self._stop.is_set():
                    return
                count += 1
        except InputError:
            return  # the scan that feeds the archive says so
        self._files = count
