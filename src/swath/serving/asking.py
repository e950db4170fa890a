"""What is asked, from what people and programs hand over: pictures, ids, files of queries."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError, InputError
from swath.imagery import shown
from swath.types import Bounds, Query

PathLike: TypeAlias = str | os.PathLike[str]
Picture: TypeAlias = PathLike | NDArray[np.uint8]
"""An image file, or RGB pixels uint8[h, w, 3]."""

_LISTS = ("text", "image", "like", "unlike", "not")
_KEYS = ("id", *_LISTS, "where", "bbox")


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
    bbox: Bounds | None = None,
) -> Query:
    """A query from what `Archive.search` takes.

    Raises `InputError` for a picture that cannot be read and for a weight that is no positive number.
    """
    texts, unwanted_texts = _several(text), _several(unwanted)
    images = tuple(map(_pixels, _pictures(image)))
    likes, unlikes = _weighed(_several(like)), _weighed(_several(unlike))
    weights = [
        *[None] * (len(texts) + len(images)),
        *[weight for _, weight in (*likes, *unlikes)],
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
    )


def read_queries(path: Path, *, where: str | None = None, bbox: Bounds | None = None) -> list[Asked]:
    """Queries from a file: `.txt` with a text on every line, or `.jsonl` with an object on every line.

    An object has any of `text`, `image` (paths, relative to the file), `like`, `unlike`, `not` (a string or a
    list each), `where`, `bbox`, and an `id` that the answer repeats. `where` and `bbox` are for those without
    their own. Empty lines are skipped. Raises `InputError` that names the line.
    """
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
            asked.append(_asked(given, path.parent, where, bbox))
        except InputError as error:
            raise InputError(f"{shown(path)}, line {number}: {error}") from error
    if not asked:
        raise InputError(f"{shown(path)} has no query: write one on every line")
    return asked


def _object(line: str) -> dict[str, Any]:
    import msgspec

    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise InputError(f"is no JSON object ({error})") from error
    unknown = sorted(found.keys() - set(_KEYS))
    if unknown:
        raise InputError(f"unknown key {unknown[0]!r}; known: {', '.join(_KEYS)}")
    return found


def _asked(given: dict[str, Any], folder: Path, where: str | None, bbox: Bounds | None) -> Asked:
    parts = {key: list(_strings(key, given.get(key))) for key in _LISTS}
    where = _strings("where", given["where"])[0] if given.get("where") is not None else where
    bbox = _box(given["bbox"]) if given.get("bbox") is not None else bbox
    images = [str(folder / name) for name in parts["image"]]
    query = make_query(
        parts["text"],
        image=images,
        like=parts["like"],
        unlike=parts["unlike"],
        unwanted=parts["not"],
        where=where,
        bbox=bbox,
    )
    texts = parts["text"]
    document = {
        **({"id": given["id"]} if "id" in given else {}),
        "text": texts[0] if len(texts) == 1 else (texts or None),
        "images": images,
        "like": parts["like"],
        "unlike": parts["unlike"],
        "not": parts["not"],
        "where": where,
        "bbox": None if bbox is None else list(bbox),
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
    numbers = [one for one in _each(value) if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) != 4 or len(value) != 4:
        raise InputError("'bbox' must be four numbers: west, south, east, north")
    west, south, east, north = map(float, numbers)
    return west, south, east, north


def _each(value: Any) -> Iterator[Any]:
    return iter(value) if isinstance(value, list) else iter(())


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
