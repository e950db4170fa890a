"""Damage to single bytes and cut files, anywhere in an archive: found by verify, harmless, or a wrong answer.

`python -m tests.archive.flips FOLDER --flips 1000 --cuts 200` is the long run; a test makes a short one.

Half of the places are drawn among all bytes, half among all files first, so that small files get their share.
An answer is wrong where it differs from that of the sound archive and no error was raised, while `verify` has
nothing to say. Whatever a search reads, the pointer, the hot columns and the encoder, must not give another
answer even where `verify` would tell: nobody runs it before every search.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import shutil
import time
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

import swath
from swath.archive import Store
from swath.errors import SwathError
from tests.archive.world import content, flip, pictures, raster
from tests.tiny_onnx import build


@dataclass
class Outcome:
    """How often what happened."""

    flips: int = 0
    cuts: int = 0
    found: int = 0
    """`verify` lists it, or the archive is refused with an error."""
    harmless: int = 0
    """Every answer stayed the same."""
    refused: int = 0
    """Found, and a search ended in an error instead of an answer."""
    wrong: list[str] = field(default_factory=list)
    slowest_verify: float = 0.0
    by_part: dict[str, list[int]] = field(default_factory=dict)
    """Tried and found, for each part of the archive."""


def make_archive(folder: Path) -> Path:
    """Pictures and a raster, encoded by a model of ONNX, grown in several commits, with a tile removed."""
    encoder = build(folder / "encoder", name="tiny")
    sources = raster(pictures(folder / "in", 12) / "scene.tif", 3).parent
    archive = swath.index(sources / "a", folder / "archive", encoder, tile_size=32, attributes={"cloud": 5})
    archive.add([sources], attributes={"sensor": "x"})
    archive.remove(sources / "b/001.png")
    return folder / "archive"


def run(folder: Path, flips: int, cuts: int, seed: int) -> Outcome:
    """Damage a copy of an archive, look at it, and begin again."""
    rng = random.Random(seed)
    sound = make_archive(folder)
    expected, kept = answers(sound), content(Store(sound))
    sizes = {
        path: path.stat().st_size
        for path in sorted(sound.rglob("*"))
        if path.is_file() and path.stat().st_size
    }
    outcome = Outcome(flips=flips, cuts=cuts)
    for number in range(flips + cuts):
        by_size = number % 2 == 0
        (chosen,) = rng.choices(list(sizes), list(sizes.values()) if by_size else None)
        place, bits = rng.randrange(sizes[chosen]), 1 << rng.randrange(8)
        damaged = folder / "damaged"
        shutil.copytree(sound, damaged)
        name = chosen.relative_to(sound)
        if number < flips:
            flip(damaged / name, place, bits)
        elif place:
            with (damaged / name).open("r+b") as file:
                file.truncate(place)
        else:
            (damaged / name).unlink()
        _look(damaged, name.as_posix(), expected, kept, outcome)
        shutil.rmtree(damaged)
    return outcome


def _look(damaged: Path, name: str, expected: dict[str, Any], kept: dict[str, Any], outcome: Outcome) -> None:
    part = outcome.by_part.setdefault(name.partition("/")[0], [0, 0])
    part[0] += 1
    start = time.perf_counter()
    try:
        problems: list[Any] = Store(damaged).verify()
    except SwathError as error:
        problems = [error]
    outcome.slowest_verify = max(outcome.slowest_verify, time.perf_counter() - start)
    got: dict[str, Any] | None = None
    try:
        got = answers(damaged)
    except SwathError:
        outcome.refused += 1
    if got is not None and got != expected:
        outcome.wrong.append(f"{name}: another answer")
    if problems:
        outcome.found += 1
        part[1] += 1
        return
    outcome.harmless += 1
    if got is None:
        outcome.wrong.append(f"{name}: an error, and nothing to verify")
    elif content(Store(damaged)) != kept:
        outcome.wrong.append(f"{name}: other rows, and nothing to verify")


def answers(path: Path) -> dict[str, Any]:
    """Whatever a search can read or say, as a comparable value."""
    archive = swath.open(path)
    gallery = archive._store.gallery()
    found: dict[str, Any] = {name: gallery.signal(name).tobytes() for name in sorted(gallery.signals)}
    assert gallery.compact is not None
    found["compact"] = [part.tobytes() for part in astuple(gallery.compact)]
    found["tiles"] = [gallery.tile(row) for row in range(len(gallery))]
    found["bounds"] = gallery.bounds.tobytes()
    found["attributes"] = {name: str(gallery.attribute(name).tolist()) for name in gallery.attributes}
    for pipeline in ("dense", "dense:9 > btgi"):
        hits = archive.search("red", k=5, pipeline=pipeline)
        found[pipeline] = [(hit.tile.id, hit.raw) for hit in hits]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # of columns that are derived again
    outcome = run(options.folder, options.flips, options.cuts, options.seed)
    print(json.dumps(asdict(outcome), indent=1))  # noqa: T201
    shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
