"""Several handles on one file: the order, the bound, and errors in their place."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from swath import archive
from swath.archive.runs import RUN, Runs, Source
from swath.errors import ImageryError
from swath.imagery import TileImage, Tiling
from swath.imagery.rasters import Raster
from swath.imagery.scenes import Scene
from swath.types import Window
from tests.archive.world import content, raster
from tests.tiny import TinyEncoder

WINDOWS = [Window(number, 0, 1, 1) for number in range(10 * RUN + 3)]


class Numbers:
    """Reads nothing: a window stands for itself."""

    def read(self, windows: Sequence[Window]) -> Iterator[TileImage]:
        raise AssertionError("not used")


def numbers(_: Source, windows: Sequence[Window]) -> Iterator[int]:
    return (window.column for window in windows)


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_what_is_read_comes_out_in_order(workers: int) -> None:
    out: list[int] = []
    random = Random(workers)

    def dawdling(source: Source, windows: Sequence[Window]) -> Iterator[int]:
        for number in numbers(source, windows):
            if random.random() < 0.05:
                threading.Event().wait(0.001)
            yield number

    runs = Runs(WINDOWS, dawdling, out.append, workers)
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(workers):
            pool.submit(runs.work, Numbers())
        runs.wait()
    assert runs.over
    assert out == list(range(len(WINDOWS)))


def test_nobody_reads_further_ahead_than_the_bound() -> None:
    begun: list[int] = []
    blocked, go_on = threading.Event(), threading.Event()

    def noting(source: Source, windows: Sequence[Window]) -> Iterator[int]:
        begun.append(windows[0].column // RUN)
        return numbers(source, windows)

    def put(number: int) -> None:
        blocked.set()
        assert go_on.wait(60)

    runs = Runs(WINDOWS, noting, put, 2)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(runs.work, Numbers()) for _ in range(2)]
        assert blocked.wait(60)
        while len(begun) < 4:  # what may be begun while nothing comes out
            threading.Event().wait(0.001)
        assert not futures[0].done() and not futures[1].done()
        assert sorted(begun) == [0, 1, 2, 3]
        go_on.set()
        runs.wait()
    assert sorted(begun) == list(range(11))


@pytest.mark.parametrize("at", [0, RUN + 1, len(WINDOWS) - 1])
def test_an_error_comes_behind_what_was_before_it(at: int) -> None:
    out: list[int] = []

    def breaking(source: Source, windows: Sequence[Window]) -> Iterator[int]:
        for number in numbers(source, windows):
            if number == at:
                raise ImageryError("breaks off")
            yield number

    runs = Runs(WINDOWS, breaking, out.append, 3)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(runs.work, Numbers())
        with pytest.raises(ImageryError, match="breaks off"):
            runs.wait()
    assert out == list(range(at))


def test_who_does_not_want_more_ends_everything() -> None:
    def refuse(number: int) -> None:
        raise KeyboardInterrupt

    runs = Runs(WINDOWS, numbers, refuse, 2)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(runs.work, Numbers()) for _ in range(2)]
        with pytest.raises(KeyboardInterrupt):
            runs.wait()
        assert [future.result(60) for future in futures] == [None, None]


def test_a_large_scene_is_the_same_with_any_number_of_threads(
    tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rasterio

    path = raster(tmp_path / "in/scene.tif", 1, columns=12, rows=9)
    with rasterio.open(path, "r+") as dataset:
        dataset.nodata = 300  # its values are stretched, and a few windows are empty
    data = tmp_path / "in/wide.tif"
    with rasterio.open(path) as dataset:
        profile = {**dataset.profile, "dtype": "uint16", "nodata": 0}
        values = dataset.read().astype("uint16") * 7
    values[:, 32:64, 64:160] = 0
    with rasterio.open(data, "w", **profile) as dataset:
        dataset.write(values)
    path.unlink()
    opened: list[threading.Thread] = []
    measured: list[int] = []
    sample, enter = Scene._sample, Raster.__enter__

    def counted_sample(scene: Scene) -> object:
        measured.append(1)
        return sample(scene)

    def counted_enter(one: Raster) -> Raster:
        opened.append(threading.current_thread())
        return enter(one)

    monkeypatch.setattr(Scene, "_sample", counted_sample)
    monkeypatch.setattr(Raster, "__enter__", counted_enter)
    tiling = Tiling(size=32, levels=2)
    stores = []
    for threads in (1, 4):
        opened.clear()
        measured.clear()
        store = archive.create(tmp_path / f"a{threads}", tiny, tiling)
        report = store.add([tmp_path / "in"], tiny, threads=threads, batch=8)
        assert (report.tiles_added, report.skipped) == (12 * 9 - 3 + 6 * 5, ())
        assert len(measured) == 1, "the stretch of a scene is measured once"
        assert len({id(thread) for thread in opened}) == len(opened) <= threads
        assert report.read_seconds > 0
        stores.append(store)
    assert len(opened) > 1
    assert content(stores[0]) == content(stores[1])
    assert stores[0].gallery().ids.tolist() == stores[1].gallery().ids.tolist()


def test_half_a_large_scene_goes_on(tmp_path: Path, tiny: TinyEncoder) -> None:
    from tests.archive.world import StoppingEncoder

    raster(tmp_path / "in/scene.tif", 1, columns=12, rows=9)
    whole = archive.create(tmp_path / "whole", tiny, Tiling(size=32))
    whole.add([tmp_path / "in"], tiny)
    parts = archive.create(tmp_path / "parts", tiny, Tiling(size=32))
    with pytest.raises(KeyboardInterrupt):
        parts.add(
            [tmp_path / "in"], StoppingEncoder(20, KeyboardInterrupt), batch=8, commit_every=0, threads=3
        )
    there = parts.info().tiles
    assert 0 < there < 108
    assert parts.info().incomplete == 1
    report = parts.add([tmp_path / "in"], tiny, threads=3)
    assert (report.tiles_added, report.tiles_known) == (108 - there, there)
    assert content(parts) == content(whole)
    assert parts.info().incomplete == 0
    assert parts.verify() == []


def test_a_scene_that_breaks_off_keeps_what_was_before(
    tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    raster(tmp_path / "in/scene.tif", 1, columns=12, rows=9)
    read = Raster.read

    def breaking(one: Raster, windows: Sequence[Window]) -> Iterator[TileImage]:
        for image in read(one, windows):
            if image.window == Window(3 * 32, 4 * 32, 32, 32):
                raise ImageryError("breaks off")
            yield image

    store = archive.create(tmp_path / "a", tiny, Tiling(size=32))
    with monkeypatch.context() as patch:
        patch.setattr(Raster, "read", breaking)
        report = store.add([tmp_path / "in"], tiny, threads=4)
    assert report.tiles_added == 4 * 12 + 3
    assert report.skipped[0][1] == "breaks off (after 51 of its tiles, which are kept)"
    assert store.add([tmp_path / "in"], tiny, threads=4).tiles_added == 108 - 51
    assert store.verify() == []


def test_joining_small_commits_between_large_ones_leaves_the_archive_sound(
    tmp_path: Path, tiny: TinyEncoder
) -> None:
    store = archive.create(tmp_path / "a", tiny, Tiling(size=32))
    for number in range(18):
        raster(tmp_path / f"{number}.tif", number, columns=2, rows=1)
        store.add([tmp_path / f"{number}.tif"], tiny)
        if number == 3:
            raster(tmp_path / "large.tif", 99, columns=12, rows=9)
            store.add([tmp_path / "large.tif"], tiny, batch=256)
    assert store.info().tiles == 18 * 2 + 108
    assert store.verify() == []
