from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath import archive
from swath.archive import ArchiveGallery, hot_writer, pointer, rows
from swath.archive.hot import Hot
from swath.archive.hot_writer import HotWriter
from swath.archive.pointer import Pointer
from swath.archive.rows import Geometry, Row, Rows, Source
from swath.archive.table import Table, create
from swath.types import Array, Footprint, Gallery, Scalar, Window
from tests.archive.world import pictures
from tests.tiny import TinyEncoder

SHAPES = Geometry(4, (2, 3))
KINDS = {"gsd": rows.NUMBER, "name": rows.TEXT, "night": rows.FLAG}

finite = st.floats(-180, 180)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
attributes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"gsd": st.floats(allow_nan=False), "name": texts, "night": st.booleans()}
)
footprints = st.one_of(
    st.none(),
    st.tuples(st.tuples(finite, finite)).map(Footprint),
    st.tuples(*[st.tuples(finite, finite)] * 4).map(Footprint),
)
sizes = st.integers(0, 2**31 - 1)
moments = st.one_of(
    st.just(int(rows.NO_TIME)),
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(rows.microseconds),
)
# A scan names files beneath a root: relative, without empty parts or dots that a path would fold away.
names = texts.filter(lambda text: text not in ("", ".", "..") and str(PurePosixPath(text)) == text)
sources = st.builds(
    Source,
    st.integers(0, 1),
    names.filter(lambda text: not text.startswith("/")),
    st.integers(0, 2**40),
    st.integers(0, 2**62),
)


@st.composite
def batches(draw: st.DrawFn) -> list[Rows]:
    """A few commits with a few tiles each."""
    made, number = [], 0
    for count in draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)):
        tiles = [
            Row(
                id=f"{number + index:032x}",
                digest=f"{number + index:032x}",
                window=Window(*draw(st.tuples(sizes, sizes, sizes, sizes))),
                footprint=draw(footprints),
                time=draw(moments),
                attributes=draw(attributes),
                thumbnail=draw(st.binary(max_size=4)),
            )
            for index in range(count)
        ]
        number += count
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        signals: dict[str, Array] = {
            "dense": rng.normal(size=(count, 4)).astype(np.float16),
            "tokens": rng.integers(-127, 128, (count, 2, 3), dtype=np.int8),
        }
        origins = [tuple(sorted(draw(st.sets(sources, min_size=1, max_size=2)))) for _ in tiles]
        made.append(Rows(tiles, origins, signals))
    return made


def opened(folder: Path, state: pointer.HotState) -> ArchiveGallery:
    described = cast(
        Pointer,
        SimpleNamespace(roots=("/one", "/two"), attributes=KINDS, encoder=SimpleNamespace(revision="")),
    )
    return ArchiveGallery(Hot(folder, state), described, lambda: pytest.fail("nothing is damaged"))


def check(gallery: Gallery, commits: list[Rows]) -> None:
    tiles = [tile for commit in commits for tile in commit.rows]
    origins = [origin for commit in commits for origin in commit.sources]
    assert len(gallery) == len(tiles)
    assert gallery.ids.tolist() == [tile.id.encode() for tile in tiles]
    for name in ("dense", "tokens"):
        expected = np.concatenate([commit.signals[name] for commit in commits])
        assert gallery.signal(name).dtype == expected.dtype
        assert gallery.signal(name).tobytes() == expected.tobytes()
    for row, (tile, origin) in enumerate(zip(tiles, origins, strict=True)):
        seen = gallery.tile(row)
        assert seen.source == str(Path(("/one", "/two")[origin[0].root]) / origin[0].path)
        assert (seen.window, seen.footprint) == (tile.window, tile.footprint)
        assert seen.time == rows.moment(tile.time)
        assert dict(seen.attributes) == dict(tile.attributes)
        assert gallery.attribute("source")[row] == seen.source
        assert np.isnan(gallery.bounds[row]).all() == (tile.footprint is None)
        for name, kind in KINDS.items():
            value: Scalar | None = gallery.attribute(name)[row]
            missing = value is None if kind != rows.NUMBER else value != value
            assert missing == (name not in tile.attributes)
            assert missing or value == tile.attributes[name]


@settings(max_examples=30, deadline=None)
@given(batches())
def test_hot_columns_give_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, commits: list[Rows]
) -> None:
    folder = tmp_path_factory.mktemp("hot")
    state = hot_writer.build(folder, "1", SHAPES, commits[:1])
    for part in range(1, len(commits)):
        before = opened(folder, state)
        writer = HotWriter(folder, state)
        writer.append(commits[part])
        check(before, commits[:part])  # a reader's rows stay while the files grow
        state = writer.state
        # Whatever a killed writer left beyond the acknowledged bytes does not count.
        with (folder / "hot/1/dense").open("ab") as file:
            file.write(b"left over")
    check(opened(folder, state), commits)


@settings(max_examples=30, deadline=None)
@given(batches())
def test_the_table_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, commits: list[Rows]
) -> None:
    folder = tmp_path_factory.mktemp("table")
    create(folder, SHAPES)
    table = Table(folder, 1, SHAPES)
    for commit in commits:
        table.append(commit, {name: KINDS[name] for row in commit.rows for name in row.attributes})
    found = list(table.scan())
    tiles = [tile for commit in commits for tile in commit.rows]
    thumbnails = table.thumbnails([tile.id for tile in tiles])
    assert thumbnails == {tile.id: tile.thumbnail for tile in tiles}
    assert [origin for part in found for origin in part.sources] == [
        origin for commit in commits for origin in commit.sources
    ]
    check(opened(folder, hot_writer.build(folder, "1", SHAPES, found)), commits)


def test_a_search_needs_neither_table_nor_decoders(tmp_path: Path, tiny: TinyEncoder) -> None:
    archive.create(tmp_path / "archive", tiny).add([pictures(tmp_path / "in", 4)], tiny)
    code = """
import sys
from swath import archive
store = archive.open_store(sys.argv[1])
gallery = store.gallery()
gallery.ids, gallery.bounds, [gallery.signal(name) for name in gallery.signals]
[gallery.attribute(name) for name in gallery.attributes]
gallery.tile(3), store.encoder_revision, store.info()
print({name.split(".")[0] for name in sys.modules} & set(sys.argv[2:]))
"""
    heavy = ["lance", "pyarrow", "PIL", "rasterio", "onnxruntime", "torch", "rich"]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "archive"), *heavy],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_names_of_the_room() -> None:
    assert all(getattr(archive, name) is not None for name in archive.__all__)
    with pytest.raises(AttributeError):
        _ = archive.nothing


def test_signals_are_mapped_and_read_only(tmp_path: Path, tiny: TinyEncoder) -> None:
    store = archive.create(tmp_path / "archive", tiny)
    store.add([pictures(tmp_path / "in", 6)], tiny, batch=2, commit_every=0.0)
    gallery: Gallery = store.gallery()
    for name in gallery.signals:
        signal = gallery.signal(name)
        assert signal.flags["C_CONTIGUOUS"]
        assert not signal.flags["OWNDATA"]
        assert not signal.flags["WRITEABLE"]
        assert gallery.signal(name) is signal
    with pytest.raises(KeyError):
        gallery.signal("sparse")
    for row in (-1, 6):
        with pytest.raises(IndexError):
            gallery.tile(row)
