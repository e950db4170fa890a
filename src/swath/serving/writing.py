"""Hits as files for other programs: the suffix says which kind."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from swath.columns import attribute_columns, kinds_of, readable
from swath.errors import InputError
from swath.geojson import centre, geometry, to_wkt
from swath.hits import Hits
from swath.imagery import shown
from swath.serving.documents import write_geojson

_GEOJSON, _PARQUET, _CSV, _JSON = (".geojson",), (".parquet", ".geoparquet"), (".csv",), (".json",)


def check_name(path: Path) -> None:
    """Raise `InputError` for a file that `write_hits` does not know how to write."""
    if path.suffix.lower() not in (*_GEOJSON, *_PARQUET, *_CSV):
        raise InputError(
            f"hits {shown(path)}: name a file that ends in .geojson, .parquet, .geoparquet or .csv"
        )


def write_hits(hits: Hits, path: Path, *, model: str, revision: str) -> Path:
    """Write hits as GeoJSON, GeoParquet or CSV; the path written.

    `model` and `revision` are those of the encoder that answered. Raises `InputError` for another suffix, and
    where it cannot be written.
    """
    check_name(path)
    suffix = path.suffix.lower()
    if suffix in _GEOJSON:
        return write_geojson(hits, path)
    if suffix in _CSV:
        return _write_csv(hits, path, model, revision)
    from swath.serving import geoparquet

    return geoparquet.write_hits(hits, path, model=model, revision=revision)


def read_hits(path: Path) -> list[tuple[int, str]]:
    """Rank and id of every hit in a file that a search wrote, or in its JSON (`-`: on stdin).

    Raises `InputError` where it is missing or holds no hits.
    """
    suffix = path.suffix.lower()
    try:
        if str(path) == "-":
            found = _of_json(json.load(sys.stdin))
        elif suffix in (*_JSON, *_GEOJSON):
            found = _of_json(json.loads(path.read_bytes()))
        elif suffix in _CSV:
            with path.open(encoding="utf-8-sig", newline="") as file:
                found = [(int(row["rank"]), row["id"]) for row in csv.DictReader(file)]
        elif suffix in _PARQUET:
            from swath.serving import geoparquet

            found = geoparquet.read_ids(path)
        else:
            raise InputError(
                f"hits {shown(path)}: name a .json, .geojson, .parquet or .csv of `swath search`, or -"
            )
    except OSError as error:
        raise InputError(f"cannot read the hits {shown(path)}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        says = f"{type(error).__name__}: {error}"[:200]
        raise InputError(
            f"{'what came on stdin' if str(path) == '-' else shown(path)} holds no hits of a search ({says})"
        ) from error
    if not all(isinstance(rank, int) and isinstance(name, str) for rank, name in found):
        raise InputError(f"{shown(path)} holds no hits of a search: rank or id is missing")
    return found


def _of_json(document: dict[str, Any]) -> list[tuple[int, str]]:
    hits = (
        [feature["properties"] for feature in document["features"]]
        if "features" in document
        else document["hits"]
    )
    return [(hit["rank"], hit["id"]) for hit in hits]


def _write_csv(hits: Hits, path: Path, model: str, revision: str) -> Path:
    """One line for each hit, its centre as `lon` and `lat` and its place as `wkt`."""
    columns = attribute_columns(kinds_of(hit.tile for hit in hits))
    header = [
        *("rank", "id", "score", "raw", "lon", "lat", "source", "column", "row", "width", "height"),
        *("datetime", "model", "revision", *columns.values(), "wkt"),
    ]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(header)
            for hit in hits:
                tile, window = hit.tile, hit.tile.window
                shape = geometry(tile.footprint)
                lon, lat = (None, None) if tile.footprint is None else centre(tile.footprint)
                lines.writerow(
                    [
                        *(hit.rank, tile.id, hit.score, hit.raw, lon, lat, readable(tile.source)),
                        *(window.column, window.row, window.width, window.height),
                        None if tile.time is None else tile.time.isoformat(),
                        *(model, revision, *(tile.attributes.get(name) for name in columns)),
                        None if shape is None else to_wkt(shape),
                    ]
                )
    except OSError as error:
        raise InputError(f"cannot write the hits {shown(path)}: {error.strerror}") from error
    return path
