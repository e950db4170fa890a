"""Peak memory of adding many pictures.

`python -m tests.archive.memory FOLDER --pictures 100000` makes so many small JPEGs, adds them with a tiny
encoder and prints the peak of the process. `--seconds N` stops after so long; the same command goes on then.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from swath import archive
from tests.tiny import TinyEncoder

_A_FOLDER = 1000


def make_pictures(folder: Path, count: int, deadline: float) -> int:
    """Write those of the pictures that are not there, until the deadline; how many there are."""
    for start in range(0, count, _A_FOLDER):
        part = folder / f"{start:07}"
        if part.is_dir():
            continue
        if time.monotonic() > deadline:
            return start
        new = part.with_suffix(".new")
        new.mkdir(parents=True, exist_ok=True)
        for index in range(start, min(start + _A_FOLDER, count)):
            colours = np.random.default_rng(index).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(colours).resize((32, 32)).save(new / f"{index:07}.jpg")
        new.rename(part)
    return count


def run(folder: Path, count: int, seconds: float) -> dict[str, object]:
    """Add the pictures; figures of this process."""
    begun = time.monotonic()
    made = make_pictures(folder / "in", count, begun + seconds)
    path = folder / "archive"
    store = archive.open_store(path) if path.exists() else archive.create(path, TinyEncoder())

    def watch(done: int, total: int | None, what: str) -> None:
        if time.monotonic() > begun + seconds:
            raise KeyboardInterrupt

    before = store.info().tiles
    if made == count:
        with suppress(KeyboardInterrupt):
            store.add([folder / "in"], TinyEncoder(), progress=watch)
    tiles = store.info().tiles
    return {
        "pictures": made,
        "tiles": tiles,
        "complete": tiles == count,
        "seconds": round(time.monotonic() - begun, 1),
        "added now": tiles - before,
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
        "table bytes a tile": round(store.info().bytes_by_part["tiles.lance"] / max(1, tiles)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1e9)
    options = parser.parse_args()
    print(json.dumps(run(options.folder, options.pictures, options.seconds), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
