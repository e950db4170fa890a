"""The hot columns: what a search reads, as flat files that are mapped into memory.

A generation is a folder of columns, one file each, rows in the order of the table. It is written whole
under a temporary name and renamed. A commit then only adds rows at the end of the files, beyond what any
reader has mapped, and the pointer says how many rows count and what their checksums are; so every column is
always one contiguous array, no commit ever rewrites a row, and readers keep what they opened. Bytes after
the acknowledged ones are left by a writer that was killed, and the next one overwrites them.

Columns are derived from the table: a generation that is missing or damaged is built again, never answered
from.
"""

from __future__ import annotations

import mmap
import os
import zlib
from pathlib import Path

import numpy as np

from swath.archive.pointer import Column, HotState
from swath.errors import ArchiveError
from swath.types import Array

FOLDER = "hot"


class DamagedHotError(ArchiveError):
    """A hot column that is missing, short or changed."""


class Hot:
    """An open generation: columns are mapped at once and their checksums are compared when first used."""

    def __init__(self, folder: Path, state: HotState) -> None:
        """Raises `DamagedHotError` where a column is missing or too short."""
        self._folder = folder / FOLDER / state.generation
        self._state = state
        self._bytes = {name: self._map(name, column) for name, column in state.columns.items()}
        self._arrays: dict[str, Array] = {}

    def __len__(self) -> int:
        return self._state.rows

    @property
    def folder(self) -> Path:
        """Of the generation."""
        return self._folder

    @property
    def names(self) -> frozenset[str]:
        """Names of the columns."""
        return frozenset(self._state.columns)

    def column(self, name: str) -> Array:
        """A column, read-only, without a copy. Raises `DamagedHotError` where its checksum does not fit."""
        if name not in self._arrays:
            column, data = self._state.columns[name], self._bytes[name]
            if zlib.crc32(data) != column.sum.crc:
                raise DamagedHotError(f"{self._folder / name} is damaged: its checksum does not fit")
            self._arrays[name] = np.frombuffer(data, column.dtype).reshape(-1, *column.shape)
        return self._arrays[name]

    def check(self) -> None:
        """Compare every checksum. Raises `DamagedHotError` at the first that does not fit."""
        for name in self._state.columns:
            self.column(name)

    def _map(self, name: str, column: Column) -> mmap.mmap | bytes:
        path, size = self._folder / name, column.sum.size
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise DamagedHotError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            if os.fstat(handle).st_size < size:
                raise DamagedHotError(f"{path} is too short: it should have {size} bytes")
            return mmap.mmap(handle, size, access=mmap.ACCESS_READ) if size else b""
        finally:
            os.close(handle)
