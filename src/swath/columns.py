"""Tiles as columns of a table, with their places as WKB that readers of GeoArrow and GeoParquet know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from swath.geojson import extent, geometry, to_wkb
from swath.types import Scalar, Tile

if TYPE_CHECKING:
    import pyarrow as pa

NUMBER, TEXT, FLAG = "number", "text", "flag"
"""Kinds of attributes."""

TAKEN = frozenset(
    {
        *("id", "rank", "score", "raw", "source", "window", "column", "row", "width", "height"),
        *("time", "datetime", "model", "revision", "attributes", "embedding", "bbox", "geometry"),
        *("lon", "lat", "wkt"),
    }
)
"""Names of columns that no attribute can have."""

_GEOARROW = {
    b"ARROW:extension:name": b"geoarrow.wkb",
    b"ARROW:extension:metadata": json.dumps({"crs": "OGC:CRS84", "crs_type": "authority_code"}).encode(),
}


def attribute_columns(names: Iterable[str]) -> dict[str, str]:
    """Column of every attribute: its name, with `_` behind it where another column is called so."""
    wanted = sorted(names)
    taken = {*TAKEN, *wanted}
    columns = {}
    for name in wanted:
        column = name
        while column in TAKEN or (column != name and column in taken):
            column += "_"
        taken.add(column)
        columns[name] = column
    return columns


def kinds_of(tiles: Iterable[Tile]) -> dict[str, str]:
    """Kind of every attribute that some tile has, by name."""
    kinds: dict[str, str] = {}
    for tile in tiles:
        for name, value in tile.attributes.items():
            kinds.setdefault(name, _kind(value))
    return dict(sorted(kinds.items()))


def readable(path: str) -> str:
    """A path as valid Unicode: bytes of it that are not UTF-8 are written as backslash escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def table(
    tiles: Sequence[Tile],
    kinds: Mapping[str, str],
    *,
    first: Mapping[str, pa.Array] | None = None,
    last: Mapping[str, pa.Array] | None = None,
) -> pa.Table:
    """Tiles as a table of `id`, `source`, `window`, `datetime`, attributes, `bbox` and `geometry`.

    Columns `first` stand behind the id, columns `last` before the box. `geometry` is WKB in OGC:CRS84
    (longitude, latitude), null where a tile has no footprint. `bbox` is its extent; that of a geometry cut at
    the antimeridian has all longitudes.
    """
    import pyarrow as pa

    shapes = [geometry(tile.footprint) for tile in tiles]
    extents = [None if shape is None else dict(zip(_EDGES, extent(shape), strict=True)) for shape in shapes]
    windows = [
        {"column": w.column, "row": w.row, "width": w.width, "height": w.height}
        for w in (tile.window for tile in tiles)
    ]
    types = {NUMBER: pa.float64(), TEXT: pa.string(), FLAG: pa.bool_()}
    columns: dict[str, Any] = {
        "id": pa.array([tile.id for tile in tiles], pa.string()),
        **(first or {}),
        "source": pa.array([readable(tile.source) for tile in tiles], pa.string()),
        "window": pa.array(windows, pa.struct([(name, pa.int32()) for name in _WINDOW])),
        "datetime": pa.array([tile.time for tile in tiles], pa.timestamp("us", "UTC")),
    }
    for name, column in attribute_columns(kinds).items():
        values = [tile.attributes.get(name) for tile in tiles]
        if kinds[name] == NUMBER:
            values = [None if value is None else float(value) for value in values]
        columns[column] = pa.array(values, types[kinds[name]])
    columns |= last or {}
    columns["bbox"] = pa.array(extents, pa.struct([(name, pa.float64()) for name in _EDGES]))
    columns["geometry"] = pa.array(
        [None if shape is None else to_wkb(shape) for shape in shapes], pa.binary()
    )
    metadata = {"geometry": _GEOARROW}
    fields = [pa.field(name, values.type, metadata=metadata.get(name)) for name, values in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


_EDGES = ("xmin", "ymin", "xmax", "ymax")
_WINDOW = ("column", "row", "width", "height")


def _kind(value: Scalar) -> str:
    if isinstance(value, bool):
        return FLAG
    return TEXT if isinstance(value, str) else NUMBER
