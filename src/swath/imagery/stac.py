"""Items of STAC: which of their assets are imagery, and what is known of them.

Documents are read leniently: what is not asked for is not looked at, so items of every version do.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from swath.errors import ImageryError
from swath.imagery.places import Place, Remote, is_address, shown
from swath.imagery.scan import SUFFIXES, SourceFile
from swath.types import Scalar

_VISUAL, _DATA = "visual", "data"
_OWN = frozenset({"source", "width", "height", "time"})
"""Attributes that every tile has: a property of such a name gets an underscore."""


class Asset(msgspec.Struct, frozen=True):
    """One file of an item."""

    href: str
    type: str | None = None
    roles: list[str] | None = None

    @property
    def is_raster(self) -> bool:
        """Whether its media type is that of a picture or raster; the suffix decides where it has none."""
        if self.type:
            return self.type.lower().startswith("image/")
        return os.path.splitext(self.href.partition("?")[0])[1].lower() in SUFFIXES  # noqa: PTH122


class Item(msgspec.Struct, frozen=True):
    """What is needed of an item."""

    id: str
    assets: dict[str, Asset]
    properties: dict[str, Any] = {}
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Where an item stands, and what is wanted of it."""

    base: Place
    """The document that its references are relative to."""
    root: Place
    """The folder, or address, that was named: what lies below it is known by its path from there."""
    assets: tuple[str, ...]
    """Names or roles of assets; none: what shows the scene, where there is one such."""


def files_of(item: Item, context: Context) -> list[SourceFile]:
    """The files of an item. Raises `ImageryError` where it has none, or cannot be understood."""
    time, attributes = taken(item.properties), described(item)
    return [
        _file(name, resolved(item.assets[name].href, context.base), context.root, time, attributes)
        for name in chosen(item.assets, context.assets)
    ]


def chosen(assets: Mapping[str, Asset], wanted: Sequence[str]) -> list[str]:
    """Names of the assets that are wanted by name or role, in the order of the item.

    Without a wish it is the raster whose role, or name, is `visual`, else that with `data`, else the one
    without any role. Raises `ImageryError` where there is none, or more than one and no wish.
    """
    if wanted:
        found = [name for name, asset in assets.items() if {name, *(asset.roles or ())} & set(wanted)]
        if not found:
            raise ImageryError(f"has no asset {' or '.join(wanted)}; it has {_listed(assets)}")
        return found
    rasters = {name: asset for name, asset in assets.items() if asset.is_raster}
    groups = [
        [name for name, asset in rasters.items() if role in (name, *(asset.roles or ()))]
        for role in (_VISUAL, _DATA)
    ]
    groups.append([name for name, asset in rasters.items() if not asset.roles])
    found = next((group for group in groups if group), [])
    if len(found) == 1:
        return found
    if found:
        raise ImageryError(
            f"has several assets that may be meant ({', '.join(found)}); choose by --asset NAME, or take all "
            f"of a role by --asset {_DATA}"
        )
    raise ImageryError(
        f"has no raster with the role {_VISUAL} or {_DATA}; choose one of its assets by --asset: "
        f"{_listed(assets)}"
    )


def taken(properties: Mapping[str, Any]) -> datetime | None:
    """When it was taken: its datetime, else the middle of start and end. Raises `ImageryError`."""
    if (single := _moment(properties, "datetime")) is not None:
        return single
    start, end = _moment(properties, "start_datetime"), _moment(properties, "end_datetime")
    if start is not None and end is not None:
        return start + (end - start) / 2
    return start or end


def described(item: Item) -> dict[str, Scalar]:
    """Texts, numbers and truth values among its properties, under names that attributes may have.

    `item` is its id, and `collection` that of its collection. Raises `ImageryError` where two properties
    would have the same name.
    """
    attributes: dict[str, Scalar] = {}
    for name, value in item.properties.items():
        if name == "datetime" or not isinstance(value, str | int | float | bool):
            continue
        if isinstance(value, float) and not math.isfinite(value):
            continue
        valid = re.sub(r"[^A-Za-z0-9_]", "_", name)
        valid = f"_{valid}" if not valid or valid[0].isdigit() else valid
        valid = f"{valid}_" if valid in _OWN else valid
        if valid in attributes:
            raise ImageryError(f"has two properties that would both be the attribute {valid}; rename one")
        attributes[valid] = value
    attributes["item"] = item.id
    return attributes | ({} if item.collection is None else {"collection": item.collection})


def resolved(href: str, base: Place) -> Place:
    """Where a reference leads from a document. Raises `ImageryError` for what is not read."""
    if is_address(href):
        return Remote(href)
    if href.lower().startswith("file://") and isinstance(base, Path):
        return Path(unquote(href[len("file://") :]))
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", href):
        raise ImageryError(f"refers to {shown(href)}, which is not read from there; download it")
    if isinstance(base, Remote):
        return base.join(href)
    path = base.parent / href
    if not os.path.exists(path):  # noqa: PTH110  Path.exists raises for what no file can be called
        path = base.parent / unquote(href)
    return Path(os.path.normpath(path))


def _file(
    name: str, place: Place, root: Place, time: datetime | None, attributes: Mapping[str, Scalar]
) -> SourceFile:
    below = f"{os.fspath(root).rstrip('/')}/"
    if not os.fspath(place).startswith(below):
        root = place.parent
        below = f"{os.fspath(root).rstrip('/')}/"
    path = os.fspath(place)[len(below) :]
    if isinstance(place, Remote):
        return SourceFile(root, path, place, 0, 0, time, attributes)
    try:
        status = place.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageryError(f"its asset {name} cannot be looked at: {shown(place)}: {reason}") from error
    return SourceFile(root, path, place, status.st_size, status.st_mtime_ns, time, attributes)


def _moment(properties: Mapping[str, Any], name: str) -> datetime | None:
    value = properties.get(name)
    if value is None:
        return None
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value.upper())
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, AttributeError, OverflowError, TypeError) as error:
        raise ImageryError(f"its {name} is no time: {str(value)[:60]!r}") from error


def _listed(assets: Mapping[str, Asset]) -> str:
    words = [f"{name} ({', '.join(asset.roles)})" if asset.roles else name for name, asset in assets.items()]
    more = f" and {len(words) - 20} more" if len(words) > 20 else ""
    return (", ".join(words[:20]) or "none") + more
