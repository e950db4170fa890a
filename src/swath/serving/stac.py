"""An archive as a STAC 1.1 catalogue: one Collection, an Item for each scene, the embeddings as an asset."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from swath.archive import ArchiveGallery, ArchiveInfo
from swath.errors import InputError
from swath.geojson import geometry
from swath.imagery import shown
from swath.serving import geoparquet
from swath.types import Progress, Tile

VERSION = "1.1.0"
EMBEDDING = "https://stac-extensions.github.io/embedding/v0.0.1/schema.json"
"""The proposed embedding extension, whose fields begin with `emb:`."""
OLDEST = datetime(1858, 1, 1, tzinfo=UTC)
"""Where the time of a scene is not known: no picture was taken from the air before."""
COLLECTION, TILES = "collection.json", "tiles.parquet"
_LONGEST = 100
"""Characters of a file's name in an id: an Item's own name must stay one that a folder can hold."""

_MEDIA = {
    **dict.fromkeys((".tif", ".tiff"), "image/tiff; application=geotiff"),
    **dict.fromkeys((".jpg", ".jpeg"), "image/jpeg"),
    ".png": "image/png",
    ".webp": "image/webp",
}
_PARQUET = "application/vnd.apache.parquet"
_SAME, _STRAIGHT = 1e-7, 1e-6
"""Degrees: corners that are closer (a centimetre) are one, and edges that bend by less are straight."""


def write_catalogue(
    gallery: ArchiveGallery,
    info: ArchiveInfo,
    folder: Path,
    *,
    progress: Progress | None = None,
) -> int:
    """Write `collection.json`, `items/ID.json` and `tiles.parquet` into a folder; the number of Items.

    The folder is made where there is none, and files of the same names are replaced. Links are relative, and
    what leads to the archive and its sources is absolute. Raises `InputError` where it cannot be written, and
    for an archive without tiles, which has no extent.
    """
    if not len(gallery):
        raise InputError(f"the archive {shown(info.path)} holds no tiles to describe: index imagery first")
    try:
        (folder / "items").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {shown(folder)}: {error.strerror}") from error
    geoparquet.dump(
        gallery,
        folder / TILES,
        kinds=info.attributes,
        model=info.encoder.name,
        revision=info.encoder.revision,
        embeddings=True,
        progress=progress,
    )
    name = info.path.resolve().name
    fields = _embedding_fields(info)
    codes, paths = gallery.files()
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order], append=-1)) + 1
    items = []
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True), 1):
        rows = order[start:end]
        item = _item([gallery.tile(row) for row in rows.tolist()], paths[codes[rows[0]]], name, fields, info)
        _write(folder / "items" / f"{item['id']}.json", item)
        items.append({key: item.get(key) for key in ("id", "bbox", "properties")})
        if progress is not None:
            progress(number, len(ends), "scenes")
    _write(folder / COLLECTION, _collection(name, items, fields, info))
    return len(items)


def _embedding_fields(info: ArchiveInfo) -> dict[str, Any]:
    tiling = info.tiling
    stride = tiling.stride or tiling.size
    return {
        "emb:type": "chip",
        "emb:dimensions": info.encoder.dim,
        "emb:chip_layout": {
            "layout_type": "regular_grid" if tiling.levels == 1 else "variable_grid",
            "chip_size": [tiling.size, tiling.size],
            "stride": [stride, stride],
        },
    }


def _item(
    tiles: Sequence[Tile], path: str, collection: str, fields: Mapping[str, Any], info: ArchiveInfo
) -> dict[str, Any]:
    place, bbox = _outline(tiles)
    times = sorted({tile.time for tile in tiles if tile.time is not None})
    properties: dict[str, Any] = {"datetime": _text(times[0]) if len(times) == 1 else None}
    if len(times) != 1:
        first, last = (times[0], times[-1]) if times else (OLDEST, info.committed)
        properties |= {"start_datetime": _text(first), "end_datetime": _text(last)}
    known = tiles[0].attributes
    if isinstance(known.get("resolution"), float):
        properties["gsd"] = known["resolution"]
    properties |= {**fields, "swath:tiles": len(tiles)}
    source = os.fspath(path)
    href = source if "://" in source else Path(source).as_uri()
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [EMBEDDING],
        "id": _name(source),
        "geometry": place,
        **({} if bbox is None else {"bbox": bbox}),
        "properties": properties,
        "collection": collection,
        "links": [
            *(
                {"rel": rel, "href": f"../{COLLECTION}", "type": "application/json"}
                for rel in ("root", "parent", "collection")
            ),
            {"rel": "emb:source-data", "href": href},
        ],
        "assets": {
            "source": {
                "href": href,
                "roles": ["data"],
                **_media(source),
            },
            "embeddings": {
                "href": f"../{TILES}",
                "type": _PARQUET,
                "title": "Embeddings of all tiles of the archive; `source` names the scene",
                "roles": ["embeddings"],
            },
        },
    }


def _collection(
    name: str, items: Sequence[Mapping[str, Any]], fields: Mapping[str, Any], info: ArchiveInfo
) -> dict[str, Any]:
    boxes = [item["bbox"] for item in items if item["bbox"] is not None]
    crossing = any(west > east for west, _, east, _ in boxes)
    edges = np.array(boxes or [[-180.0, -90.0, 180.0, 90.0]])
    spatial = [*edges[:, :2].min(0).tolist(), *edges[:, 2:].max(0).tolist()]
    if crossing:
        spatial[0], spatial[2] = -180.0, 180.0
    known = [item["properties"]["datetime"] for item in items if item["properties"]["datetime"]]
    interval = (
        [min(known), max(known)] if known and len(known) == len(items) else [None, _text(info.committed)]
    )
    card = info.encoder.card or {}
    model = (info.path / "encoder" / info.encoder.revision / "card.json").resolve()
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [EMBEDDING],
        "id": name,
        "title": name,
        "description": (
            f"{info.tiles:,} tiles of {info.files:,} scenes, encoded by {info.encoder.name} "
            f"(revision {info.encoder.revision}). {card.get('description', '')}"
        ).strip(),
        "license": "other",
        "extent": {"spatial": {"bbox": [spatial]}, "temporal": {"interval": [interval]}},
        **fields,
        "data_type": "float32",
        "links": [
            {"rel": "root", "href": f"./{COLLECTION}", "type": "application/json"},
            *(
                {"rel": "item", "href": f"./items/{item['id']}.json", "type": "application/geo+json"}
                for item in items
            ),
            {
                "rel": "emb:model",
                "href": model.as_uri(),
                "type": "application/json",
                "title": info.encoder.name,
            },
            *(
                {"rel": "emb:source-data", "href": root if "://" in root else Path(root).as_uri()}
                for root in info.roots
            ),
        ],
        "assets": {
            "embeddings": {
                "href": f"./{TILES}",
                "type": _PARQUET,
                "title": "Embeddings of all tiles (GeoParquet 1.1)",
                "roles": ["data", "embeddings"],
            }
        },
    }


def _outline(tiles: Sequence[Tile]) -> tuple[dict[str, Any] | None, list[float] | None]:
    """The union of the tiles' places, and its box; west > east where it crosses the antimeridian."""
    import shapely
    from shapely.geometry import mapping
    from shapely.geometry.polygon import orient

    shapes: list[Any] = [geometry(tile.footprint) for tile in tiles if tile.footprint is not None]
    if not shapes:
        return None, None
    shapes = [shapely.geometry.shape(shape) for shape in shapes]
    union = shapely.union_all(shapes, grid_size=_SAME).simplify(_STRAIGHT)
    parts = getattr(union, "geoms", [union])
    parts = [orient(part) if part.geom_type == "Polygon" else part for part in parts]
    whole = parts[0] if len(parts) == 1 else type(union)(parts)
    west, south, east, north = whole.bounds
    if (west, east) == (-180.0, 180.0) and not any(part.bounds[::2] == (-180.0, 180.0) for part in parts):
        # Cut at the antimeridian: what is east of it in the world's west ends the box, and begins it there.
        west = min(part.bounds[0] for part in parts if part.bounds[0] > 0)
        east = max(part.bounds[2] for part in parts if part.bounds[0] <= 0)
    document: dict[str, Any] = json.loads(json.dumps(mapping(whole)))
    return document, [west, south, east, north]


def _name(path: str) -> str:
    """An id that names the scene for people, and its path for certain."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(path).stem)[:_LONGEST].strip("-")
    mark = hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return f"{stem}-{mark}" if stem else mark


def _media(path: str) -> dict[str, str]:
    kind = _MEDIA.get(os.path.splitext(path.partition("?")[0])[1].lower())  # noqa: PTH122  it may be an address
    return {} if kind is None else {"type": kind}


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: Path, document: Mapping[str, Any]) -> None:
    try:
        path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="ascii")
    except OSError as error:
        raise InputError(f"cannot write {shown(path)}: {error.strerror}") from error
