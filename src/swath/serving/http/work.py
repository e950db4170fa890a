"""A few threads that search, a bounded queue before them, and an end to waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from swath.serving.http.problems import ProblemError

Made = TypeVar("Made")


class Workers:
    """Runs functions in threads, `threads` at once, with at most `waiting` before them."""

    def __init__(self, threads: int, waiting: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, "swath-search")
        self._most = threads + waiting
        self._seconds = seconds
        self.taken = 0
        """How many run or wait."""

    async def run(self, function: Callable[..., Made], *args: Any, **options: Any) -> Made:
        """What the function gives. Raises what it raises, and `ProblemError` 503 without room or time.

        A thread cannot be stopped: what is given up still ends by itself and counts until then, so that no
        client gets more threads than there are.
        """
        if self.taken >= self._most:
            raise ProblemError(
                503, "Too many searches are waiting already: try again in a moment", {"Retry-After": "1"}
            )
        loop = asyncio.get_running_loop()
        future = self._pool.submit(function, *args, **options)
        self.taken += 1

        def release(_done: Future[Made]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._release)

        future.add_done_callback(release)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError as error:
            raise ProblemError(
                503,
                f"The search was given up after {self._seconds:g} s: ask for less",
                {"Retry-After": "5"},
            ) from error

    def _release(self) -> None:
        self.taken -= 1

    def close(self) -> None:
        """Wait for what runs; what waits is given up."""
        self._pool.shutdown(wait=True, cancel_futures=True)
