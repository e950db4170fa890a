"""What is asked, from what people and programs hand over: pictures, ids, files of queries."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.decoding import NOT_JSON
from swath.errors import ImageryError, InputError
from swath.imagery import shown
from swath.types import Bounds, Query

PathLike: TypeAlias = str | os.PathLike[str]
Picture: TypeAlias = PathLike | NDArray[np.uint8]
"""An image file, or RGB pixels uint8[h, w, 3]."""

Area: TypeAlias = PathLike | Mapping[str, Any]
"""A file of GeoJSON, or a GeoJSON object."""

_LISTS = ("text", "image", "like", "unlike", "not")
_KEYS = ("id", *_LISTS, "like_at", "where", "bbox", "area", "near")
_METRES = {"": 1.0, "m": 1.0, "km": 1000.0, "mi": 1609.344}


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, and how it was written."""

    query: Query
    document: Mapping[str, Any]
    """As `swath search --json` repeats it, without k."""


def make_query(
    text: str | Sequence[str] | None = None,
    *,
    image: Picture | Sequence[Picture] | None = None,
    like: str | Sequence[str] = (),
    unlike: str | Sequence[str] = (),
    unwanted: str | Sequence[str] | None = None,
    where: str | None = None,
    like_at: Sequence[float] | Sequence[Sequence[float]] = (),
    bbox: Bounds | None = None,
    area: Area | None = None,
    near: Sequence[float] | None = None,
) -> Query:
    """A query from what `Archive.search` takes.

    Raises `InputError` for a picture or an area that cannot be read, for a weight that is no positive number,
    and for a place that is not written in numbers.
    """
    texts, unwanted_texts = _several(text), _several(unwanted)
    images = tuple(map(_pixels, _pictures(image)))
    likes, unlikes = _weighed(_several(like)), _weighed(_several(unlike))
    places = _places(like_at)
    weights = [
        *[None] * (len(texts) + len(images)),
        *[weight for _, weight in likes],
        *[None] * len(places),
        *[weight for _, weight in unlikes],
        *[None] * len(unwanted_texts),
    ]
    return Query(
        texts=texts,
        images=images,
        likes=tuple(name for name, _ in likes),
        unlikes=tuple(name for name, _ in unlikes),
        unlike_texts=unwanted_texts,
        where=where,
        bbox=bbox,
        weights=None
        if all(weight is None for weight in weights)
        else tuple(1.0 if weight is None else weight for weight in weights),
        like_at=places,
        area=area if area is None or isinstance(area, Mapping) else read_area(Path(area)),
        near=None if near is None else _three(near),
    )


def read_area(path: Path) -> Mapping[str, Any]:
    """The object in a file of GeoJSON. Raises `InputError` where there is none."""
    import msgspec

    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise InputError(f"cannot read the area {shown(path)}: {error.strerror}") from error
    try:
        found = msgspec.json.decode(data, type=dict[str, Any])
    except NOT_JSON as error:
        raise InputError(f"the area {shown(path)} is no GeoJSON object ({error})") from error
    return found


def read_place(text: str) -> tuple[float, float]:
    """`LON,LAT` in degrees. Raises `InputError` for anything else."""
    try:
        longitude, latitude = map(float, text.split(","))
    except ValueError:
        raise InputError(f"{text!r} is no place: write LON,LAT in degrees, such as 13.4,52.5") from None
    return longitude, latitude


def read_near(text: str) -> tuple[float, float, float]:
    """`LON,LAT,DISTANCE`: degrees, and metres or a number with m, km or mi. Raises `InputError`."""
    place, _, distance = text.rpartition(",")
    written = distance.strip().lower()
    unit = written.lstrip("+-.0123456789e")
    try:
        metres = float(written.removesuffix(unit)) * _METRES[unit.strip()]
        return *read_place(place), metres
    except (ValueError, KeyError, InputError):
        raise InputError(
            f"{text!r} is no place with a distance: write LON,LAT,DISTANCE, such as 13.4,52.5,500m; a "
            "distance is in m, km or mi"
        ) from None


def read_queries(
    path: Path,
    *,
    where: str | None = None,
    bbox: Bounds | None = None,
    area: PathLike | None = None,
    near: tuple[float, float, float] | None = None,
) -> list[Asked]:
    """Queries from a file: `.txt` with a text on every line, or `.jsonl` with an object on every line.

    An object has any of `text`, `image` (paths, relative to the file), `like`, `unlike`, `not` (a string or a
    list each), `like_at`, `where`, `bbox`, `area` (a GeoJSON object, or a path), `near`, and an `id` that the
    answer repeats. The filters that are given here are for those without their own. Empty lines are skipped.
    Raises `InputError` that names the line.
    """
    others = {"where": where, "bbox": bbox, "area": None if area is None else str(area), "near": near}
    areas = {} if area is None else {str(area): read_area(Path(area))}
    suffix = path.suffix.lower()
    if suffix not in (".txt", ".jsonl"):
        raise InputError(f"queries {shown(path)}: name a file that ends in .txt or .jsonl")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise InputError(f"cannot read the queries {shown(path)}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"the queries {shown(path)} are not UTF-8 ({error.reason}): convert them") from error
    asked = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            given = {"text": line.strip()} if suffix == ".txt" else _object(line)
            asked.append(_asked(given, path.parent, others, areas))
        except InputError as error:
            raise InputError(f"{shown(path)}, line {number}: {error}") from error
    if not asked:
        raise InputError(f"{shown(path)} has no query: write one on every line")
    return asked


def _object(line: str) -> dict[str, Any]:
    import msgspec

    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
    except NOT_JSON as error:
        raise InputError(f"is no JSON object ({error})") from error
    unknown = sorted(found.keys() - set(_KEYS))
    if unknown:
        raise InputError(f"unknown key {unknown[0]!r}; known: {', '.join(_KEYS)}")
    return found


def _asked(
    given: dict[str, Any], folder: Path, others: dict[str, Any], areas: dict[str, Mapping[str, Any]]
) -> Asked:
    """`others` are the filters of a query that has none of its own, `areas` the files that were read."""
    own = {key: value for key, value in given.items() if value is not None}
    parts = {key: list(_strings(key, own.get(key))) for key in _LISTS}
    where = _strings("where", own["where"])[0] if "where" in own else others["where"]
    bbox = _box(own["bbox"]) if "bbox" in own else others["bbox"]
    near = _three(own["near"]) if "near" in own else others["near"]
    area, places = own.get("area", others["area"]), _places(own.get("like_at", ()))
    if isinstance(area, str):
        area = area if "area" not in own else str(folder / area)
        if area not in areas:
            areas[area] = read_area(Path(area))
    elif not isinstance(area, dict | None):
        raise InputError("'area' must be a GeoJSON object, or the path of a file that has one")
    images = [str(folder / name) for name in parts["image"]]
    query = make_query(
        parts["text"],
        image=images,
        like=parts["like"],
        unlike=parts["unlike"],
        unwanted=parts["not"],
        like_at=places,
        where=where,
        bbox=bbox,
        area=areas[area] if isinstance(area, str) else area,
        near=near,
    )
    texts = parts["text"]
    document = {
        **({"id": given["id"]} if "id" in given else {}),
        "text": texts[0] if len(texts) == 1 else (texts or None),
        "images": images,
        "like": parts["like"],
        "unlike": parts["unlike"],
        "not": parts["not"],
        "like_at": [list(place) for place in places],
        "where": where,
        "bbox": None if bbox is None else list(bbox),
        "area": area,
        "near": None if near is None else list(near),
    }
    return Asked(query, document)


def _strings(key: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    several = value if isinstance(value, list) and key != "where" else [value]
    if not all(isinstance(one, str) for one in several):
        raise InputError(f"{key!r} must be a string{'' if key == 'where' else ' or a list of strings'}")
    return tuple(several)


def _box(value: Any) -> Bounds:
    west, south, east, north = _numbers(value, 4, "'bbox' must be four numbers: west, south, east, north")
    return west, south, east, north


def _three(value: Any) -> tuple[float, float, float]:
    says = "'near' must be three numbers: longitude, latitude, metres"
    longitude, latitude, metres = _numbers(value, 3, says)
    return longitude, latitude, metres


def _places(value: Any) -> tuple[tuple[float, float], ...]:
    """One place, or several."""
    says = "'like_at' must be two numbers, longitude and latitude, or a list of such places"
    if not isinstance(value, list | tuple):
        raise InputError(says)
    several = value if not value or isinstance(value[0], list | tuple) else [value]
    return tuple((x, y) for x, y in (_numbers(place, 2, says) for place in several))


def _numbers(value: Any, count: int, says: str) -> list[float]:
    """So many numbers in a list. Raises `InputError` that says what was wanted."""
    several = value if isinstance(value, list | tuple) else []
    numbers = [one for one in several if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) != count or len(several) != count:
        raise InputError(says)
    return [float(number) for number in numbers]


def _weighed(names: tuple[str, ...]) -> list[tuple[str, float | None]]:
    """Ids as they are written, `3f2a` or `3f2a:0.5`, with their weights."""
    found: list[tuple[str, float | None]] = []
    for name in names:
        tile, colon, weight = name.partition(":")
        try:
            number = float(weight) if colon else None
        except ValueError:
            number = 0.0
        if number is not None and not (0 < number < math.inf):
            raise InputError(f"{name!r}: the weight behind the colon must be a positive number, such as 0.5")
        found.append((tile, number))
    return found


def _several(given: str | Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def _pictures(given: Picture | Sequence[Picture] | None) -> Sequence[Picture]:
    if given is None:
        return ()
    return [given] if isinstance(given, str | os.PathLike | np.ndarray) else given


def _pixels(picture: Picture) -> NDArray[np.uint8]:
    if isinstance(picture, np.ndarray):
        return picture
    from swath.imagery import open_picture

    try:
        return open_picture(Path(picture))
    except ImageryError as error:
        raise InputError(f"query picture {error}") from error
