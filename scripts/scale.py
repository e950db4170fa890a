"""What many tiles cost: measures the rates of this machine, and prints a table of what follows from them.

    .venv/bin/python scripts/scale.py ARCHIVE [--tiles 1e9]

ARCHIVE is one of the encoder and the kind of imagery in question: its bytes per tile are taken, and its
encoder is measured on noise. All is measured with one thread, so that figures can be multiplied, and in
seconds of the processor, so that others who use the machine count little. docs/scale.md says what follows.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from swath import archive, encoders
from swath.archive import Unit, encode_unit
from swath.search import MemoryGallery, Shards, run_many
from swath.search.query import EncodedQuery

ROWS, QUERIES, PARTS = 400_000, 5, 16
WORKERS = (64, 256, 1024)
SHARD = 10_000_000


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("archive", type=Path)
    options.add_argument("--tiles", type=float, default=1e9)
    given = options.parse_args()
    store = archive.open_store(given.archive)
    info = store.info()
    encoder = encoders.load(store.encoder_folder, 1)
    images = rate(lambda: encoder.encode_images(noise(32, encoder.image_size)), 32)
    gather = gathered(store)
    whole, parts = scans(info.encoder.dim)
    print(
        f"measured, one thread: {images:.1f} images encoded a second, {gather:.0f} tiles gathered a second,"
    )
    print(f"{whole:.1f} ns a tile scanned in one archive, {parts:.1f} in {PARTS} searched as one;")
    print(f"{info.bytes_per_tile:,.0f} bytes a tile stored, {info.encoder.dim + 12} of them read by a scan\n")
    n, hour = given.tiles, 3600.0
    print(f"{n:,.0f} tiles:\n")
    print("| Processors that encode | Hours |\n|---:|---:|")
    for workers in WORKERS:
        print(f"| {workers:,} | {n / (images * workers) / hour:,.0f} |")
    shards = -(-int(n) // SHARD)
    print(f"\n{shards:,} archives of {SHARD:,} tiles, gathered in {SHARD / gather / hour:,.1f} hours each")
    scanned = n * (info.encoder.dim + 12)
    print(
        f"{n * info.bytes_per_tile / 1e12:,.1f} TB in all, {scanned / 1e12:,.2f} TB of them to be scanned\n"
    )
    print("| Machines of 32 processors | Memory for the scan, each | Exact search |\n|---:|---:|---:|")
    for machines in (1, 4, 16, 64):
        seconds = n * parts / 1e9 / (32 * machines)
        print(f"| {machines} | {scanned / machines / 1e9:,.0f} GB | {seconds:,.2f} s |")


def noise(count: int, side: int) -> Any:
    """Pictures that compress to nothing."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def rate(work: Callable[[], object], count: int, least: float = 5.0) -> float:
    """How many a second of the processor, in the best of some rounds."""
    work()
    best, begun = 0.0, time.process_time()
    while time.process_time() - begun < least:
        before = time.process_time()
        work()
        best = max(best, count / (time.process_time() - before))
    return best


class Replayed:
    """Gives each picture a vector of its own at once, so that all the rest is measured."""

    def __init__(self, encoder: Any) -> None:
        self._encoder, self._features = encoder, encoder.encode_images(noise(32, encoder.image_size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_images(self, batch: Any) -> Any:
        """Implements `swath.types.Encoder`."""
        from swath.types import ImageFeatures

        rows = np.arange(len(batch)) % 32
        return ImageFeatures(*(None if part is None else part[rows] for part in self._parts()))

    def _parts(self) -> tuple[Any, Any]:
        return self._features.embedding, self._features.tokens


def gathered(store: archive.Store, side: int = 8192) -> float:
    """Tiles a second that one process adds of what workers left."""
    import rasterio

    replayed = Replayed(encoders.load(store.encoder_folder, 1))
    folder = Path(tempfile.mkdtemp(prefix="swath-scale-"))
    times: list[float] = []

    @contextmanager
    def encoding(units: Sequence[Unit]) -> Any:
        done: dict[Path, Future[None]] = {}
        for unit in units:
            encode_unit(unit, replayed, threads=2)
            done[unit.path] = Future()
            done[unit.path].set_result(None)
        times.append(time.process_time())
        yield done

    try:
        pixels = np.random.default_rng(0).integers(1, 255, (side, side), dtype=np.uint8)
        with rasterio.open(
            folder / "scene.tif", "w", driver="GTiff", width=side, height=side, count=1, dtype="uint8",
            tiled=True, crs="EPSG:32633", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6),
        ) as file:  # fmt: skip
            file.write(pixels, 1)
        made = archive.create(folder / "a", replayed, store.info().tiling)
        report = made.add_encoded([folder / "scene.tif"], replayed, encoding, 2)
        return report.tiles_added / (time.process_time() - times[0])
    finally:
        shutil.rmtree(folder)


def scans(dim: int) -> tuple[float, float]:
    """Nanoseconds a tile of an exact search: in one gallery, and in several as one."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(ROWS, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    half = vectors.astype(np.float16)
    ids = [f"{number:032x}" for number in rng.permutation(ROWS).tolist()]
    step = ROWS // PARTS
    parts = [
        MemoryGallery(ids[first : first + step], {"dense": half[first : first + step]}, compact=True)
        for first in range(0, ROWS, step)
    ]
    found = []
    for gallery in (MemoryGallery(ids, {"dense": half}, compact=True), Shards(parts)):
        asked = iter([vectors[number] for number in rng.integers(0, ROWS, 10_000).tolist()])

        def search(gallery: Any = gallery, asked: Any = asked) -> None:
            run_many("dense", gallery, [EncodedQuery(next(asked))], 20, threads=1)

        found.append(1e9 / rate(search, ROWS))
    return found[0], found[1]


if __name__ == "__main__":
    main()
