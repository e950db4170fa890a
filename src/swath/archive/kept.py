"""Arrays that were derived from the tiles and are kept beside the hot columns, so that they are made once.

They belong to a generation of hot columns and go with it. Losing one costs the time to make it again; so a
folder that cannot be written to is no error, and a damaged file counts as missing.
"""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from pathlib import Path

import numpy as np

from swath.types import Array

_SUFFIX = ".kept"


class Kept:
    """A mapping from name to array. What one process keeps, others find when they open the archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, Array] = {}

    def get(self, name: str) -> Array | None:
        """The array, or None where it is not there or is damaged."""
        if name not in self._opened:
            try:
                content = (self._folder / f"{name}{_SUFFIX}").read_bytes()
            except OSError:
                return None
            if len(content) <= 4 or zlib.crc32(content[4:]) != int.from_bytes(content[:4], "little"):
                return None
            self._opened[name] = np.load(io.BytesIO(content[4:]), allow_pickle=False)
        return self._opened[name]

    def put(self, name: str, values: Array) -> None:
        """Keep an array; on disk where the folder can be written to, else for this process."""
        self._opened[name] = values
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        content = buffer.getvalue()
        temporary = self._folder / f".{name}.{os.getpid()}.part"
        with contextlib.suppress(OSError):
            temporary.write_bytes(zlib.crc32(content).to_bytes(4, "little") + content)
            temporary.replace(self._folder / f"{name}{_SUFFIX}")
