"""Leases: how somebody who reads a version of the table for long keeps cleaning from pulling it away.

A replaced version stays an hour anyway, which is enough for whoever reads the pointer and then what it names.
Reading all of a table may take longer, so that is done under a lease: a file that names the version and is
locked as long as its reader lives. The kernel gives the lock back when the reader dies, so no lease is stale.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from uuid import uuid4

FOLDER = "leases"
_TRIES = 100


class Lease:
    """Context manager over one version.

    In a folder that cannot be written to it does nothing: the versions there stay an hour, as everywhere.
    """

    def __init__(self, folder: Path, version: int) -> None:
        self._path = folder / FOLDER / f"{version}-{uuid4().hex}"
        self._handle = -1

    def __enter__(self) -> Lease:
        for _ in range(_TRIES):
            try:
                self._path.parent.mkdir(exist_ok=True)
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
                fcntl.flock(self._handle, fcntl.LOCK_SH)
                if os.fstat(self._handle).st_nlink:
                    break
            except FileNotFoundError:
                pass  # another reader that ended took the folder away
            except OSError:
                self._close()
                break
            # A cleaner took the file, which was not locked yet, for that of a dead reader.
            self._close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle >= 0:
            self._path.unlink(missing_ok=True)
            with suppress(OSError):  # others hold leases
                self._path.parent.rmdir()
        self._close()

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1


def leased(folder: Path) -> frozenset[int]:
    """Versions that somebody reads; what dead readers left is removed. Only for the writer."""
    paths = list((folder / FOLDER).glob("[0-9]*-*"))
    return frozenset(int(path.name.partition("-")[0]) for path in paths if _is_held(path))


def _is_held(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
