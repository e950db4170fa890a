"""Hits as files to take along."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from swath.hits import Hits


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file."""

    suffix: str
    media_type: str


FORMATS = {
    "geojson": Format("geojson", "application/geo+json"),
    "csv": Format("csv", "text/csv; charset=utf-8"),
    "geoparquet": Format("parquet", "application/vnd.apache.parquet"),
}
"""As `swath search --out` writes them."""


def exported(form: Format, hits: Hits, write: Callable[[Hits, Path], Path]) -> bytes:
    """The hits as the bytes of a file, which `write` writes."""
    with tempfile.TemporaryDirectory(prefix="swath-") as folder:
        return write(hits, Path(folder) / f"hits.{form.suffix}").read_bytes()
