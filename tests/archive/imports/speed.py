"""What an import costs, by its parts: time, memory, and the floor, which is reading the table at all.

`python -m tests.archive.imports.speed FOLDER --rows 1000000` prints them as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from swath.archive.imports import importer, tables
from swath.archive.writer import Writer
from tests.archive.imports import tables as look_alikes

_BLOCK = 50_000


def write(path: Path, rows: int, dim: int) -> None:
    """A GeoParquet file of random vectors with ids, places, times and an attribute."""
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, _BLOCK):
        count = min(_BLOCK, rows - start)
        vectors = rng.standard_normal((count, dim), dtype=np.float32)
        table = pa.table(
            {
                "id": [f"tile-{start + i:08d}" for i in range(count)],
                "embedding": pa.ListArray.from_arrays(
                    np.arange(0, count * dim + 1, dim, dtype=np.int32), vectors.ravel()
                ),
                "geometry": [
                    look_alikes.square(x, y, 0.01)
                    for x, y in zip(rng.uniform(-179, 179, count), rng.uniform(-80, 80, count), strict=True)
                ],
                "datetime": (np.arange(start, start + count) * 10**9).astype("datetime64[us]"),
                "cloud": rng.uniform(0, 100, count),
            }
        ).replace_schema_metadata(look_alikes.geo())
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()


def floor(path: Path) -> float:
    """Seconds that PyArrow alone takes to read it, chunk by chunk as the import does."""
    start = time.perf_counter()
    for _ in pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False).iter_batches(
        importer.ROWS, use_threads=False
    ):
        pass
    return time.perf_counter() - start


def run(archive: Path, table: Path) -> dict[str, Any]:
    """Import it; seconds by part, rows, bytes."""
    spent: defaultdict[str, float] = defaultdict(float)

    def timed(what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*given, **named)
            finally:
                spent[what] += time.perf_counter() - start

        return inner

    read = tables.EmbeddingTable.chunks

    def chunks(self: Any, columns: Any, size: int) -> Iterator[Any]:
        made = read(self, columns, size)
        take = timed("read", lambda: next(made, None))
        while (chunk := take()) is not None:
            yield chunk

    tables.EmbeddingTable.chunks = chunks  # type: ignore[method-assign]
    for owner, name, what in (
        (importer._Import, "rows", "rows"),
        (importer._Import, "_places", "rows: places"),
        (importer._Import, "_times", "rows: times"),
        (importer._Import, "_given", "rows: attributes"),
        (importer._Import, "vectors", "rows: vectors"),
        (Writer, "append", "commit"),
    ):
        setattr(owner, name, timed(what, getattr(owner, name)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, busy = time.perf_counter(), time.process_time()
    report = importer.import_table(archive, table)
    return {
        "rows": report.added,
        "seconds": round(time.perf_counter() - start, 1),
        "seconds of processor": round(time.process_time() - busy, 1),
        "parts": {what: round(seconds, 1) for what, seconds in sorted(spent.items())},
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "MiB before": before // 1024,
    }


def main() -> None:
    """Measure as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    asked = parser.parse_args()
    table = asked.folder / f"{asked.rows}x{asked.dim}.parquet"
    if not table.exists():
        write(table, asked.rows, asked.dim)
    # First the import: what reading leaves behind in memory is no part of its peak.
    figures = run(asked.folder / f"{table.stem}.swath", table)
    figures |= {"floor": round(floor(table), 1), "table MiB": table.stat().st_size >> 20}
    print(json.dumps(figures, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
