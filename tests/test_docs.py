"""The examples of documents, run as they are written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from swath.cli import main
from swath.serving import read_hits
from tests.archive.world import raster
from tests.tiny import paint

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S)
    assert found
    return found


@pytest.fixture
def scenes(tmp_path: Path, tiny_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWATH_HOME", str(tiny_home))
    monkeypatch.chdir(tmp_path)
    raster(paint(tmp_path / "scenes") / "harbour.tif", seed=1, columns=12, rows=10)
    return tmp_path


def test_maps(scenes: Path) -> None:
    geopandas = pytest.importorskip("geopandas", reason="pip install 'swath[geo]'")
    names: dict[str, object] = {}
    for block in blocks("maps.md", "python"):
        exec(compile(block, "docs/maps.md", "exec"), names)
    frame, same, nearby = (names[name] for name in ("frame", "same", "nearby"))
    assert isinstance(frame, geopandas.GeoDataFrame) and len(frame) > 1
    assert frame.geometry.geom_equals(same.geometry).all()  # type: ignore[attr-defined]
    assert sorted(nearby["id"]) == sorted(frame["id"])  # type: ignore[index]
    ids = [name for _, name in read_hits(Path("boats.csv"))]
    assert ids == list(frame["id"])
    assert len(list(Path("boats").glob("*.tif"))) == len(frame)
    assert len(list(Path("catalogue/items").iterdir())) == 8
    places = names["places"]
    assert isinstance(places, list) and places[0][1] == pytest.approx((15.02, 45.14), abs=0.05)
    for line in (line for block in blocks("maps.md", "sh") for line in block.splitlines()):
        program, *arguments = shlex.split(line)
        assert program == "swath"
        assert main([*arguments, "-q"]) == 0, line
    assert Path("tanks.png").is_file() and Path("tanks.tif").is_file()
