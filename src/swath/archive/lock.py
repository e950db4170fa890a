"""One writer at a time: an advisory lock that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from swath.errors import ArchiveError


class LockedError(ArchiveError):
    """Another writer holds the archive, or it cannot be written to at all."""


class WriterLock:
    """Context manager; raises `LockedError` at once instead of waiting. Readers take no lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle = -1

    def __enter__(self) -> WriterLock:
        path = self._folder / "lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise LockedError(
                f"cannot write to the archive {self._folder} ({error.strerror}): it can be searched, "
                "but adding to it needs a folder that may be written to"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 64, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise LockedError(
                f"the archive {self._folder} is being written by another process (pid {holder}): "
                "wait until it has ended, then run this again"
            ) from error
        # Only a help for the message above, which a full disk may refuse: the lock itself is the kernel's.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)
        self._handle = -1
