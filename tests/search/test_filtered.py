"""A filter comes first: what passes is ranked as if nothing else were there, by every pipeline."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.archive.lists import Plan, build
from swath.encoders import OnnxEncoder, Terms
from swath.search import MemoryGallery, parse, search
from swath.types import Array, Query, Scalar, Tile, Window
from tests.search import filtered
from tests.search.galleries import ids_of, vectors_of
from tests.search.heads import bank, cross, hash_head
from tests.search.test_places import (
    lambert,
    obviously_touching,
    polygon,
    sampled,
    tiles_of,
    triangles_with_holes,
)
from tests.tiny import COLOURS, TinyEncoder
from tests.tiny_onnx import build as build_encoder

N, DIM = 3000, 32
PRESETS: dict[str, dict[str, Scalar]] = {
    "ftf": {"recall": "dense(bias=csls)", "k": 20, "balance": 0.5, "temperature": 0.1, "blend": 0.5},
    "cfitr": {"k": 70, "blend": 0.5},
}
EXACT = (
    "dense",
    "dense:50",
    "dense(bias=csls)",
    str(parse("ftf", PRESETS)),
    str(parse("cfitr", PRESETS)),
    "fuse(dense:60, hash64:60; rrf)",
    "hash128:100 > btgi:30",
    "hash128:100 > exact(bias=csls):30",
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    folder = build_encoder(tmp_path_factory.mktemp("tiny") / "tiny")
    cross(folder)
    hash_head(folder)
    bank(folder)
    return OnnxEncoder(folder)


@pytest.fixture(scope="module")
def gallery() -> MemoryGallery:
    rng = np.random.default_rng(1)
    dense = vectors_of(N, DIM, 4)
    names = tuple(COLOURS)
    scenes = rng.normal(size=(len(names), DIM)).astype(np.float32)
    terms = Terms(
        names, np.eye(DIM, dtype=np.float32), np.ones(DIM, np.float32), np.zeros(DIM, np.float32), scenes,
        np.full(len(names), -1.0, np.float32), image_terms=3,
    )  # fmt: skip
    signals: dict[str, Array] = {"dense": dense, "tokens": rng.integers(-127, 128, (N, 5, 8), dtype=np.int8)}
    return filtered.gallery_of(filtered.tiles_of(N), signals, build(dense, Plan(40), terms=terms))


def passes(tile: Tile, filters: Query) -> bool:
    """One tile after the other, with the conditions of `filtered.SHARES` spelt out."""
    assert tile.time is not None
    cloud, sensor = float(tile.attributes["cloud"]), tile.attributes["sensor"]
    conditions = {
        "cloud < 40 and time >= 2020": cloud < 40 and tile.time.year >= 2020,
        "cloud < 20 and time >= 2020 and sensor in (A, B)": cloud < 20
        and tile.time.year >= 2020
        and sensor in ("A", "B"),
        "cloud < 10 and time >= 2023": cloud < 10 and tile.time.year >= 2023,
    }
    if tile.footprint is None or not conditions[filters.where or ""]:
        return False
    ring = [(x + 360 * (x < -179 and tile.footprint.ring[0][0] > 179), y) for x, y in tile.footprint.ring]
    if filters.near is not None:
        longitude, latitude, metres = filters.near
        x, y = np.array(ring).T if len(ring) == 1 else sampled(ring)
        return bool(lambert(longitude, latitude, x, y).min() <= metres)
    assert filters.area is not None
    # Both areas are boxes.
    (west, east), (south, north) = (
        (min(side), max(side)) for side in zip(*filters.area["coordinates"][0], strict=True)
    )
    xs, ys = zip(*ring, strict=True)
    level = south <= max(ys) and min(ys) <= north
    return level and any(west <= max(xs) + turn and min(xs) + turn <= east for turn in (-360, 0, 360))


@pytest.mark.parametrize("share", list(filtered.SHARES))
def test_filtered_is_exact(share: str, gallery: MemoryGallery, encoder: OnnxEncoder) -> None:
    filters = filtered.SHARES[share]
    rows = np.array([row for row in range(N) if passes(gallery.tile(row), filters)], np.int64)
    expected = {"10 %": 0.1, "1 %": 0.01, "0.1 %": 0.001}[share]
    assert expected / 2 < len(rows) / N < 2 * expected
    less = filtered.only(gallery, rows)
    asked = replace(filters, texts=("a blue roof",))
    for spec in EXACT:
        found = search(gallery, asked, encoder, pipeline=spec, k=15)
        alone = search(less, Query(asked.texts), encoder, pipeline=spec, k=15)
        assert [hit.tile.id for hit in found] == [hit.tile.id for hit in alone], spec
        # Biases are products of float32 matrices, whose last digits depend on how many rows there are.
        least = 1e-6 if "bias" in spec else 0
        np.testing.assert_allclose(
            [hit.raw for hit in found], [hit.raw for hit in alone], rtol=least, atol=least
        )
    # Partial searches scan so few tiles exactly.
    exact = search(less, Query(asked.texts), encoder, pipeline="dense", k=15)
    for spec in ("sgpd", "ivf(tiles=0.1)"):
        found = search(gallery, asked, encoder, pipeline=spec, k=15)
        assert [(hit.tile.id, hit.raw) for hit in found] == [(hit.tile.id, hit.raw) for hit in exact], spec


def test_the_figures_are_those_of_the_pipelines(gallery: MemoryGallery, encoder: OnnxEncoder) -> None:
    pipelines = [parse("dense"), parse("ftf", PRESETS), parse("sgpd")]
    found = filtered.measure(gallery, encoder, pipelines, ["red", "blue"])
    assert [one.share for one in found] == [share for share in filtered.SHARES for _ in pipelines]
    for one in found:
        assert one.own == (None if "lists" in one.pipeline else 1.0)
        assert one.dense == 1.0 or "btgi" in one.pipeline


@settings(deadline=None, max_examples=25)
@given(triangles_with_holes(), st.lists(tiles_of(), min_size=1, max_size=6), st.integers(0, 7), st.data())
def test_an_area_filters_the_whole_ranking(rings: Any, tiles: Any, k: int, data: st.DataObject) -> None:
    encoder = TinyEncoder()
    words = data.draw(st.lists(st.sampled_from(sorted(COLOURS)), min_size=len(tiles), max_size=len(tiles)))
    ids = ids_of(len(tiles))
    made = [
        Tile(name, f"{name}.tif", Window(0, 0, 9, 9), tile)
        for name, (tile, _) in zip(ids, tiles, strict=True)
    ]
    gallery = MemoryGallery(ids, {"dense": encoder.encode_texts(words).embedding}, made)
    inside = {name for name, (_, ring) in zip(ids, tiles, strict=True) if obviously_touching(rings, ring)}
    asked = Query(("red",))
    spec = data.draw(st.sampled_from(("auto", "dense", "fuse(dense, dense:6; sum)")))
    whole = search(gallery, asked, encoder, k=len(ids), pipeline=spec)
    found = search(gallery, replace(asked, area=polygon(*rings)), encoder, k=k, pipeline=spec)
    expected = [hit.tile.id for hit in whole if hit.tile.id in inside][:k]
    assert [hit.tile.id for hit in found] == expected
    if spec != "fuse(dense, dense:6; sum)":
        scores = {hit.tile.id: hit.raw for hit in whole}
        assert all(math.isclose(hit.raw, scores[hit.tile.id]) for hit in found)
