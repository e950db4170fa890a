"""Answers as plain dictionaries for JSON. What they hold is a promise: docs/cli.md lists it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from swath.archive import ArchiveInfo
from swath.errors import InputError
from swath.geojson import geometry
from swath.hits import Hit, Hits
from swath.imagery import shown
from swath.serving.tiles import TileDetails

_VECTORS = ("means", "probes")


def hit_document(hit: Hit) -> dict[str, Any]:
    """One hit."""
    tile = hit.tile
    return {
        "rank": hit.rank,
        "id": tile.id,
        "raw": hit.raw,
        "score": hit.score,
        "source": tile.source,
        "window": asdict(tile.window),
        "footprint": geometry(tile.footprint),
        "time": None if tile.time is None else tile.time.isoformat(),
        "attributes": dict(tile.attributes),
    }


def hits_document(hits: Hits, query: Mapping[str, Any], *, explain: bool = False) -> dict[str, Any]:
    """An answer: what was asked, what ran, the hits and, to explain them, what every stage cost."""
    document: dict[str, Any] = {
        "query": dict(query),
        "pipeline": hits.pipeline,
        "hits": [hit_document(hit) for hit in hits],
    }
    if explain:
        document["trace"] = [asdict(stage) for stage in hits.trace]
    return document


def features_document(hits: Hits) -> dict[str, Any]:
    """Hits as a GeoJSON FeatureCollection (RFC 7946); the geometry of a tile without a footprint is null.

    The properties hold the attributes twice: each by its name, and all of them as `attributes`.
    """
    document = hits.__geo_interface__
    for feature, hit in zip(document["features"], hits, strict=True):
        feature["properties"]["attributes"] = dict(hit.tile.attributes)
    return document


def write_geojson(hits: Hits, path: Path) -> Path:
    """Write hits as GeoJSON; the path written. Raises `InputError` where it cannot be written."""
    text = json.dumps(features_document(hits), allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="ascii")
    except OSError as error:
        raise InputError(f"cannot write the GeoJSON {shown(path)}: {error.strerror}") from error
    return path


def tile_document(details: TileDetails) -> dict[str, Any]:
    """What is known of one tile."""
    tile = details.tile
    return {
        "id": tile.id,
        "source": tile.source,
        "files": [str(file) for file in details.files],
        "digest": details.digest,
        "window": asdict(tile.window),
        "footprint": geometry(tile.footprint),
        "time": None if tile.time is None else tile.time.isoformat(),
        "attributes": dict(tile.attributes),
    }


def info_document(info: ArchiveInfo) -> dict[str, Any]:
    """What an archive holds. The card goes without its vectors (means, probes), which are no reading."""
    card = None
    if info.encoder.card is not None:
        card = {key: value for key, value in info.encoder.card.items() if key not in _VECTORS}
    return {
        "path": str(info.path),
        "format": info.format,
        "software": info.software,
        "committed": info.committed.isoformat(),
        "tiles": info.tiles,
        "files": info.files,
        "incomplete": info.incomplete,
        "encoder": {
            "name": info.encoder.name,
            "revision": info.encoder.revision,
            "dim": info.encoder.dim,
            "card": card,
        },
        "signals": dict(info.signals),
        "tiling": asdict(info.tiling),
        "roots": list(info.roots),
        "attributes": dict(info.attributes),
        "bytes": {
            "total": info.bytes_on_disk,
            "parts": dict(info.bytes_by_part),
            "tile": info.bytes_per_tile,
        },
    }
