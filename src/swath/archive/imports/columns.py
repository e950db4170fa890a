"""Which column of a table is what, told by names and types or by the user.

The names are those of published collections of embeddings: Major TOM (`embedding`, `unique_id`, `geometry`,
`timestamp`), Clay (`embeddings`, `source_url`, `date`, `geometry`), Earth Index (`embedding`, `id`,
`geometry`), AlphaEarth (`A00` to `A63`), and what GeoPandas, pandas and DuckDB write by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from swath.archive.rows import RESERVED
from swath.errors import InputError

VECTOR, NUMBER, TEXT, FLAG = "vector", "number", "text", "flag"
TIME, BYTES, BOX, OTHER = "time", "bytes", "box", "other"
"""Kinds of columns: `vector` is a list of numbers, `box` a struct of xmin, ymin, xmax and ymax."""

_VECTORS = ("embedding", "embeddings", "vector", "vectors", "emb", "features", "feature")
_IDS = ("unique_id", "id", "tile_id", "chip_id", "chips_id", "item_id", "source_url", "uuid", "name", "fid")
_GEOMETRIES = ("geometry", "geom", "wkb_geometry", "wkb", "footprint")
_BOXES = ("bbox", "bounds")
_POINTS = (
    *(("centre_lon", "centre_lat"), ("center_lon", "center_lat"), ("centroid_lon", "centroid_lat")),
    *(("longitude", "latitude"), ("lon", "lat"), ("lng", "lat")),
)
_TIMES = ("datetime", "timestamp", "time", "date", "acquired", "start_datetime")
_INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0|")


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column is for."""

    vector: tuple[str, ...]
    """One column of lists, or a column for every number; empty where vectors lie beside the table."""
    id: str | None = None
    geometry: str | None = None
    """WKB, or WKT."""
    box: str | None = None
    point: tuple[str, str] | None = None
    """Longitude and latitude."""
    time: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Column to the name of the attribute that it becomes."""

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that is read."""
        single = [name for name in (self.id, self.geometry, self.box, self.time) if name is not None]
        return tuple(dict.fromkeys([*self.vector, *single, *(self.point or ()), *self.attributes]))

    def __str__(self) -> str:
        vector = f"{self.vector[0]} to {self.vector[-1]}" if len(self.vector) > 1 else ", ".join(self.vector)
        place = self.geometry or self.box or ", ".join(self.point or ())
        parts = {"vector": vector, "id": self.id, "place": place, "time": self.time}
        found = [f"{what} {name}" for what, name in parts.items() if name]
        return "; ".join([*found, f"attributes {', '.join(self.attributes) or 'none'}"])


def recognise(
    kinds: Mapping[str, str],
    *,
    given: Mapping[str, str] | None = None,
    geometry: str | None = None,
    has_vectors: bool = True,
) -> Columns:
    """Tell columns apart.

    Args:
        kinds: column -> its kind.
        given: what the user says: `vector`, `id`, `geometry`, `time` -> column.
        geometry: the primary geometry of a GeoParquet file.
        has_vectors: whether the vectors are in the table, and not beside it.

    Raises:
        InputError: a named column is not there, or nothing looks like a vector.
    """
    given = dict(given or {})
    for role, name in given.items():
        if name not in kinds:
            raise InputError(f"the table has no column {name!r} for the {role}: it has {_listed(kinds)}")
    vector = _vector(kinds, given.get("vector")) if has_vectors else ()
    free = {name: kind for name, kind in kinds.items() if name not in vector}
    found_id = given.get("id") or _first(free, _IDS, (TEXT, NUMBER))
    place = given.get("geometry") or (geometry if geometry in free else None)
    place = place or _first(free, _GEOMETRIES, (BYTES, TEXT))
    box = None if place else _first(free, _BOXES, (BOX,))
    point = None
    if place is None and box is None:
        lower = {name.lower(): name for name, kind in free.items() if kind == NUMBER}
        point = next(((lower[x], lower[y]) for x, y in _POINTS if x in lower and y in lower), None)
    time = given.get("time") or _first(free, _TIMES, (TIME, TEXT))
    return Columns(
        vector=vector,
        id=found_id,
        geometry=place,
        box=box,
        point=point,
        time=time,
        attributes=_attributes(free, found_id, {place, box, time, *(point or ())}),
    )


def _vector(kinds: Mapping[str, str], named: str | None) -> tuple[str, ...]:
    if named is not None:
        return (named,)
    lists = [name for name, kind in kinds.items() if kind == VECTOR]
    preferred = _first(kinds, _VECTORS, (VECTOR, TEXT))
    if preferred is not None:
        return (preferred,)
    if len(lists) == 1:
        return (lists[0],)
    if len(lists) > 1:
        raise InputError(f"which of {', '.join(lists)} are the vectors? Name it with --vector")
    numbered = _numbered([name for name, kind in kinds.items() if kind == NUMBER])
    if numbered:
        return numbered
    raise InputError(
        f"no column looks like vectors among {_listed(kinds)}: name it with --vector, or the .npy file that "
        "holds them with --vectors"
    )


def _listed(kinds: Mapping[str, str]) -> str:
    """Names for a message; values in place of names, in a table without a first line of names, are long."""
    return ", ".join(name if len(name) <= 40 else f"{name[:37]}..." for name in kinds) or "none"


def _numbered(names: list[str]) -> tuple[str, ...]:
    """The longest run of columns that are one stem with the numbers 0 (or 1) to n, of 8 at least."""
    runs: dict[str, dict[int, str]] = {}
    for name in names:
        match = re.fullmatch(r"(.*?)(\d+)", name)
        if match:
            runs.setdefault(match[1], {})[int(match[2])] = name
    best = max(runs.values(), key=len, default={})
    first = min(best, default=0)
    if len(best) < 8 or first > 1 or sorted(best) != list(range(first, first + len(best))):
        return ()
    return tuple(best[number] for number in sorted(best))


def _first(kinds: Mapping[str, str], names: tuple[str, ...], allowed: tuple[str, ...]) -> str | None:
    lower = {name.lower(): name for name, kind in kinds.items() if kind in allowed}
    return next((lower[name] for name in names if name in lower), None)


def _attributes(kinds: Mapping[str, str], own_id: str | None, used: set[str | None]) -> dict[str, str]:
    """Numbers, texts and truth values that are nothing else; names become those of a filter expression.

    The column of ids becomes the attribute `id`.
    """
    made: dict[str, str] = {} if own_id is None else {own_id: "id"}
    taken = {*RESERVED, *made.values()}
    for name, kind in kinds.items():
        if kind not in (NUMBER, TEXT, FLAG) or name in made or name in used or _INDEX.fullmatch(name):
            continue
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        plain = f"_{plain}" if plain[:1].isdigit() else plain
        while plain in taken:
            plain += "_"
        taken.add(plain)
        made[name] = plain
    return made
