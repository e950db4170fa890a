"""Laws across rooms, for whatever hypothesis thinks of; each room has those of its own beside its tests."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from swath.imagery import bounds
from swath.imagery.georeference import Georeference, footprints
from swath.search import MemoryGallery, search
from swath.types import Query, Window
from tests.tiny import TinyEncoder

# A CRS, where its coordinates may begin, and the size of a pixel there.
PLACES = {
    "EPSG:32633": ((200_000.0, 800_000.0), (1_000_000.0, 8_000_000.0), 10.0),
    "EPSG:3857": ((-15e6, 15e6), (-10e6, 10e6), 5.0),
    "EPSG:4326": ((-170.0, 170.0), (-80.0, 80.0), 1e-4),
    "EPSG:3413": ((100_000.0, 2e6), (-2e6, -100_000.0), 30.0),
    "EPSG:3031": ((100_000.0, 2e6), (100_000.0, 2e6), 30.0),
}


@st.composite
def grids(draw: st.DrawFn) -> tuple[str, Affine]:
    """A CRS and a transform in it: turned, sheared, mirrored, with pixels of any shape."""
    name = draw(st.sampled_from(sorted(PLACES)))
    x, y, size = PLACES[name]
    angle, shear = draw(st.floats(-180, 180)), draw(st.floats(-30, 30))
    flip = draw(st.sampled_from((1, -1)))
    stretch = draw(st.floats(0.2, 5))
    place = Affine.translation(draw(st.floats(*x)), draw(st.floats(*y)))
    return name, place @ Affine.rotation(angle) @ Affine.shear(shear) @ Affine.scale(
        size, size * flip * stretch
    )


@settings(deadline=None, max_examples=50)
@given(grids(), st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 512), st.integers(1, 512))
def test_tile_to_geography_to_tile(
    grid: tuple[str, Affine], column: int, row: int, width: int, height: int
) -> None:
    """The corners of a footprint, taken back by the transform, are those of the window."""
    name, affine = grid
    a, b, c, d, e, f = affine[:6]
    crs = CRS.from_user_input(name)
    reference = Georeference(crs, lambda x, y: (a * x + b * y + c, d * x + e * y + f))
    (footprint,) = footprints(reference, [Window(column, row, width, height)])
    assert footprint is not None and len(footprint.ring) == 4
    xs, ys = transform("EPSG:4326", crs, *zip(*footprint.ring, strict=True))
    inverse = ~affine
    back = np.array([inverse @ point for point in zip(xs, ys, strict=True)])
    right, bottom = column + width, row + height
    assert np.abs(back - [(column, row), (right, row), (right, bottom), (column, bottom)]).max() < 1e-3
    west, south, east, north = bounds(footprint)
    least = 1e-9  # going round the circle rounds
    for longitude, latitude in footprint.ring:
        assert south <= latitude <= north
        eastward, westward = longitude >= west - least, longitude <= east + least
        assert (eastward and westward) if west <= east else (eastward or westward)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sampled_from(("red", "green", "blue", "red green", "grey sea")), min_size=1, max_size=12),
    st.sampled_from(("dense", "auto", "fuse(dense:12, dense:3; rrf)", "fuse(dense:12, dense:12; sum)")),
    st.sampled_from((("red",), ("blue", "green"), ("a harbour",))),
    st.integers(0, 13),
)
def test_the_first_k_are_those_of_one_more(
    texts: list[str], spec: str, asked: tuple[str, ...], k: int
) -> None:
    """Also where many rows are equal, so that only the order of ids decides."""
    encoder = TinyEncoder()
    gallery = MemoryGallery(
        [f"{i:032x}" for i in range(len(texts))], {"dense": encoder.encode_texts(texts).embedding}
    )
    fewer, more = (search(gallery, Query(texts=asked), encoder, pipeline=spec, k=n) for n in (k, k + 1))
    assert len(fewer) == min(k, len(more))
    assert [(hit.rank, hit.tile.id, hit.raw) for hit in fewer] == [
        (hit.rank, hit.tile.id, hit.raw) for hit in list(more)[: len(fewer)]
    ]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sampled_from(("red", "green", "blue")), min_size=2, max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(texts: list[str], random: object) -> None:
    """A layout of the same tiles in another order gives the same answer."""
    encoder = TinyEncoder()
    embedding = encoder.encode_texts(texts).embedding
    ids = [f"{i:032x}" for i in range(len(texts))]
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assume(order != sorted(order))
    one = MemoryGallery(ids, {"dense": embedding})
    other = MemoryGallery([ids[i] for i in order], {"dense": embedding[order]})
    answers = [
        [
            (hit.tile.id, hit.raw)
            for hit in search(gallery, Query(texts=("red",)), encoder, pipeline="dense", k=5)
        ]
        for gallery in (one, other)
    ]
    assert answers[0] == answers[1]
