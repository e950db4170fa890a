"""Documents of STAC, made for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.archive.world import raster as windows
from tests.imagery.make import noise, raster

COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def item(name: str, assets: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """An item, with one visual asset beside it unless others are given."""
    own = {"visual": {"href": f"./{name}.tif", "type": COG, "roles": ["visual"]}}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": None,
        "properties": {"datetime": "2021-06-30T12:00:00Z", **properties},
        "links": [{"rel": "self", "href": f"https://nowhere.invalid/{name}.json"}],
        "assets": own if assets is None else assets,
        "collection": "towns",
    }


def collection(*links: tuple[str, str], kind: str = "Collection") -> dict[str, Any]:
    """A collection or catalogue with links (rel, href)."""
    return {
        "type": kind,
        "stac_version": "1.0.0",
        "id": "towns",
        "description": "Towns",
        "license": "CC0-1.0",
        "links": [{"rel": rel, "href": href} for rel, href in links],
    }


def write(path: Path, document: object) -> Path:
    """A document as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def scene(path: Path, seed: int = 0) -> Path:
    """A raster of one window of 32 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return raster(path, noise(3, 32, 32, seed=seed))


def towns(folder: Path) -> Path:
    """A collection of two towns with 12 windows each."""
    for number, name in enumerate("ab"):
        windows(folder / f"{name}/{name}.tif", number)
        write(folder / f"{name}/{name}.json", item(name, None, **{"eo:cloud_cover": 10.0 * number}))
    return write(folder / "c.json", collection(("item", "a/a.json"), ("item", "b/b.json")))
