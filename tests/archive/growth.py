"""What many small additions cost: an archive that grows by one tile at a time, beside one made at once.

`python -m tests.archive.growth FOLDER --adds 300` prints both as JSON; a test makes a short run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from swath import archive
from swath.archive import Store, table
from swath.archive.files import size_of
from swath.imagery import Tiling
from tests.archive.world import picture
from tests.tiny import TinyEncoder

_TILING = Tiling(size=32)


@dataclass(frozen=True)
class Growth:
    """Sizes in bytes, times in seconds."""

    adds: int
    first_adds: float
    """Median of the first tenth."""
    last_adds: float
    """Median of the last tenth."""
    slowest_add: float
    table: int
    table_an_hour_later: int
    """When the versions that were replaced are gone."""
    table_at_once: int
    hot: int
    hot_at_once: int
    files_an_hour_later: int
    """In the folder of the table."""
    open_and_scan: float
    open_and_scan_at_once: float


def run(folder: Path, adds: int) -> Growth:
    """Add `adds` pictures one by one, and then all of them to another archive."""
    small = archive.create(folder / "small", TinyEncoder(), _TILING)
    times = []
    for index in range(adds):
        new = picture(folder / "in" / f"{index:05}.png", index)
        start = time.perf_counter()
        small.add([new], TinyEncoder())
        times.append(time.perf_counter() - start)
    whole = archive.create(folder / "whole", TinyEncoder(), _TILING)
    whole.add([folder / "in"], TinyEncoder())
    assert (small.verify(), whole.verify()) == ([], [])
    part = max(1, adds // 10)
    largest = size_of(small.path / "tiles.lance")
    growth = Growth(
        adds=adds,
        first_adds=statistics.median(times[:part]),
        last_adds=statistics.median(times[-part:]),
        slowest_add=max(times),
        table=largest,
        table_an_hour_later=_later(small),
        table_at_once=size_of(whole.path / "tiles.lance"),
        hot=size_of(small.path / "hot"),
        hot_at_once=size_of(whole.path / "hot"),
        files_an_hour_later=sum(path.is_file() for path in (small.path / "tiles.lance").rglob("*")),
        open_and_scan=_scan(small),
        open_and_scan_at_once=_scan(whole),
    )
    for name in ("small", "whole", "in"):
        shutil.rmtree(folder / name)
    return growth


def _later(store: Store) -> int:
    kept, every = table._SPARED, table._CLEAN_EVERY
    table._SPARED = table._CLEAN_EVERY = timedelta(0)
    try:
        store.add([], TinyEncoder())
    finally:
        table._SPARED, table._CLEAN_EVERY = kept, every
    return size_of(store.path / "tiles.lance")


def _scan(store: Store) -> float:
    gallery = store.gallery()
    ids = [tile_id.decode() for tile_id in gallery.ids.tolist()]
    start = time.perf_counter()
    store.thumbnails(ids)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--adds", type=int, default=300)
    options = parser.parse_args()
    print(json.dumps(asdict(run(options.folder, options.adds)), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
