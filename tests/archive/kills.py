"""SIGKILL in a loop: a child changes an archive and dies, at random or at its n-th call that writes.

`python -m tests.archive.kills FOLDER --kills 1000` is the long run; a test makes the short one. Half of the
kills come at a random time, half right before or right after the n-th write, truncation, sync, rename, link,
removal or creation (see `nursery`). After each the archive is opened and verified; an operation is repeated
until it comes to its end, and its archive must then equal one that was left in peace.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from swath import archive
from swath.archive import POINTER
from swath.imagery import Tiling
from tests.archive import nursery
from tests.archive.nursery import Fault, Job, Nursery
from tests.archive.world import content, ids, picture, pictures, raster
from tests.tiny import TinyEncoder

_TILING = Tiling(size=32)
_KILLS_PER_STEP = 3
_LONGEST = 0.4
"""Seconds after which a random kill has come."""


@dataclass
class Outcome:
    """What a loop came to; `lost` counts acknowledged tiles that were not there after a kill."""

    kills: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)
    finished: int = 0
    lost: int = 0
    problems: int = 0
    different: int = 0
    slowest_open: float = 0.0


def make_sources(folder: Path, state: int) -> None:
    """State 0: pictures and a raster; later ones change, double, move and add files."""
    if state == 0:
        pictures(folder, 30)
        raster(folder / "scene.tif", 3, 5, 4)
        return
    picture(folder / f"a/{2 * state:03}.png", 1000 + state)
    shutil.copy2(folder / "b/001.png", folder / f"copy{state}.png")
    (folder / f"b/{2 * state + 1:03}.png").rename(folder / f"moved{state}.png")
    for index in range(10):
        picture(folder / f"new{state}/{index}.png", 2000 + 10 * state + index)


def run(folder: Path, kills: int, seed: int, children: Nursery, seconds: float = 1e9) -> Outcome:
    """Kill until `kills` are done and the last archive is complete; compare each with one left in peace."""
    rng = random.Random(seed)
    outcome = Outcome()
    trial, deadline = 0, time.monotonic() + seconds
    while outcome.kills < kills and time.monotonic() < deadline:
        _Trial(folder / f"trial{trial}", kills, rng, children, outcome).run()
        shutil.rmtree(folder / f"trial{trial}")
        trial += 1
    return outcome


class _Trial:
    """An archive that is made, grown, merged, re-encoded and shrunk, and its twin that nobody kills."""

    def __init__(
        self, folder: Path, kills: int, rng: random.Random, children: Nursery, outcome: Outcome
    ) -> None:
        self._folder = folder
        self._kills = kills
        self._rng = rng
        self._children = children
        self._outcome = outcome
        self._calls: dict[str, int] = {}

    def run(self) -> None:
        sources, more = self._folder / "sources", self._folder / "more"
        for name in ("archive", "peace"):
            archive.create(self._folder / name, TinyEncoder(), _TILING)
        make_sources(sources, 0)
        self._step("add", sources)
        make_sources(sources, 1)
        self._step("add", sources)
        for index in range(20):
            picture(more / f"{index}.png", 3000 + index)
        shutil.copy2(sources / "b/001.png", more)
        archive.create(self._folder / "second", TinyEncoder(), _TILING).add([more], TinyEncoder())
        self._step("merge", self._folder / "second")
        self._step("remove", sources / "a")
        self._step("reencode")

    def _step(self, operation: str, *others: Path) -> None:
        path, peace = self._folder / "archive", self._folder / "peace"
        arguments = tuple(map(str, others))
        before = set(ids(archive.open_store(peace)))
        nursery.perform(Job(operation, str(peace), arguments))
        calm = archive.open_store(peace)
        # What may leave is what the operation takes out.
        alive = ids(calm) & before if operation in ("add", "remove") else ids(calm)
        most = min(self._kills, self._outcome.kills + _KILLS_PER_STEP)
        while True:
            kill = self._outcome.kills < most
            if self._attempt(Job(operation, str(path), arguments), alive, kill=kill):
                break
        self._outcome.finished += 1
        self._outcome.different += content(archive.open_store(path)) != content(calm)

    def _attempt(self, job: Job, alive: set[str], *, kill: bool) -> bool:
        """Run one child; True where it ended by itself. `alive` are ids that must not leave any more."""
        path = Path(job.path)
        if kill and self._rng.random() < 0.5:
            job = replace(job, kill_after=self._rng.uniform(0.0, _LONGEST))
        elif kill:
            point = self._rng.randrange(1, self._calls.get(job.operation, 150) + 1)
            fault = self._rng.choice((Fault.KILL_BEFORE, Fault.KILL_AFTER))
            job = replace(job, fault=fault, point=point)
        acknowledged, stamp = ids(archive.open_store(path)), _stamp(path)
        self._children.start(job)
        while (ended := self._children.wait(0.01)) is None:
            if stamp != _stamp(path):
                stamp = _stamp(path)
                acknowledged = ids(archive.open_store(path))
        if ended.how == "done":
            self._calls[job.operation] = ended.calls
            return True
        if ended.how == "told" and job.operation == "remove":
            return True  # the one that was killed had committed: what is to go is gone, which `run` compares
        assert ended.how == "killed", ended
        self._outcome.kills += 1
        counts = self._outcome.by_operation
        counts[job.operation] = counts.get(job.operation, 0) + 1
        self._look(path, acknowledged & alive)
        return False

    def _look(self, path: Path, acknowledged: set[str]) -> None:
        start = time.perf_counter()
        store = archive.open_store(path)
        left = ids(store)
        self._outcome.slowest_open = max(self._outcome.slowest_open, time.perf_counter() - start)
        self._outcome.lost += len(acknowledged - left)
        self._outcome.problems += len(store.verify())


def _stamp(path: Path) -> tuple[int, int]:
    """Another one after every commit."""
    status = (path / POINTER).stat()
    return status.st_ino, status.st_mtime_ns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    library = nursery.build(options.folder)
    if library is None:
        parser.exit(1, "no C compiler (cc) was found\n")
    start = time.monotonic()
    with Nursery(library) as children:
        outcome = run(options.folder, options.kills, options.seed, children, options.seconds)
    print(json.dumps(asdict(outcome) | {"seconds": round(time.monotonic() - start)}, indent=1))  # noqa: T201
    shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
