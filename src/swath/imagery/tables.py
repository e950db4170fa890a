"""Tables of items: stac-geoparquet, a row for each item, its properties as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from swath.errors import ImageryError
from swath.imagery.faults import reading
from swath.imagery.places import Place, Remote, shown
from swath.imagery.stac import Item

_ROWS = 1024
_OTHERS = frozenset({"type", "stac_version", "stac_extensions", "geometry", "bbox", "links"})
"""Columns that say nothing which is kept."""
_TIMES = frozenset({"datetime", "start_datetime", "end_datetime"})


def items(place: Place, data: bytes) -> Iterator[tuple[str, Item | ImageryError]]:
    """The items of a table, each with its name in messages; a few rows at a time are in memory.

    `data` is the whole of a remote one. Raises `ImageryError` where it is no such table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with reading(place):
        table = parquet.ParquetFile(pa.BufferReader(data) if isinstance(place, Remote) else place)
        names = table.schema_arrow.names
    if not {"id", "assets"} <= set(names):
        raise ImageryError(
            f"{shown(place)}: is no stac-geoparquet, for it has no columns id and assets (it has "
            f"{', '.join(names[:10])}); `swath import` reads tables of embeddings"
        )
    return _rows(place, table, [name for name in names if name not in _OTHERS])


def _rows(place: Place, table: Any, columns: list[str]) -> Iterator[tuple[str, Item | ImageryError]]:
    number = 0
    with table:
        for batch in table.iter_batches(batch_size=_ROWS, columns=columns):
            for row in batch.to_pylist():
                number += 1
                try:
                    yield f"{place}#{row['id']}", _item(row)
                except (msgspec.ValidationError, AttributeError, TypeError, ValueError) as error:
                    yield f"{place}#{number}", ImageryError(f"is no item of STAC ({error})")


def _item(row: Mapping[str, Any]) -> Item:
    assets = row["assets"]
    if isinstance(assets, str | bytes):
        assets = msgspec.json.decode(assets)
    properties = {
        name: value.isoformat() if isinstance(value, datetime | date) and name not in _TIMES else value
        for name, value in row.items()
        if name not in ("id", "assets", "collection") and value is not None
    }
    # A column for every asset that any item has: it is empty where this one has none.
    there = {name: asset for name, asset in dict(assets).items() if asset is not None and asset.get("href")}
    document = {"id": row["id"], "assets": there, "collection": row.get("collection")}
    return msgspec.structs.replace(msgspec.convert(document, Item), properties=properties)
