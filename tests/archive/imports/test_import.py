"""Tables of other tools come in whole, answer by example and by words, and go on where they stopped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import swath
from swath.archive import open_store
from swath.archive.imports import import_table, importer
from swath.errors import ArchiveError, EncoderError, InputError
from swath.types import Footprint
from tests.archive.imports import tables
from tests.tiny import TinyEncoder, paint

Writer = Callable[[Path], NDArray[np.float32]]


@pytest.mark.parametrize(
    ("write", "suffix", "vector", "id_column", "placed", "timed", "attributes"),
    [
        (tables.geopandas, ".parquet", "embeddings", "source_url", 50, 50, {"id"}),
        (tables.duckdb, ".parquet", "embedding", "id", 50, 0, {"id", "cloud", "day"}),
        (tables.pandas_csv, ".csv", "embedding", "tile_id", 50, 50, {"id", "class"}),
        (tables.numpy_csv, ".csv", "vector", "name", 0, 0, {"id"}),
        (tables.alphaearth, ".parquet", "A00", None, 29, 0, {"year"}),
        (tables.major_tom, ".parquet", "embedding", "unique_id", 30, 30, {"product_id", "grid_cell"}),
    ],
)
def test_layouts_are_recognised(
    tmp_path: Path,
    write: Writer,
    suffix: str,
    vector: str,
    id_column: str | None,
    placed: int,
    timed: int,
    attributes: set[str],
) -> None:
    table = tmp_path / f"table{suffix}"
    made = write(table)
    report = import_table(tmp_path / "a", table)
    assert (report.columns.vector[0], report.columns.id) == (vector, id_column)
    assert (report.placed, report.timed) == (placed, timed)
    assert attributes <= set(report.columns.attributes.values())
    gallery = open_store(tmp_path / "a").gallery()
    sound = np.abs(made).max(1) < 1.004  # the masked row of one of them
    unit = made[sound] / np.linalg.norm(made[sound], axis=1, keepdims=True)
    assert report.added == len(unit) == len(gallery)
    assert np.abs(gallery.signal("dense").astype(np.float32) - unit).max() < 1e-3
    assert open_store(tmp_path / "a").verify() == []


def test_every_field_of_a_row_arrives(tmp_path: Path) -> None:
    tables.geopandas(tmp_path / "t.parquet", 3)
    import_table(tmp_path / "a", tmp_path / "t.parquet")
    tile = open_store(tmp_path / "a").gallery().tile(1)
    assert tile.footprint is not None
    assert np.allclose(tile.footprint.ring, [(10.1, 50), (10.2, 50), (10.2, 50.1), (10.1, 50.1)])
    assert tile.time == datetime(2019, 4, 15, tzinfo=UTC)
    assert tile.attributes == {"id": "s3://tiles/1.tif"}
    assert Path(tile.source) == tmp_path / "t.parquet"


def test_it_answers_by_example_at_once_and_says_why_not_by_words(tmp_path: Path) -> None:
    made = tables.duckdb(tmp_path / "t.parquet")
    import_table(tmp_path / "a", tmp_path / "t.parquet")
    archive = swath.open(tmp_path / "a")
    like = archive._gallery().tile(7).id
    best = archive.search(like=like, k=1)[0].tile
    nearest = np.argsort(-(made @ made[7]))[1]
    assert best.attributes["id"] == nearest
    assert archive.search(like=like, where="cloud > 10", k=50).hits
    with pytest.raises(EncoderError, match=r"imported without an encoder.*--encoder"):
        archive.search("boats")
    with pytest.raises(EncoderError, match="no picture can be added"):
        archive.add(paint(tmp_path / "scenes"))


def test_words_ask_when_the_encoder_is_named(
    tmp_path: Path, tiny_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tiny_home))
    pixels = np.stack([np.full((32, 32, 3), c, np.uint8) for c in ((220, 30, 30), (30, 30, 220), (8, 8, 8))])
    encoder = swath.encoders.load(tiny_home / "encoders" / "base")
    np.save(tmp_path / "v.npy", encoder.encode_images(pixels).embedding)
    (tmp_path / "t.csv").write_text("id,what\n1,rose\n2,sea\n3,night\n")
    import_table(tmp_path / "later", tmp_path / "t.csv", vectors=tmp_path / "v.npy")
    import_table(tmp_path / "now", tmp_path / "t.csv", vectors=tmp_path / "v.npy", encoder=encoder)
    assert swath.open(tmp_path / "now").search("blue", k=1)[0].tile.attributes["what"] == "sea"
    named = swath.open(tmp_path / "later", encoder=tiny_home / "encoders" / "base")
    assert named.search("red", k=1)[0].tile.attributes["what"] == "rose"
    np.save(tmp_path / "w.npy", tables.vectors(3))
    import_table(tmp_path / "other", tmp_path / "w.npy")
    with pytest.raises(EncoderError, match=r"16 numbers .*and base gives 32"):
        swath.open(tmp_path / "other", encoder=tiny_home / "encoders" / "base")
    with pytest.raises(EncoderError, match="16 numbers and tiny gives 32"):
        import_table(tmp_path / "x", tmp_path / "w.npy", encoder=TinyEncoder())
    assert not (tmp_path / "x").exists()


def test_again_adds_nothing_and_a_stopped_import_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.duckdb(tmp_path / "t.parquet")
    monkeypatch.setattr(importer, "ROWS", 10)
    seen: list[int] = []

    def stop(done: int, total: int | None, what: str) -> None:
        seen.append(done)
        if done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_table(tmp_path / "a", tmp_path / "t.parquet", progress=stop)
    assert len(open_store(tmp_path / "a").gallery()) == 20 and seen == [10, 20, 30]
    report = import_table(tmp_path / "a", tmp_path / "t.parquet")
    assert (report.added, report.known) == (30, 20)
    report = import_table(tmp_path / "a", tmp_path / "t.parquet")
    store = open_store(tmp_path / "a")
    assert (report.added, report.known) == (0, 50)
    assert store.info().files == 1 and len(store.gallery()) == 50 and store.verify() == []


def test_rows_without_a_sound_vector_and_repeated_ids_are_left_out_and_told(tmp_path: Path) -> None:
    made = tables.vectors(6)
    made[1] = np.nan
    made[2] = 0
    made[3] = made[0]
    made[4] *= 3
    rows = [*made[:5].tolist(), None]
    columns = {"id": ["a", "b", "c", "a", "e", "f"], "embedding": pa.array(rows, pa.list_(pa.float32()))}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    report = import_table(tmp_path / "a", tmp_path / "t.parquet")
    assert (report.added, report.repeated) == (2, 1)
    assert report.problems == {
        "the vector is missing or not finite": (2, "b"),
        "the vector is all zeros": (1, "c"),
    }
    assert report.norms[1] == pytest.approx(3, abs=1e-3)


def test_one_id_for_several_vectors_loses_none(tmp_path: Path) -> None:
    """A column of names is taken for ids; years of one place, and parts of one picture, share theirs."""
    columns = {"name": ["field", "field", "town", "field"], "embedding": tables.vectors(4).tolist()}
    columns["embedding"][3] = columns["embedding"][0]
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    report = import_table(tmp_path / "a", tmp_path / "t.parquet")
    assert (report.columns.id, report.added, report.repeated, report.same_ids) == ("name", 3, 1, 1)
    again = import_table(tmp_path / "a", tmp_path / "t.parquet")
    assert (again.added, again.known) == (0, 4)


def test_vectors_of_two_lengths_are_refused_with_the_rows(tmp_path: Path) -> None:
    rows = [[1.0] * 8, [1.0] * 8, [1.0] * 9]
    pq.write_table(pa.table({"embedding": pa.array(rows)}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="row 3 has a vector of 9 numbers and row 1 one of 8"):
        import_table(tmp_path / "a", tmp_path / "t.parquet")


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    tables.duckdb(tmp_path / "t.parquet")
    report = import_table(tmp_path / "a", tmp_path / "t.parquet", dry_run=True)
    assert report.added == 50 and not (tmp_path / "a").exists()


def test_without_ids_equal_rows_are_one(tmp_path: Path) -> None:
    made = tables.vectors(5)
    np.save(tmp_path / "v.npy", made[[0, 1, 1, 2, 3, 4]])
    report = import_table(tmp_path / "a", tmp_path / "v.npy")
    assert (report.added, report.repeated) == (5, 1)
    assert import_table(tmp_path / "a", tmp_path / "v.npy").known == 6


def test_projected_geometries_become_degrees(tmp_path: Path) -> None:
    table = pa.table(
        {
            "vector": pa.array(tables.vectors(1).tolist()),
            "geometry": [tables.square(500_000, 5_000_000, 1000)],
        }
    )
    crs = {"type": "ProjectedCRS", "id": {"authority": "EPSG", "code": 32633}}
    pq.write_table(table.replace_schema_metadata(tables.geo(crs=crs)), tmp_path / "t.parquet")
    import_table(tmp_path / "a", tmp_path / "t.parquet")
    footprint = open_store(tmp_path / "a").gallery().tile(0).footprint
    assert footprint is not None and footprint.ring[0] == pytest.approx((15.0, 45.1534), abs=1e-3)


def test_what_is_no_place_is_told_and_left_out(tmp_path: Path) -> None:
    table = pa.table(
        {"vector": pa.array(tables.vectors(2).tolist()), "geometry": [tables.square(500_000, 1), b"x"]}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    report = import_table(tmp_path / "a", tmp_path / "t.parquet")
    assert report.placed == 0 and report.added == 2
    ((count, first),) = report.problems.values()
    assert count == 2 and "(500000, 1) is no longitude and latitude" in first


def test_archives_of_other_vectors_are_left_alone(tmp_path: Path, town: Path) -> None:
    tables.duckdb(tmp_path / "t.parquet")
    np.save(tmp_path / "v.npy", tables.vectors(3, 8))
    with pytest.raises(ArchiveError, match="holds tokens"):
        import_table(town / "town.swath", tmp_path / "t.parquet")
    import_table(tmp_path / "a", tmp_path / "t.parquet")
    with pytest.raises(InputError, match="vectors of 16 numbers and the table has 8"):
        import_table(tmp_path / "a", tmp_path / "v.npy")
    with pytest.raises(EncoderError, match="vectors of t, not of other"):
        import_table(tmp_path / "a", tmp_path / "t.parquet", space="other")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.parquet", b"PAR1 cut off", "cannot be read"),
        ("t.npy", b"\x93NUMPY\x01\x00", "no array of NumPy"),
        ("t.csv", b"a,b\n1,2\n", "no column looks like vectors among a, b"),
        ("t.csv", b"id,embedding\n1,[0.1 ... 0.2]\n", "is no list of numbers; a list that was shortened"),
        ("t.csv", b"id;embedding\n1;[0.1, 0.2]\n", "commas stand between its values"),
        ("t.csv", b'1,"[' + b"0.25, " * 20 + b']"\n1,2\n', r"among 1, \[0.25, 0.25.{,30}\.\.\.: name it"),
        ("t.xlsx", b"", "tables are .parquet"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        import_table(tmp_path / "a", tmp_path / name)
    assert not (tmp_path / "a").exists()


def test_a_table_in_parts_goes_into_one_archive_file_by_file(tmp_path: Path) -> None:
    for part in (0, 1):
        folder = tmp_path / "t" / f"part={part}"
        folder.mkdir(parents=True)
        table = pa.table({"id": [2 * part, 2 * part + 1], "embedding": tables.vectors(2, seed=part).tolist()})
        pq.write_table(table, folder / "data_0.parquet")
    with pytest.raises(InputError, match="is a folder: import its files one by one"):
        import_table(tmp_path / "a", tmp_path / "t")
    for part in (0, 1):
        import_table(tmp_path / "a", tmp_path / "t" / f"part={part}" / "data_0.parquet")
    assert len(open_store(tmp_path / "a").gallery()) == 4 and open_store(tmp_path / "a").info().files == 2


def test_named_columns_win_and_missing_ones_are_told(tmp_path: Path) -> None:
    tables.major_tom(tmp_path / "t.parquet")
    report = import_table(tmp_path / "a", tmp_path / "t.parquet", columns={"id": "grid_cell"})
    assert report.columns.id == "grid_cell"
    with pytest.raises(InputError, match="no column 'cell' for the id"):
        import_table(tmp_path / "a", tmp_path / "t.parquet", columns={"id": "cell"})


def test_rows_and_vectors_that_do_not_match(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", tables.vectors(3))
    (tmp_path / "t.csv").write_text("id\n1\n2\n")
    with pytest.raises(InputError, match="has 2 rows and there are 3 vectors"):
        import_table(tmp_path / "a", tmp_path / "t.csv", vectors=tmp_path / "v.npy")


def test_a_footprint_is_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        'id,vector,geometry\n1,"[1, 0]","POLYGON ((1 2, 3 2, 3 4, 1 2))"\n2,"[0, 1]",POINT (5 6)\n'
    )
    import_table(tmp_path / "a", tmp_path / "t.csv")
    gallery = open_store(tmp_path / "a").gallery()
    assert gallery.tile(0).footprint == Footprint(((1, 2), (3, 2), (3, 4)))
    assert gallery.tile(1).footprint == Footprint(((5, 6),))
