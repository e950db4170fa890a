"""From a raster to a committed archive: tiles a second, and what reading, encoding and writing take of it."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath import archive, imagery
from swath.encoders import OnnxEncoder, session
from swath.errors import InputError
from swath.evaluation.environment import environment, swath_version
from swath.imagery import Tiling
from swath.types import Encoder, ImageFeatures, TextFeatures, Window

_BATCH = 32
"""Tiles that an archive hands to its encoder at a time."""


class IndexingResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.indexing/1"):
    """Rates are tiles a second; times are milliseconds a tile."""

    scenes: int
    pixels: int
    """Of all scenes."""
    tiles: int
    """That were indexed."""
    index: float
    """From the raster to the last commit, without the time that checksums of files take."""
    digest_seconds: float
    digest_bytes: int
    read: float
    """Of all threads that read together."""
    encode: float
    write: float
    wait: float
    """For which the encoder waited for tiles."""
    peak_bytes: int
    """Of the whole process until then, encoder included."""
    bare_session: float
    """The image session alone, with pixels that are there."""
    bare_reads: dict[int, float]
    """By number of threads: rasterio alone, every thread with a handle of its own."""
    free_index: dict[int, float]
    """By number of threads: from the raster to the last commit, with an encoder that costs nothing."""
    environment: dict[str, str]
    swath: str


def measure_indexing(
    scenes: Sequence[Path],
    encoder: OnnxEncoder,
    *,
    tiles: int = 256,
    reads: int = 2048,
    tiling: Tiling | None = None,
    threads: int = 2,
) -> IndexingResult:
    """Index so many tiles of scenes, and so many more without an encoder, beside the parts alone.

    Raises `InputError` where the scenes have no tiles, and what indexing raises.
    """
    tiling = tiling or Tiling()
    bare = _bare_session(encoder, threads)
    started = perf_counter()
    for scene in scenes:
        imagery.digest(scene)
    digest_seconds = perf_counter() - started
    with tempfile.TemporaryDirectory() as name:
        report = archive.create(Path(name) / "archive", encoder, tiling).add(
            scenes, encoder, threads=threads, most=tiles
        )
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if not report.tiles_added:
            raise InputError(f"the scenes gave no tiles: {report.skipped or 'they are empty'}")
        # Only the first of several scenes may have been read.
        first = min(digest_seconds, report.read_seconds) if len(scenes) == 1 else 0.0
        free = {}
        for number in sorted({1, threads}):
            store = archive.create(Path(name) / f"free{number}", _Free(encoder), tiling)
            quick = store.add(scenes, _Free(encoder), threads=number, most=reads)
            free[number] = quick.tiles_added / (quick.seconds - first)
    windows = imagery.windows(scenes[0], tiling)[:reads]
    added = report.tiles_added
    return IndexingResult(
        scenes=len(scenes),
        pixels=sum(map(_pixels, scenes)),
        tiles=added,
        index=added / (report.seconds - first),
        digest_seconds=digest_seconds,
        digest_bytes=sum(scene.stat().st_size for scene in scenes),
        read=1e3 * (report.read_seconds - first) / added,
        encode=1e3 * report.encode_seconds / added,
        write=1e3 * report.write_seconds / added,
        wait=1e3 * max(0.0, report.wait_seconds - first) / added,
        peak_bytes=peak,
        bare_session=bare,
        bare_reads={number: _bare_reads(scenes[0], windows, number) for number in sorted({1, threads})},
        free_index=free,
        environment=environment(),
        swath=swath_version(),
    )


def _bare_session(encoder: OnnxEncoder, threads: int) -> float:
    assert encoder.folder is not None, "an encoder of ONNX files lies in a folder"
    image = session(encoder.folder / "image.onnx", threads)
    pixels = np.random.default_rng(0).integers(
        0, 256, (_BATCH, encoder.image_size, encoder.image_size, 3), np.uint8
    )
    image.run(None, {"pixels": pixels})
    started = perf_counter()
    for _ in range(2):
        image.run(None, {"pixels": pixels})
    return 2 * _BATCH / (perf_counter() - started)


def _bare_reads(scene: Path, windows: Sequence[Window], threads: int) -> float:
    """Windows a second by rasterio alone: runs of windows one after the other, as a plain program would."""
    import rasterio
    from rasterio.windows import Window as Part

    def read(part: Sequence[Window]) -> None:
        with rasterio.open(scene) as dataset:
            bands = list(range(1, min(3, dataset.count) + 1))
            for one in part:
                dataset.read(bands, window=Part(one.column, one.row, one.width, one.height))

    share = -(-len(windows) // threads)
    parts = [windows[start : start + share] for start in range(0, len(windows), share)]
    with ThreadPoolExecutor(threads) as pool:
        started = perf_counter()
        list(pool.map(read, parts))
        return len(windows) / (perf_counter() - started)


def _pixels(scene: Path) -> int:
    import rasterio

    with rasterio.open(scene) as dataset:
        return int(dataset.width * dataset.height)


class _Free:
    """An encoder in all but its vectors, which are one vector and cost nothing."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.revision, self.dim = encoder.name, encoder.revision, encoder.dim
        self.image_size, self.folder = encoder.image_size, None
        side = encoder.image_size
        self._one = encoder.encode_images(np.zeros((1, side, side, 3), np.uint8))

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        """The vector of a black picture, whatever is seen."""
        one, count = self._one, len(batch)
        tokens = None if one.tokens is None else np.repeat(one.tokens, count, axis=0)
        return ImageFeatures(np.repeat(one.embedding, count, axis=0), tokens)

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Nobody asks."""
        raise NotImplementedError
