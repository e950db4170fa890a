"""Rasters at addresses, from a server on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from swath import archive
from swath.archive import Store
from swath.errors import ImageryError, InputError
from swath.imagery import Remote, Tiling, cut, digest, open_picture, read, remote
from swath.serving.tiles import TileDetails, unchanged
from swath.types import Window
from tests.archive.world import StoppingEncoder, raster
from tests.server import Served, serving
from tests.tiny import TinyEncoder

TILING = Tiling(size=32)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server with `scenes/a.tif` of 12 windows."""
    monkeypatch.setattr(remote, "_DELAYS", (0.01, 0.01))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    raster(tmp_path / "www/scenes/a.tif", 1)
    with serving(tmp_path / "www") as one:
        yield one


@pytest.fixture
def store(tmp_path: Path, tiny: TinyEncoder) -> Iterator[Store]:
    made = archive.create(tmp_path / "archive", tiny, TILING)
    yield made
    assert made.verify() == []


def test_a_raster_is_read_where_it_is(
    store: Store, served: Served, tmp_path: Path, tiny: TinyEncoder
) -> None:
    url = f"{served.url}/scenes/a.tif"
    report = store.add([Remote(url)], tiny)
    assert (report.files, report.tiles_added, report.skipped) == (1, 12, ())
    assert store.info().roots == (f"{served.url}/scenes",)
    gallery = store.gallery()
    assert set(gallery.attribute("source").tolist()) == {url}
    local = archive.create(tmp_path / "local", tiny, TILING)
    local.add([tmp_path / "www/scenes/a.tif"], tiny)
    assert np.array_equal(local.gallery().signal("dense"), gallery.signal("dense"))
    assert gallery.tile(3).footprint == local.gallery().tile(3).footprint


def test_only_parts_of_a_large_one_are_sent(served: Served) -> None:
    path = raster(served.folder / "large.tif", 2, columns=40, rows=40)
    assert path.stat().st_size > 4_900_000
    place = Remote(f"{served.url}/large.tif")
    served.sent = 0
    assert len(list(read(place, [Window(0, 0, 32, 32)], TILING))) == 1
    assert served.sent < 400_000


def test_what_is_as_it_was_is_asked_for_and_not_read(store: Store, served: Served, tiny: TinyEncoder) -> None:
    place = Remote(f"{served.url}/scenes/a.tif")
    store.add([place], tiny)
    committed, encoded = store.info().committed, tiny.encoded
    served.requests.clear()
    report = store.add([place], tiny)
    assert (report.tiles_added, report.tiles_known, report.commits) == (0, 12, 0)
    assert served.requests == {"GET /scenes/a.tif": 1}
    assert (store.info().committed, tiny.encoded) == (committed, encoded)


@pytest.mark.parametrize("etag", ["md5", "time", ""])
def test_what_changed_is_encoded_again_and_its_old_tiles_leave(
    store: Store, served: Served, tiny: TinyEncoder, etag: str
) -> None:
    served.etag = etag
    place = Remote(f"{served.url}/scenes/a.tif")
    store.add([place], tiny)
    raster(served.folder / "scenes/a.tif", 2_000_000_000)  # seconds later
    report = store.add([place], tiny)
    assert (report.tiles_added, report.tiles_removed, store.info().tiles) == (12, 12, 12)


def test_what_moved_is_recognised_by_its_checksum_alone(
    store: Store, served: Served, tiny: TinyEncoder
) -> None:
    store.add([Remote(f"{served.url}/scenes/a.tif")], tiny)
    (served.folder / "scenes").rename(served.folder / "moved")
    report = store.add([Remote(f"{served.url}/moved/a.tif")], tiny)
    assert (report.tiles_added, report.tiles_known) == (0, 12)
    # Time and size do not stand for the content: two files of one second may have the same.
    served.etag = "time"
    shutil.copy2(served.folder / "moved/a.tif", served.folder / "copy.tif")
    one, two = (Remote(f"{served.url}/{name}") for name in ("moved/a.tif", "copy.tif"))
    assert digest(one) != digest(two)
    assert digest(one) == digest(Remote(f"{one.url}?signature=1"))


def test_a_signature_that_changes_makes_no_other_file(
    store: Store, served: Served, tiny: TinyEncoder
) -> None:
    for day in range(3):
        store.add([Remote(f"{served.url}/scenes/a.tif?sig=/{day}")], tiny)
    assert store.info().files == 1
    assert store.gallery().tile(0).source == f"{served.url}/scenes/a.tif?sig=/2"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"ranges": False}, "gives whole files only"),
        ({"etag": "", "modified": False}, "tells neither an ETag nor time and size"),
        ({"fail": 1000}, "its server answers 503"),
    ],
)
def test_servers_without_manners_are_told(
    store: Store, served: Served, tiny: TinyEncoder, how: dict[str, object], words: str
) -> None:
    for name, value in how.items():
        setattr(served, name, value)
    url = f"{served.url}/scenes/a.tif"
    report = store.add([Remote(url)], tiny)
    assert report.tiles_added == 0
    ((path, reason),) = report.skipped
    assert path == url
    assert words in reason


def test_what_is_not_there_and_what_is_no_tiff_is_told(
    store: Store, served: Served, tiny: TinyEncoder
) -> None:
    (served.folder / "page.tif").write_text("<html>sorry</html>")
    (served.folder / "empty.tif").touch()
    (served.folder / "picture.tif").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    names = ("gone.tif", "page.tif", "empty.tif", "picture.tif", "scenes/a.tif")
    report = store.add([Remote(f"{served.url}/{name}") for name in names], tiny)
    assert report.tiles_added == 12
    reasons = [reason.removeprefix(f"{path}: ") for path, reason in report.skipped]
    assert reasons[0].startswith("its server answers 404")
    assert "HTML page" in reasons[1]
    assert reasons[2].startswith("is empty")
    assert "is no TIFF" in reasons[3]


def test_a_server_that_fails_now_and_then_is_asked_again(
    store: Store, served: Served, tiny: TinyEncoder
) -> None:
    served.fail = 2
    assert store.add([Remote(f"{served.url}/scenes/a.tif")], tiny).skipped == ()


def test_one_that_fails_half_way_keeps_what_it_gave(
    store: Store, served: Served, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = raster(served.folder / "large.tif", 2, columns=40, rows=10)
    assert path.stat().st_size > 1_000_000
    place = Remote(f"{served.url}/large.tif")
    served.breaks_at = 700_000
    report = store.add([place], tiny)
    served.breaks_at = None
    ((where, reason),) = report.skipped
    assert where == place.url
    assert "run this again later to go on" in reason
    there = store.info().tiles
    assert there == report.tiles_added < 400
    report = store.add([place], tiny)
    assert (report.tiles_added, report.skipped) == (400 - there, ())


def test_half_a_remote_scene_goes_on(store: Store, served: Served, tiny: TinyEncoder) -> None:
    raster(served.folder / "large.tif", 2, columns=12, rows=9)
    place = Remote(f"{served.url}/large.tif")
    with pytest.raises(KeyboardInterrupt):
        store.add([place], StoppingEncoder(20, KeyboardInterrupt), batch=8, commit_every=0, threads=3)
    there = store.info().tiles
    assert 0 < there < 108
    report = store.add([place], tiny)
    assert (report.tiles_added, store.info().incomplete) == (108 - there, 0)


def test_tiles_are_cut_out_of_what_is_as_it_was(
    store: Store, served: Served, tmp_path: Path, tiny: TinyEncoder
) -> None:
    place = Remote(f"{served.url}/scenes/a.tif")
    store.add([place], tiny)
    tile = store.gallery().tile(5)
    origin = store.origin(tile.id)
    assert origin is not None
    details = TileDetails(tile, *origin)
    assert details.files == (place,)
    assert unchanged(details) == place
    for name in ("out.png", "out.tif"):
        cut(unchanged(details), tile.window, tmp_path / name, TILING)
    cut(served.folder / "scenes/a.tif", tile.window, tmp_path / "local.png", TILING)
    assert np.array_equal(open_picture(tmp_path / "out.png"), open_picture(tmp_path / "local.png"))
    raster(served.folder / "scenes/a.tif", 2)
    with pytest.raises(ImageryError, match="was changed since"):
        unchanged(details)
    (served.folder / "scenes/a.tif").unlink()
    with pytest.raises(ImageryError, match="is not there any more"):
        unchanged(details)


def test_removing_pruning_and_relocating(
    store: Store, served: Served, tmp_path: Path, tiny: TinyEncoder
) -> None:
    for name in ("b", "c"):
        raster(served.folder / f"scenes/{name}.tif", ord(name))
    places = [Remote(f"{served.url}/scenes/{name}.tif") for name in "abc"]
    store.add(places, tiny)
    assert store.remove([places[0]]).tiles == 12
    (served.folder / "scenes/b.tif").unlink()
    assert store.prune([Remote(f"{served.url}/scenes")]).files == 1
    assert set(store.gallery().attribute("source").tolist()) == {places[2].url}
    for old, new in ((Remote(served.url), tmp_path), (tmp_path, Remote(served.url))):
        with pytest.raises(InputError, match="index it at its new address"):
            store.relocate(old, new)
    with pytest.raises(InputError, match="knows no file there"):
        store.remove([Remote("https://example.org/x")])


def test_another_encoder_reads_it_again(store: Store, served: Served, tiny: TinyEncoder) -> None:
    from tests.archive.nursery import OtherEncoder

    place = Remote(f"{served.url}/scenes/a.tif")
    store.add([place], tiny)
    report = store.reencode(OtherEncoder())
    assert (report.switched, report.encoded) == (True, 12)
    (served.folder / "scenes/a.tif").unlink()
    report = store.reencode(TinyEncoder())
    assert not report.switched
    assert "404" in report.missing[0][1]


def test_an_object_store_is_read_by_its_own_interface(
    store: Store, served: Served, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    remote._store.cache_clear()
    place = Remote("s3://scenes/a.tif")
    report = store.add([place, Remote("s3://scenes/gone.tif")], tiny)
    assert report.tiles_added == 12
    ((path, reason),) = report.skipped
    assert path == "s3://scenes/gone.tif"
    assert "no such object" in reason
    assert store.info().roots == ("s3://scenes",)
    # The same bytes by another way are the same content.
    assert digest(place) == digest(Remote(f"{served.url}/scenes/a.tif"))
    remote._store.cache_clear()


def test_a_server_that_nobody_runs_is_told(
    store: Store, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_DELAYS", ())
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    ((_, reason),) = store.add([Remote("http://127.0.0.1:1/a.tif")], tiny).skipped
    assert "cannot be reached" in reason
