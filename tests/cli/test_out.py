"""What leaves an archive as files: `search --out` and `dump`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.serving import read_hits
from tests.cli.conftest import Run


@pytest.fixture
def archive(town: Path) -> Path:
    return town / "town.swath"


def test_search_writes_several_files_at_once(run: Run, archive: Path) -> None:
    names = ("a.geojson", "b.parquet", "c.csv", "d.geoparquet")
    outs = [word for name in names for word in ("--out", name)]
    ended = run("search", archive, "red", "-k", 3, "--json", *outs)
    assert ended.code == 0
    assert ended.err.splitlines() == [f"hits: {name}" for name in names]
    found = [(hit["rank"], hit["id"]) for hit in json.loads(ended.out)["hits"]]
    assert [read_hits(Path(name)) for name in names] == [found] * 4


def test_a_wrong_name_is_refused_before_anything_is_searched(run: Run, archive: Path) -> None:
    ended = run("search", archive, "red", "--out", "a.csv", "--out", "a.shp")
    assert (ended.code, ended.out) == (2, "")
    assert "a.shp" in ended.err and ".geojson, .parquet, .geoparquet or .csv" in ended.err
    assert not Path("a.csv").exists()
    assert run("search", archive, "--queries", "q.txt", "--json", "--out", "a.csv").code == 2


def test_dump_and_import(run: Run, archive: Path) -> None:
    ended = run("dump", archive, "--out", "tiles.parquet", "--with-embeddings")
    assert (ended.code, ended.out) == (0, "tiles.parquet: 19 tiles\n")
    ended = run("import", "copy.swath", "tiles.parquet", "--encoder", "base")
    assert (ended.code, "19 tiles added" in ended.out) == (0, True)
    assert "red.png" in run("search", "copy.swath", "red", "-k", 1, "--json").out
    assert run("dump", archive, "--out", "tiles.csv").code == 2
    assert run("dump", archive, "--out", "nowhere/tiles.parquet").code == 2
