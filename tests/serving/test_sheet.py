"""Contact sheets: what is on them, and that nothing on them can do harm."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swath.errors import InputError
from swath.hits import Hit, Hits
from swath.imagery import thumbnail
from swath.serving import write_sheet
from swath.serving.heat import overlay
from swath.types import Footprint, Tile, Window

_EVIL = "<script>alert(1)</script>\"'&.png"


def _picture(value: int, width: int = 160, height: int = 160) -> bytes:
    return thumbnail(np.full((height, width, 3), value, np.uint8))


def _hits(count: int, *, score: float | None = 0.5, source: str = "/data/scene.tif") -> Hits:
    ring = ((-75.0, 38.0), (-74.0, 38.0), (-74.0, 37.0), (-75.0, 37.0))
    tiles = [
        Tile(
            f"{i:032x}",
            source,
            Window(256 * i, 0, 256, 128),
            Footprint(ring),
            datetime(2024, 6, 15, tzinfo=UTC),
        )
        for i in range(count)
    ]
    return Hits(
        tuple(Hit(i + 1, tile, 0.25 - i / 100, score) for i, tile in enumerate(tiles)), "dense:100 > btgi"
    )


def _thumbnails(ids: Collection[str]) -> dict[str, bytes]:
    return {name: _picture(200) for name in ids}


class _Reader(HTMLParser):
    """Tags and texts of a page; fails on tags that do not nest."""

    _VOID = frozenset({"meta", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def test_page_shows_what_a_hit_is(tmp_path: Path) -> None:
    path = write_sheet(_hits(3), tmp_path / "s.html", _thumbnails, title="round storage tanks")
    page = _read(path)
    text = "\n".join(page.texts)
    for shown in (
        *("round storage tanks", "3 hits", "dense:100 > btgi", "50 %", "0.250", "0.230", "scene.tif"),
        *("256 x 128 at 512, 0", "37.5000° N, 74.5000° W", "2024-06-15 00:00", f"{2:032x}"),
    ):
        assert shown in text
    images = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 3
    data = str(images[0]).removeprefix("data:image/jpeg;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(data, validate=True))).size == (160, 160)


def test_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    path = write_sheet(_hits(2), tmp_path / "s.htm", _thumbnails)
    page = _read(path)
    assert "url(" not in path.read_text(encoding="utf-8")
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"} == set()
    for _, attributes in page.tags:
        assert all(not name.startswith("on") for name in attributes)
        assert all(
            str(attributes[name]).startswith("data:") for name in ("src", "href") if name in attributes
        )


def test_names_and_queries_cannot_break_out(tmp_path: Path) -> None:
    hits = _hits(1, source=f"/data/{_EVIL}")
    page = _read(write_sheet(hits, tmp_path / "s.html", _thumbnails, title=_EVIL))
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.texts.count(_EVIL) == 2  # title and heading
    assert page.texts.count(Path(_EVIL).name) == 1
    titles = [attributes["title"] for tag, attributes in page.tags if "title" in attributes]
    assert titles == [f"/data/{_EVIL}"]


@pytest.mark.parametrize("suffix", ["html", "png"])
@pytest.mark.parametrize("source", ["/data/\udcff\udcfe.tif", "/data/line\nbreak\x1b[31m.tif", "東京.tif"])
def test_odd_names(suffix: str, source: str, tmp_path: Path) -> None:
    path = write_sheet(
        _hits(1, source=source), tmp_path / f"s.{suffix}", _thumbnails, title=f"a\0b \udcff {source}"
    )
    assert path.stat().st_size > 500
    assert b"\x1b" not in path.read_bytes() if suffix == "html" else True


@pytest.mark.parametrize("suffix", ["html", "png"])
def test_no_hits_and_no_thumbnails(suffix: str, tmp_path: Path) -> None:
    write_sheet(_hits(0), tmp_path / f"none.{suffix}", _thumbnails)
    write_sheet(_hits(2, score=None), tmp_path / f"bare.{suffix}", lambda ids: {})
    if suffix == "html":
        assert "Nothing was found." in "".join(_read(tmp_path / "none.html").texts)
        assert "50 %" not in (tmp_path / "bare.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("count", "columns"), [(1, 3), (4, 3), (12, 5), (40, 6)])
def test_picture_is_a_grid(count: int, columns: int, tmp_path: Path) -> None:
    path = write_sheet(_hits(count), tmp_path / "s.PNG", _thumbnails, title="tanks " * 60)
    with Image.open(path) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    rows = -(-count // columns)
    # Thumbnails are flat grey 200, and nothing else on the sheet is: a full column of it for each.
    grey = (pixels == 200).all(2)
    assert grey.sum() == pytest.approx(count * 224 * 224, rel=0.03)
    assert grey.any(1).sum() == pytest.approx(rows * 224, abs=rows)
    assert grey.any(0).sum() == pytest.approx(min(count, columns) * 224, abs=columns)


def test_picture_keeps_proportions(tmp_path: Path) -> None:
    path = write_sheet(
        _hits(1), tmp_path / "s.png", lambda ids: {name: _picture(200, 160, 40) for name in ids}
    )
    with Image.open(path) as image:
        grey = (np.asarray(image.convert("RGB")) == 200).all(2)
    assert grey.any(0).sum() == pytest.approx(224, abs=2)
    assert grey.any(1).sum() == pytest.approx(56, abs=2)


def test_heat_is_laid_over_where_the_words_are(tmp_path: Path) -> None:
    hits = _hits(2)
    heat = {hits[0].tile.id: np.array([[0.1, 0.7], [0.1, 0.1]], np.float32)}
    plain = write_sheet(hits, tmp_path / "plain.png", _thumbnails)
    path = write_sheet(hits, tmp_path / "s.png", _thumbnails, heat=heat)
    with Image.open(plain) as before, Image.open(path) as after:
        changed = (np.asarray(before) != np.asarray(after)).any(-1)
        pixels = np.asarray(after.convert("RGB")).astype(int)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    # The first picture begins at 32, 104 and is 224 wide: most of the change is in its upper right quarter.
    assert columns.min() >= 32 and columns.max() < 32 + 224 and rows.min() >= 104 and rows.max() < 104 + 224
    assert changed[104:216, 144:256].mean() > 0.9 and changed[216:328, 32:144].mean() < 0.3
    red, _, blue = pixels[150, 215]
    assert red > blue + 50
    page = _read(write_sheet(hits, tmp_path / "s.html", _thumbnails, heat=heat))
    shades = [a["src"] for tag, a in page.tags if tag == "img" and a.get("class") == "heat"]
    assert len(shades) == 1
    data = str(shades[0]).removeprefix("data:image/png;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(data, validate=True))).size == (160, 160)


def test_an_even_map_stays_clear_and_a_peak_is_framed() -> None:
    even = np.asarray(overlay(np.full((4, 4), 1 / 16, np.float32), (80, 40)))
    assert even[10:, 25:, 3].max() == 0  # but for the frame of the first cell
    peaked = np.full((4, 4), 0.02, np.float32)
    peaked[2, 1] = 0.7
    alpha = np.asarray(overlay(peaked, (80, 40)))[..., 3]
    assert alpha[25, 30] > 100 and alpha[5, 70] == 0
    assert (alpha == 235).nonzero()[0].min() == 20 and (alpha == 235).nonzero()[1].min() == 20


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.html or \.png"):
        write_sheet(_hits(1), tmp_path / "s.pdf", _thumbnails)
    with pytest.raises(InputError, match="cannot write the sheet"):
        write_sheet(_hits(1), tmp_path / "none" / "s.html", _thumbnails)
