"""SIGKILL in a loop: a child adds to an archive and dies at random, or at its n-th sync or rename.

`python -m tests.archive.kills FOLDER --kills 1000` is the long run; a test makes the short one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from swath import archive
from swath.archive import Store
from swath.imagery import Tiling
from tests.archive.world import SlowEncoder, content, ids, picture, pictures, raster
from tests.tiny import TinyEncoder

_TILING = Tiling(size=32)
_KILLS_PER_STATE = 3
_REPOSITORY = Path(__file__).parents[2]


@dataclass
class Outcome:
    """What a loop came to; `lost` counts acknowledged tiles that were not there after a kill."""

    kills: int = 0
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


def run(folder: Path, kills: int, seed: int, states: int = 2) -> Outcome:
    """Kill until `kills` are done and the last archive is complete; compare each with one left in peace."""
    rng = random.Random(seed)
    outcome = Outcome()
    trial = 0
    while outcome.kills < kills:
        sources, path, peace = (folder / f"{name}{trial}" for name in ("sources", "archive", "peace"))
        store = archive.create(path, TinyEncoder(), _TILING)
        calm = archive.create(peace, TinyEncoder(), _TILING)
        for state in range(states):
            make_sources(sources, state)
            calm.add([sources], TinyEncoder())
            most = min(kills, outcome.kills + _KILLS_PER_STATE)
            while not _attempt(store, sources, ids(calm), rng, outcome, kill=outcome.kills < most):
                pass
            outcome.finished += 1
            outcome.different += content(store) != content(calm)
        for done in (sources, path, peace):
            shutil.rmtree(done)
        trial += 1
    return outcome


def _attempt(
    store: Store, sources: Path, alive: set[str], rng: random.Random, outcome: Outcome, *, kill: bool
) -> bool:
    """Run one child; True where it ended by itself. `alive` are the ids that the sources give."""
    point = rng.randrange(1, 120) if kill and rng.random() < 0.5 else 0
    command = [
        sys.executable,
        "-m",
        "tests.archive.kills",
        "--child",
        str(point),
        str(store.path),
        str(sources),
    ]
    child = subprocess.Popen(command, cwd=_REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()  # it has begun
    deadline = time.monotonic() + rng.uniform(0.0, 0.7)
    acknowledged: set[str] = set()
    while child.poll() is None and not (kill and point == 0 and time.monotonic() >= deadline):
        acknowledged = ids(store)
        time.sleep(0.005)
    if child.poll() is None:
        child.kill()
    code = child.wait()
    child.stdout.close()
    if code == 0:
        return True
    assert code == -signal.SIGKILL, code
    outcome.kills += 1
    start = time.perf_counter()
    left = ids(archive.open_store(store.path))
    outcome.slowest_open = max(outcome.slowest_open, time.perf_counter() - start)
    outcome.lost += len((acknowledged - left) & alive)
    outcome.problems += len(store.verify())
    return False


def _die_at(point: int) -> None:
    """Let this process die before (odd) or after (even) one of its syncs and renames, counted together."""
    count = 0

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            nonlocal count
            count += 1
            if count == point and point % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments)
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    os.fsync = dying(os.fsync)
    os.replace = dying(os.replace)


def _child(point: int, path: Path, sources: Path) -> None:
    if point:
        _die_at(point)
    store = archive.open_store(path)
    print("begun", flush=True)  # noqa: T201
    store.add([sources], SlowEncoder(0.004), batch=8, commit_every=0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder for the archives, or the child's archive")
    parser.add_argument("sources", type=Path, nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        _child(options.child, options.folder, options.sources)
        return
    print(json.dumps(asdict(run(options.folder, options.kills, options.seed)), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
