"""GeoParquet 1.1: hits, and whole archives a group of rows at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from swath.columns import table
from swath.errors import InputError
from swath.hits import Hits
from swath.imagery import shown
from swath.types import Array, Gallery, Progress

SUFFIXES = (".parquet", ".geoparquet")
ROWS = 8192
"""Of a group: what is held in memory."""

_REPEATED = ["source", "model", "revision"]
_TYPES = {1: "Point", 3: "Polygon", 6: "MultiPolygon"}
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def write_hits(hits: Hits, path: Path, *, model: str, revision: str) -> Path:
    """Write hits, with the encoder that answered in every row. Raises `InputError` where it cannot."""
    found = hits.to_arrow()
    after = found.column_names.index("datetime") + 1
    for name, value in (("revision", revision), ("model", model)):
        found = found.add_column(after, name, pa.array([value] * len(found), pa.string()))
    with _writing(path, found.schema) as writer:
        writer.write(found)
    return path


def dump(
    gallery: Gallery,
    path: Path,
    *,
    kinds: Mapping[str, str],
    model: str,
    revision: str,
    embeddings: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write all tiles of a gallery, in its order; the number of them.

    Columns are `id`, `source`, `window`, `datetime`, the attributes (`kinds`: name to kind), `model` and
    `revision` of the encoder, `embedding` where it is asked for (float32[D], a fixed-size list), `bbox` and
    `geometry`. Raises `InputError` for another suffix, and where the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"tiles {shown(path)}: name a file that ends in .parquet or .geoparquet")
    count = len(gallery)
    vectors = gallery.signal("dense") if embeddings else None
    schema = _rows(gallery, 0, 0, kinds, model, revision, vectors).schema
    with _writing(path, schema) as writer:
        for start in range(0, count, ROWS):
            stop = min(start + ROWS, count)
            writer.write(_rows(gallery, start, stop, kinds, model, revision, vectors))
            if progress is not None:
                progress(stop, count, "tiles")
    return count


def read_ids(path: Path) -> list[tuple[int, str]]:
    """Rank and id of every row of a file of hits. Raises `InputError` for what is none, and `OSError`."""
    try:
        file = pa.parquet.read_table(path, columns=["rank", "id"])
        return list(zip(file["rank"].to_pylist(), file["id"].to_pylist(), strict=True))
    except (pa.ArrowException, KeyError) as error:
        says = " ".join(str(error).split())[:200]
        raise InputError(f"{shown(path)} holds no hits that can be read ({says})") from error


def _rows(
    gallery: Gallery,
    start: int,
    stop: int,
    kinds: Mapping[str, str],
    model: str,
    revision: str,
    vectors: Array | None,
) -> pa.Table:
    last = {
        "model": pa.array([model] * (stop - start), pa.string()),
        "revision": pa.array([revision] * (stop - start), pa.string()),
    }
    if vectors is not None:
        flat = pa.array(vectors[start:stop].astype(np.float32).reshape(-1))
        last["embedding"] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return table([gallery.tile(row) for row in range(start, stop)], kinds, last=last)


@dataclass
class _Writer:
    """A file that is being written, and what its metadata will say of all its rows."""

    file: Any
    types: set[str] = field(default_factory=set)
    extents: list[tuple[float, ...]] = field(default_factory=list)

    def write(self, rows: pa.Table) -> None:
        places = rows["geometry"].drop_null().to_pylist()
        self.types |= {_TYPES[place[1]] for place in places}
        boxes = [[box[edge] for edge in _EDGES] for box in rows["bbox"].drop_null().to_pylist()]
        if boxes:
            low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
            self.extents.append((*low[:2].tolist(), *high[2:].tolist()))
        self.file.write_table(rows, row_group_size=ROWS)

    def metadata(self) -> str:
        """The value of the key `geo`; without a `crs` it means OGC:CRS84."""
        geometry: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(self.types),
            "orientation": "counterclockwise",
            "covering": {"bbox": {edge: ["bbox", edge] for edge in _EDGES}},
        }
        if self.extents:
            low, high = np.min(self.extents, axis=0), np.max(self.extents, axis=0)
            geometry["bbox"] = [*low[:2].tolist(), *high[2:].tolist()]
        return json.dumps(
            {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
        )


@contextmanager
def _writing(path: Path, schema: pa.Schema) -> Iterator[_Writer]:
    """A writer whose file takes its place when all went well."""
    temporary = path.with_name(f".swath.{os.getpid()}.parquet")
    dictionaries = [name for name in _REPEATED if name in schema.names]
    try:
        with pa.parquet.ParquetWriter(
            temporary, schema, compression="zstd", use_dictionary=dictionaries
        ) as file:
            writer = _Writer(file)
            yield writer
            file.add_key_value_metadata({"geo": writer.metadata()})
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {shown(path)}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
