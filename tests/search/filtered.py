"""What filters cost in recall: a filtered search beside the search of a gallery that holds only what passes.

`python -m tests.search.filtered --tiles 100000` prints, for every pipeline and selectivity, the share of the
10 best of that smaller gallery, and of its 10 best by exact dense search, that the filtered search finds.
Tiles are drawn around the pictures of the encoder's bank, with footprints all over the Earth, times and
attributes; queries are sentences. A test makes a short run with a tiny encoder.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists, Plan, build
from swath.encoders import load, read_terms
from swath.search import MemoryGallery, calibrate, encode, mask, parse, run
from swath.search.coding import bank_of
from swath.search.pipeline import Pipeline, Step
from swath.types import Array, Encoder, Footprint, Query, Scalar, Tile, Window
from tests.search.galleries import ids_of

SHARES: Mapping[str, Query] = {
    "10 %": Query(
        where="cloud < 40 and time >= 2020",
        area={"type": "Polygon", "coordinates": [[[-180, -90], [0, -90], [0, 90], [-180, 90], [-180, -90]]]},
    ),
    "1 %": Query(
        where="cloud < 20 and time >= 2020 and sensor in (A, B)",
        area={"type": "Polygon", "coordinates": [[[126, -40], [234, -40], [234, 40], [126, 40]]]},
    ),
    "0.1 %": Query(where="cloud < 10 and time >= 2023", near=(0.0, 0.0, 3_500_000.0)),
}
"""Filters that leave about so many tiles: attributes, times and places together."""
BEST = 10


def tiles_of(count: int, seed: int = 0) -> list[Tile]:
    """Tiles all over the Earth, 2 in 100 without a footprint and 2 with a point."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-180, 180, count), rng.uniform(-80, 80, count)
    days, cloud = rng.integers(0, 3653, count), rng.uniform(0, 100, count)
    sensor, kind = rng.choice(["A", "B", "C"], count), rng.uniform(0, 100, count)
    first = datetime(2015, 1, 1, tzinfo=UTC)
    tiles = []
    for i, name in enumerate(ids_of(count, seed)):
        corner = float(x[i]), float(y[i])
        east = corner[0] + 0.05 - 360 * (corner[0] + 0.05 > 180)
        ring = (corner, (east, corner[1]), (east, corner[1] - 0.05), (corner[0], corner[1] - 0.05))
        footprint = None if kind[i] < 2 else Footprint((corner,) if kind[i] < 4 else ring)
        attributes: dict[str, Scalar] = {"cloud": float(cloud[i]), "sensor": str(sensor[i])}
        when = first + timedelta(days=int(days[i]))
        tiles.append(Tile(name, f"{i // 100}.tif", Window(0, 0, 256, 256), footprint, when, attributes))
    return tiles


def gallery_of(
    tiles: Sequence[Tile], signals: Mapping[str, Array], lists: Lists | None = None
) -> MemoryGallery:
    """All of them, ready to be scanned."""
    return MemoryGallery([tile.id for tile in tiles], signals, tiles, compact=True, lists=lists)


def only(gallery: MemoryGallery, rows: NDArray[np.int64]) -> MemoryGallery:
    """A gallery of some of the rows, without lists."""
    signals = {name: gallery.signal(name)[rows] for name in gallery.signals - {"lists", "sparse"}}
    return gallery_of([gallery.tile(row) for row in rows.tolist()], signals)


@dataclass(frozen=True)
class Recall:
    """Means over queries."""

    pipeline: str
    share: str
    passing: int
    own: float | None
    """Of the 10 best that the pipeline finds where only what passes is there; None for what reads lists."""
    dense: float
    """Of the 10 best by exact dense search among what passes."""
    note: str


def measure(
    gallery: MemoryGallery, encoder: Encoder, pipelines: Sequence[Pipeline], texts: Sequence[str]
) -> list[Recall]:
    """Every pipeline at every share."""
    found = []
    for share, filters in SHARES.items():
        allowed = mask(gallery, filters.where, filters.bbox, filters.area, filters.near)
        assert allowed is not None
        rows = np.flatnonzero(allowed)
        less = only(gallery, rows)
        for pipeline in pipelines:
            own, dense, note = [], [], ""
            alone = {"lists", "sparse"}.isdisjoint(step.name for step in pipeline.steps)
            for text in texts:
                query = encode(Query((text,)), encoder, gallery)
                some, trace = run(pipeline, gallery, query, BEST, allowed)
                exact = rows[run("dense", less, query, BEST)[0].rows]
                dense.append(np.isin(exact, some.rows).mean())
                note = trace[-1].note
                if alone:
                    wanted = rows[run(pipeline, less, query, BEST)[0].rows]
                    own.append(np.isin(wanted, some.rows).mean())
            mean = float(np.mean(own)) if own else None
            found.append(Recall(str(pipeline), share, len(rows), mean, float(np.mean(dense)), note))
    return found


def main() -> None:
    """Print the figures of the encoder `base`."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tiles", type=int, default=100_000)
    options.add_argument("--queries", type=int, default=50)
    given = options.parse_args()
    encoder: Any = load("base")
    rng = np.random.default_rng(1)
    bank = bank_of(encoder)
    around = bank.image[rng.integers(len(bank.image), size=given.tiles)]
    noise = rng.normal(size=around.shape).astype(np.float32) * (0.5 / around.shape[1] ** 0.5)
    dense = around + noise
    dense = (dense / np.linalg.norm(dense, axis=1, keepdims=True)).astype(np.float16)
    card = encoder.card
    tokens = rng.integers(-127, 128, (given.tiles, 1 + card.grid**2, card.token_dim), dtype=np.int8)
    terms = read_terms(encoder.heads["sgpd"])
    lists = build(dense, Plan(), terms=terms)
    signals: dict[str, Array] = {"dense": dense, "tokens": tokens}
    tiles = tiles_of(given.tiles)
    gallery = gallery_of(tiles, signals, lists)
    texts = [
        f"{many} {thing} {where}"
        for where in (
            "beside a river",
            "in a city",
            "near the sea",
            "between fields",
            "under snow",
            "in a desert",
        )
        for thing in (
            "planes",
            "storage tanks",
            "ships",
            "houses",
            "tennis courts",
            "bridges",
            "trees",
            "cars",
        )
        for many in ("some", "many", "two", "a row of")
    ]
    texts = [texts[i] for i in rng.permutation(len(texts))]
    learning = [encode(Query((text,)), encoder, gallery) for text in texts[given.queries :]]
    sparse = Step("sparse", k=1000)
    facts = {"guides": {str(sparse): calibrate(gallery, learning, sparse)}}
    gallery = gallery_of(tiles, signals, replace(lists, facts=facts))
    pipelines = [
        parse("dense"),
        parse("ftf", encoder.presets),
        parse("hash128(bias=ppsr):70 > cross(blend=0.5)"),
        parse("sgpd"),
        parse("sparse:1000 > lists(tiles=0.05):100"),
    ]
    for one in measure(gallery, encoder, pipelines, texts[: given.queries]):
        own = "      " if one.own is None else f"{one.own:.4f}"
        print(f"{one.share:>6} {one.passing:>6} {own} {one.dense:.4f}  {one.pipeline}  {one.note}")  # noqa: T201


if __name__ == "__main__":
    main()
