"""Bring a table of embeddings into an archive: a chunk at a time, each committed, known rows left out."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath import imagery
from swath.archive import pointer
from swath.archive.catalogue import Roots, absolute
from swath.archive.found import make, reference
from swath.archive.imports.columns import Columns, recognise
from swath.archive.imports.geometry import (
    Transform,
    from_box,
    from_point,
    from_wkb,
    from_wkt,
    transform_from,
)
from swath.archive.imports.tables import Chunk, EmbeddingTable
from swath.archive.rows import NO_TIME, Attributes, Geometry, Row, Rows, Source, microseconds
from swath.archive.store import Store
from swath.archive.writer import Facts, Writer
from swath.encoders import Space
from swath.errors import ArchiveError, EncoderError, InputError
from swath.imagery import Tiling
from swath.types import Encoder, Footprint, Progress, Scalar, Window

ROWS = 16384
"""Rows of a chunk, and of a commit."""

WINDOW = Window(0, 0, 0, 0)
"""Imported tiles have no pixels here."""

_MASKED = -128
"""What AlphaEarth's signed bytes say for no value; see its description of the files."""


@dataclass
class ImportReport:
    """What an import did and saw."""

    columns: Columns
    dim: int = 0
    rows: int = 0
    added: int = 0
    known: int = 0
    """Rows that the archive had already."""
    repeated: int = 0
    """Rows that an earlier row of the table equals in id and vector; they are left out."""
    same_ids: int = 0
    """Rows whose id an earlier row of this run had with another vector; they are added like others."""
    placed: int = 0
    timed: int = 0
    same_vectors: int = 0
    """Rows whose vector an earlier row of this run had bit for bit; they are added like others."""
    norms: tuple[float, float] = (math.inf, 0.0)
    """Shortest and longest vector; all are scaled to length 1."""
    problems: dict[str, tuple[int, str]] = field(default_factory=dict)
    """What was wrong -> rows, and the first of them. Rows without a sound vector were left out."""
    seconds: float = 0.0

    def note(self, what: str, example: str) -> None:
        """Count a row with a problem."""
        count, first = self.problems.get(what, (0, example))
        self.problems[what] = count + 1, first


def import_table(
    archive: Path,
    table: Path,
    *,
    vectors: Path | None = None,
    columns: Mapping[str, str] | None = None,
    encoder: Encoder | None = None,
    space: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Add the rows of a table to an archive, which is made where there is none.

    The same call continues an import that was stopped, and adds nothing twice: a row is known by its id and
    its vector together, since published tables have one id for several dates or parts of a picture; without
    an id, by vector, place and time. Memory grows by some 300 bytes a row, never by vectors.

    Args:
        archive: the archive's folder.
        table: a Parquet, GeoParquet or CSV file, or a `.npy` of vectors alone.
        vectors: a `.npy` with the vectors of the table's rows, in their order.
        columns: `vector`, `id`, `geometry`, `time` -> column, where they are not recognised.
        encoder: what made the vectors; it goes into the archive, which then answers words. None: it can be
            named in each search.
        space: what to call the vectors where there is no encoder, by default the table's name.
        dry_run: read and check everything, write nothing.
        progress: told of rows.

    Raises:
        InputError: a table that cannot be read, columns that are not found, vectors of two lengths.
        EncoderError: an encoder that gives another number of dimensions, or is not the archive's.
        ArchiveError: the archive is in use or cannot be written.
    """
    source = EmbeddingTable(table, vectors)
    found = recognise(source.kinds, given=columns, geometry=source.geometry, has_vectors=source.has_vectors)
    run = _Import(source, found, progress)
    started = time.monotonic()
    first = next(source.chunks(found.used, 1), None)
    if first is None:
        raise InputError(f"{table} has no rows")
    dim = run.vectors(first).shape[1]
    if encoder is not None and encoder.dim != dim:
        raise EncoderError(
            f"{table} has vectors of {dim} numbers and {encoder.name} gives {encoder.dim}: "
            "it is not the encoder that made them"
        )
    run.report.dim = dim
    if dry_run:
        for chunk in source.chunks(found.used, ROWS):
            run.rows(chunk, Source(0, table.name, 0, 0), Attributes())
    else:
        made_by = encoder or Space(space or table.stem, dim)
        if not (archive / pointer.NAME).exists():
            tiling = msgspec.to_builtins(Tiling())
            make(archive, reference(made_by), made_by.folder, Geometry(dim), tiling)
        with Writer(archive) as writer:
            run.write(writer, made_by, named=encoder is not None or space is not None)
    run.report.seconds = time.monotonic() - started
    return run.report


class _Import:
    """One import on its way."""

    def __init__(self, table: EmbeddingTable, columns: Columns, progress: Progress | None) -> None:
        self.table = table
        self.columns = columns
        self.report = ImportReport(columns)
        self._progress = progress
        self._before: set[int] = set()
        self._ids: set[int] = set()
        self._own_ids: set[int] = set()
        self._contents: set[int] = set()
        self._transform: Transform | None = None
        if table.crs is not None and columns.geometry == table.geometry:
            try:
                self._transform = transform_from(table.crs)
            except ValueError as error:
                raise InputError(f"{table.path}: {error}; write them in longitude and latitude") from error

    def write(self, writer: Writer, made_by: Encoder, *, named: bool) -> None:
        """Commit chunk by chunk."""
        state = writer.pointer
        self._check(state, made_by, named)
        roots = Roots(state.roots)
        path, status = absolute(self.table.path), self.table.path.stat()
        key = roots.key(path, absolute(self.table.path.parent))
        source = Source(key.root, key.path, status.st_size, status.st_mtime_ns)
        self._before.update(_number(one) for one in Store(writer.folder).gallery().ids.tolist())
        attributes = Attributes(dict(state.attributes))
        facts = None
        for chunk in self.table.chunks(self.columns.used, ROWS):
            rows = self.rows(chunk, source, attributes)
            if not len(rows):
                continue
            if facts is None:
                # A file counts once, however often its import goes on.
                files = state.files + (not self.report.known)
                facts = Facts(tuple(roots.paths), files, state.partial)
            writer.append(rows, dict(attributes.kinds), facts)

    def _check(self, state: pointer.Pointer, made_by: Encoder, named: bool) -> None:
        if state.geometry.tokens is not None:
            raise ArchiveError(
                f"the archive holds tokens ({state.encoder.name}), which a table of vectors does not have: "
                "import into a new archive"
            )
        if state.geometry.dense != made_by.dim:
            raise InputError(
                f"the archive holds vectors of {state.geometry.dense} numbers and the table has "
                f"{made_by.dim}: import into a new archive"
            )
        if named and state.encoder.revision != made_by.revision:
            raise EncoderError(
                f"the archive holds vectors of {state.encoder.name}, not of {made_by.name}: leave that out "
                "if they are the same, or import into a new archive"
            )

    def rows(self, chunk: Chunk, source: Source, attributes: Attributes) -> Rows:
        """The sound and new rows of a chunk, as the archive keeps them."""
        vectors = self.vectors(chunk)
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        ids = self._names(chunk)
        places, times = self._places(chunk, ids), self._times(chunk, ids)
        given = self._given(chunk, attributes)
        rows: list[Row] = []
        kept: list[int] = []
        for place in range(len(chunk)):
            self.report.rows += 1
            name = f"row {chunk.start + place + 1}" if ids is None else ids[place]
            if not norms[place] > 0 or not math.isfinite(norms[place]):
                what = (
                    "the vector is all zeros" if norms[place] == 0 else "the vector is missing or not finite"
                )
                self.report.note(what, name)
                continue
            content = vectors[place].tobytes()
            if ids is None:
                key = b"content\0" + content + repr((places[place], times[place])).encode()
            else:
                key = b"id\0" + name.encode("utf-8", "surrogatepass") + b"\0" + content
            digest = hashlib.blake2b(key, digest_size=16).hexdigest()
            tile_id = imagery.tile_id(digest, WINDOW)
            if not self._is_new(tile_id):
                continue
            self._compare(content, None if ids is None else name)
            rows.append(
                Row(
                    id=tile_id,
                    digest=digest,
                    window=WINDOW,
                    footprint=places[place],
                    time=times[place],
                    attributes=given[place],
                    thumbnail=b"",
                )
            )
            kept.append(place)
        if kept:
            low, high = self.report.norms
            self.report.norms = min(low, float(norms[kept].min())), max(high, float(norms[kept].max()))
        self.report.added += len(rows)
        self.report.placed += sum(row.footprint is not None for row in rows)
        self.report.timed += sum(row.time != NO_TIME for row in rows)
        if self._progress is not None:
            self._progress(self.report.rows, self.table.rows, "rows")
        unit = (vectors[kept] / norms[kept, None].astype(np.float32)).astype(np.float16)
        return Rows(rows, [(source,)] * len(rows), {"dense": unit})

    def vectors(self, chunk: Chunk) -> NDArray[np.float32]:
        """float32[n, D] of a chunk. Raises `InputError` where it has another length than those before."""
        names = self.columns.vector
        vectors = chunk.vectors(names)
        if len(names) == 64 and names[0] == "A00" and chunk.is_int8(names):
            # AlphaEarth's own quantisation, which is not linear.
            vectors = np.where(vectors == _MASKED, np.nan, np.sign(vectors) * np.square(vectors / 127.5))
        dim = self.report.dim
        if dim and vectors.shape[1] != dim:
            raise InputError(
                f"{self.table.path}, row {chunk.start + 1}: a vector of {vectors.shape[1]} numbers, and "
                f"those before have {dim}: an archive holds one length, so import them apart"
            )
        return vectors

    def _names(self, chunk: Chunk) -> list[str] | None:
        if self.columns.id is None:
            return None
        values = chunk.values(self.columns.id)
        return [
            f"row {chunk.start + place + 1}" if value is None else str(value)
            for place, value in enumerate(values)
        ]

    def _is_new(self, tile_id: str) -> bool:
        number = _number(tile_id)
        if number in self._before:
            self.report.known += 1
        elif number in self._ids:
            self.report.repeated += 1
        else:
            self._ids.add(number)
            return True
        return False

    def _compare(self, content: bytes, name: str | None) -> None:
        mark = hash(content)
        self.report.same_vectors += mark in self._contents
        self._contents.add(mark)
        if name is not None:
            own = hash(name)
            self.report.same_ids += own in self._own_ids
            self._own_ids.add(own)

    def _places(self, chunk: Chunk, ids: list[str] | None) -> list[Footprint | None]:
        columns = self.columns
        if columns.geometry:
            values = chunk.values(columns.geometry)
            return self._converted(chunk, ids, values, self._geometry)
        if columns.box:
            boxes = chunk.values(columns.box)
            return self._converted(
                chunk, ids, boxes, lambda b: from_box(b["xmin"], b["ymin"], b["xmax"], b["ymax"])
            )
        if columns.point:
            pairs = zip(*(chunk.values(name) for name in columns.point), strict=True)
            known = [None if None in pair else pair for pair in pairs]
            return self._converted(chunk, ids, known, lambda pair: from_point(*map(float, pair)))
        return [None] * len(chunk)

    def _geometry(self, value: Any) -> Footprint | None:
        read = from_wkt if isinstance(value, str) else from_wkb
        return read(value, self._transform)

    def _times(self, chunk: Chunk, ids: list[str] | None) -> list[int]:
        if self.columns.time is None:
            return [int(NO_TIME)] * len(chunk)
        values = self._converted(chunk, ids, chunk.values(self.columns.time), _moment)
        return [int(NO_TIME) if value is None else microseconds(value) for value in values]

    def _converted(
        self, chunk: Chunk, ids: list[str] | None, values: list[Any], convert: Callable[[Any], Any]
    ) -> list[Any]:
        """Values through a function; what it refuses is missing, and counted."""
        made = []
        for place, value in enumerate(values):
            try:
                made.append(None if value is None else convert(value))
            except (ValueError, TypeError) as error:
                name = f"row {chunk.start + place + 1}" if ids is None else ids[place]
                self.report.note("its place or time is left out", f"{name}: {error}")
                made.append(None)
        return made

    def _given(self, chunk: Chunk, attributes: Attributes) -> list[dict[str, Scalar]]:
        rows: list[dict[str, Scalar]] = [{} for _ in range(len(chunk))]
        for column, name in self.columns.attributes.items():
            last: Scalar | None = None
            for row, value in zip(rows, chunk.values(column), strict=True):
                if isinstance(value, str | bool):
                    row[name] = last = value
                elif value is not None and math.isfinite(value):
                    row[name] = last = float(value)
            if last is not None:
                attributes.accept({name: last})  # a column is of one kind: one value speaks for all
        return rows


def _moment(value: Any) -> datetime:
    """A time in UTC, from a date, a time or ISO 8601 text. Raises `ValueError`."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(f"{value!r} is no time")


def _number(tile_id: str | bytes) -> int:
    """Half of an id: what tells millions apart takes less memory as a number."""
    return int(tile_id[:16], 16)
