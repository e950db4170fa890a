"""`bench indexing`: what it prints and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.evaluation.indexing import IndexingResult
from tests.archive.world import raster
from tests.cli.conftest import Run


def test_indexing(run: Run) -> None:
    raster(Path("a.tif"), 1, columns=8, rows=8)
    options = ("--tile-size", 32, "--levels", 2, "--tiles", 40, "--reads", 20, "--threads", 2)
    ended = run("bench", "indexing", "a.tif", *options, "--json", "indexing.json")
    assert (ended.code, ended.err) == (0, "")
    names = [line.split("  ")[0] for line in ended.out.splitlines()]
    assert names == [
        *("scenes", "index", "of the bare session", "a tile", "waiting"),
        *("without encoding, 1", "without encoding, 2", "rasterio alone, 1", "rasterio alone, 2", "memory"),
    ]
    written = json.loads(Path("indexing.json").read_text())
    assert set(written) == {"format", *IndexingResult.__struct_fields__}
    assert (written["format"], written["tiles"], written["pixels"]) == ("swath.indexing/1", 40, 256 * 256)
    assert all(written[name] > 0 for name in ("index", "encode", "write", "bare_session", "peak_bytes"))
    assert json.loads(run("bench", "indexing", "a.tif", *options, "--json", "-").out)["scenes"] == 1


@pytest.mark.parametrize("name", ["nothing.tif", "empty.tif"])
def test_scenes_without_tiles(run: Run, name: str) -> None:
    Path("empty.tif").touch()
    assert run("bench", "indexing", name).code in (1, 2)
