"""Writing the hot columns (`hot`): growing a generation, and building one whole."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from swath import imagery
from swath.archive.files import Sum, sync_file, sync_folder
from swath.archive.hot import FOLDER
from swath.archive.pointer import Column, HotState
from swath.archive.rows import Geometry, Row, Rows, Source
from swath.int8 import quantise
from swath.types import Array


def empty_state(generation: str, shapes: Geometry) -> HotState:
    """A generation without rows."""
    columns: dict[str, tuple[str, tuple[int, ...]]] = {
        "id": ("|S32", ()),
        "dense": ("<f2", (shapes.dense,)),
        # The same rows as `Int8Rows`, half the bytes of a scan.
        "dense_int8": ("|i1", (shapes.dense,)),
        "dense_scale": ("<f4", ()),
        "dense_error": ("<f4", ()),
        "dense_norm": ("<f4", ()),
        "window": ("<i4", (4,)),
        "time": ("<i8", ()),
        "bounds": ("<f8", (4,)),
        # Corners and origins vary in length: `*_end` holds where each row's (each origin's) part ends.
        "corners": ("<f8", (2,)),
        "corners_end": ("<i8", ()),
        "origin": ("<i4", ()),
        "origins": ("|u1", ()),
        "origins_end": ("<i8", ()),
    }
    if shapes.tokens is not None:
        columns["tokens"] = ("|i1", shapes.tokens)
    return HotState(generation, 0, {name: Column(*column, Sum(0, 0)) for name, column in columns.items()})


def pack_origin(source: Source, row: Row) -> bytes:
    """What tiles of one file share: its first source and its attributes."""
    return msgspec.msgpack.encode((source.root, source.path, row.attributes))


class HotWriter:
    """Adds rows to a generation. Nothing counts before the pointer names the state."""

    def __init__(self, folder: Path, state: HotState) -> None:
        self._folder = folder / FOLDER / state.generation
        self.state = state
        self._last_origin = b""

    def append(self, rows: Rows) -> None:
        """Write rows behind those that are there."""
        parts = self._columns(rows)
        columns = {
            name: self._extend(name, column, np.ascontiguousarray(parts[name], column.dtype))
            for name, column in self.state.columns.items()
        }
        self.state = HotState(self.state.generation, self.state.rows + len(rows), columns)

    def sync(self) -> None:
        """Make what was written durable."""
        for name in self.state.columns:
            sync_file(self._folder / name)
        sync_folder(self._folder)

    def _extend(self, name: str, column: Column, part: Array) -> Column:
        if part.shape[1:] != column.shape:
            raise ValueError(f"rows of {name} have shape {part.shape[1:]}, not {column.shape}")
        data = part.reshape(-1).view(np.uint8).data
        with (self._folder / name).open("r+b") as file:
            file.truncate(column.sum.size)
            file.seek(column.sum.size)
            file.write(data)
        total = Sum(column.sum.size + len(data), zlib.crc32(data, column.sum.crc))
        return msgspec.structs.replace(column, sum=total)

    def _columns(self, rows: Rows) -> dict[str, Array]:
        corner_end = self._rows_of("corners")
        blob_end = self._rows_of("origins")
        origins = self._rows_of("origins_end")
        corners: list[tuple[float, float]] = []
        corner_ends, boxes, codes, ends = [], [], [], []
        blobs = bytearray()
        for row, sources in zip(rows.rows, rows.sources, strict=True):
            if row.footprint is not None:
                corners.extend(row.footprint.ring)
            corner_ends.append(corner_end + len(corners))
            boxes.append((np.nan,) * 4 if row.footprint is None else imagery.bounds(row.footprint))
            blob = pack_origin(sources[0], row)
            if blob != self._last_origin:
                self._last_origin = blob
                blobs += blob
                ends.append(blob_end + len(blobs))
                origins += 1
            codes.append(origins - 1)
        compact = quantise(rows.signals["dense"])
        windows = [(w.column, w.row, w.width, w.height) for w in (row.window for row in rows.rows)]
        return {
            "id": np.array([row.id for row in rows.rows], "S32"),
            "window": np.array(windows, np.int32).reshape(-1, 4),
            "time": np.array([row.time for row in rows.rows], np.int64),
            "bounds": np.array(boxes, np.float64).reshape(-1, 4),
            "corners": np.array(corners, np.float64).reshape(-1, 2),
            "corners_end": np.array(corner_ends, np.int64),
            "origin": np.array(codes, np.int32),
            "origins": np.frombuffer(bytes(blobs), np.uint8),
            "origins_end": np.array(ends, np.int64),
            "dense_int8": compact.codes,
            "dense_scale": compact.scale,
            "dense_error": compact.error,
            "dense_norm": compact.norm,
            **rows.signals,
        }

    def _rows_of(self, name: str) -> int:
        column = self.state.columns[name]
        return column.sum.size // (np.dtype(column.dtype).itemsize * int(np.prod(column.shape)))


def build(folder: Path, generation: str, shapes: Geometry, batches: Iterable[Rows]) -> HotState:
    """Write a whole generation; it appears under its name only when it is complete and durable."""
    temporary = f".{generation}.new"
    place = folder / FOLDER / temporary
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    writer = HotWriter(folder, empty_state(temporary, shapes))
    for name in writer.state.columns:
        (place / name).touch()
    for rows in batches:
        writer.append(rows)
    writer.sync()
    os.replace(place, place.with_name(generation))  # noqa: PTH105  one seam for the tests that inject faults
    sync_folder(folder / FOLDER)
    return msgspec.structs.replace(writer.state, generation=generation)


def next_generation(folder: Path) -> str:
    """A name that no generation in the folder has or had while this archive's pointer knew it."""
    numbers = [int(path.name) for path in (folder / FOLDER).glob("[0-9]*") if path.name.isdigit()]
    return f"{max(numbers, default=0) + 1:06d}"


def clean(folder: Path, keep: str) -> None:
    """Remove every generation but one; whoever has mapped another keeps it until it is closed."""
    for path in (folder / FOLDER).iterdir():
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
