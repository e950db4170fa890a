"""What becomes of items in an archive: times, attributes, changes, and what catalogues cannot be asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import swath
from swath import archive
from swath.archive import Store
from swath.errors import InputError
from swath.imagery import Remote, Tiling, remote
from tests.archive.world import raster
from tests.imagery.stac import COG, item, towns, write
from tests.server import serving
from tests.tiny import TinyEncoder


@pytest.fixture
def store(tmp_path: Path, tiny: TinyEncoder) -> Iterator[Store]:
    made = archive.create(tmp_path / "archive", tiny, Tiling(size=32))
    yield made
    assert made.verify() == []


def test_times_and_properties_are_kept(store: Store, tmp_path: Path, tiny: TinyEncoder) -> None:
    document = towns(tmp_path / "in")
    report = store.add([document], tiny, attributes={"run": 1})
    assert (report.files, report.tiles_added, report.skipped) == (2, 24, ())
    assert store.info().roots == (str(tmp_path / "in"),)
    gallery = store.gallery()
    assert gallery.tile(0).time == datetime(2021, 6, 30, 12, tzinfo=UTC)
    kept = dict(gallery.tile(23).attributes)
    assert kept | {"eo_cloud_cover": 10.0, "item": "b", "collection": "towns", "run": 1.0} == kept
    assert {"crs", "resolution", "bands"} <= set(kept)
    assert (store.add([document], tiny).tiles_known, store.info().tiles) == (24, 24)


def test_changed_moved_and_removed_files_of_a_catalogue(
    store: Store, tmp_path: Path, tiny: TinyEncoder
) -> None:
    folder = tmp_path / "in"
    store.add([towns(folder)], tiny)
    raster(folder / "a/a.tif", 7)
    report = store.add([folder / "c.json"], tiny)
    assert (report.tiles_added, report.tiles_removed, report.tiles_known) == (12, 12, 12)
    encoded = tiny.encoded
    (folder / "b/b.tif").rename(folder / "b/moved.tif")
    os.utime(folder / "b/moved.tif")
    visual = {"visual": {"href": "moved.tif", "type": COG, "roles": ["visual"]}}
    write(folder / "b/b.json", item("b", visual))
    assert store.add([folder / "c.json"], tiny).tiles_known == 24
    assert (tiny.encoded, store.info().files) == (encoded, 2)
    (folder / "a/a.tif").unlink()
    with pytest.raises(InputError, match="what a catalogue lists lies elsewhere"):
        store.prune([folder / "c.json"])
    assert store.prune([folder]).files == 1
    assert store.remove([folder / "b"]).tiles == 12


def test_a_property_of_another_kind_skips_its_item(store: Store, tmp_path: Path, tiny: TinyEncoder) -> None:
    folder = tmp_path / "in"
    document = towns(folder)
    write(folder / "b/b.json", item("b", None, **{"eo:cloud_cover": "cloudy"}))
    report = store.add([document], tiny)
    assert report.tiles_added == 12
    ((path, reason),) = report.skipped
    assert path == str(folder / "b/b.tif")
    assert (
        "attribute 'eo_cloud_cover' is a number in this archive and cannot take the text 'cloudy'" in reason
    )


def test_a_catalogue_at_an_address_and_its_progress(
    store: Store, tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(remote, "_DELAYS", ())
    towns(tmp_path / "in")
    seen: list[tuple[int, int | None]] = []
    with serving(tmp_path / "in") as served:
        document = Remote(f"{served.url}/c.json")
        report = store.add([document], tiny, progress=lambda done, total, _: seen.append((done, total)))
        assert (report.tiles_added, report.skipped) == (24, ())
        # Once to see what it is, once to read it; the items once, and nothing to count them.
        assert (served.total("c.json"), served.total("a.json"), served.total("b.json")) == (2, 1, 1)
        assert seen[-1] == (24, 24)
        served.folder = tmp_path / "nowhere"
        ((path, reason),) = store.add([document], tiny).skipped
        assert path == document.url
        assert "its server answers 404" in reason


def test_in_python(tiny_home: Path, tmp_path: Path) -> None:
    towns(tmp_path / "in")
    encoder = tiny_home / "encoders" / "base"
    made = swath.index(
        tmp_path / "in/c.json", tmp_path / "a", encoder, tile_size=32, assets="visual", levels=2
    )
    assert len(made) == 2 * (12 + 4)
    assert made.show(made.search("red", k=1)[0].tile.id).files[0].suffix == ".tif"
