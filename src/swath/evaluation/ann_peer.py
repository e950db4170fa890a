"""One peer of the benchmark, in a process of its own: `python -m swath.evaluation.ann_peer STEP FOLDER NAME`.

`build` uses all cores and keeps the index, so that it can be measured at another time. `measure` runs twice:
with one thread it takes the time of single queries and the memory, with two the time of single queries and
of batches, and the recall, which no number of threads changes.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.ann import LIMIT, TRIALS, K, PeerResult, Setting, built_folder, result_file
from swath.evaluation.peers import Index, peer
from swath.search import compile_kernels
from swath.types import StageTrace

_BATCH = 32
_TIMED = 200
"""Queries that are timed one at a time."""
_WARM = 100
"""Queries before all of these, so that libraries are awake and what is mapped is at hand."""
_AFTER = 1000
"""Queries after which memory is looked at."""
_SECONDS = "seconds.json"


def build(folder: Path, name: str) -> None:
    """Build a peer and keep it whole or not at all. Raises what the peer raises."""
    one = peer(name)
    if one.needs == "head" and not (folder / "head" / "card.json").is_file():
        raise InputError(f"{name} needs a word head: give --head and --captions")
    place = built_folder(folder, name)
    begun = place.with_name(f".{place.name}")
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir(parents=True)
    start, work = perf_counter(), process_time()
    one.build(folder, begun)
    (begun / _SECONDS).write_text(json.dumps([perf_counter() - start, process_time() - work]))
    begun.rename(place)


def measure(folder: Path, name: str, threads: int, pipelines: Sequence[str] = ()) -> None:
    """Measure a built peer, or pipelines of ours by its lists. Raises what the peer raises."""
    one = peer(name)
    # Libraries are loaded before memory is looked at: this one by ours, the others by the module of the peer.
    compile_kernels()
    place = built_folder(folder, name)
    before = _proportional()
    index = one.open(folder, place)
    settings: Sequence[Any] = one.settings
    kept = result_file(folder, name)
    if pipelines:
        from swath.evaluation.peers.ours import open_partial

        index, settings, kept = open_partial(folder, place, "{}"), pipelines, result_file(folder, TRIALS)
    queries = {name: np.load(folder / f"{name}.npy") for name in ("tuning", "asked", "pictures")}
    half = kept.with_suffix(".one")
    if threads == 1:
        for query in queries["tuning"][:_WARM]:
            index.search(query[None], K, settings[0], 1)
        alone = [_alone(index, setting, queries["asked"]) for setting in settings]
        asked = sum(one["queries"] for one in alone)
        while asked < _AFTER:
            index.search(queries["asked"][:_BATCH], K, settings[-1], 1)
            asked += _BATCH
        count = json.loads((folder / "facts.json").read_text())["count"]
        _write(half, {"alone": alone, "bytes": (_proportional() - before) / count})
        return
    first = json.loads(half.read_text())
    best = {name: np.load(folder / f"{name}_best.npy") for name in queries}
    found = tuple(
        Setting(setting=str(setting), **_together(index, setting, queries, best, threads), **timed)
        for setting, timed in zip(settings, _less(first["alone"], "queries"), strict=True)
    )
    seconds, work = json.loads((place / _SECONDS).read_text())
    result = PeerResult(TRIALS if pipelines else name, seconds, work, first["bytes"], found)
    _write(kept, msgspec.to_builtins(result))
    half.unlink()


def _alone(index: Index, setting: Any, asked: NDArray[np.float32]) -> dict[str, Any]:
    """One query after the other on one thread."""
    traces: list[tuple[StageTrace, ...]] = []

    def look() -> None:
        traces.append(getattr(index, "trace", ()))

    milliseconds = _medium(index, setting, asked[:_TIMED], 1, look)
    names = [stage.stage for stage in traces[0]]
    return {
        "single": milliseconds,
        "visited": float(np.mean([trace[-1].rows for trace in traces])) if names else 0.0,
        "stages": {n: float(np.median([t[i].milliseconds for t in traces])) for i, n in enumerate(names)},
        "queries": len(traces),
    }


def _together(
    index: Index,
    setting: Any,
    queries: Mapping[str, NDArray[np.float32]],
    best: Mapping[str, NDArray[np.int64]],
    threads: int,
) -> dict[str, Any]:
    """Recall, and how fast it goes with all threads."""
    shares: dict[str, NDArray[np.float64]] = {}
    rate = 0.0
    for name, rows in queries.items():
        begun = perf_counter()
        parts = [
            index.search(rows[start : start + _BATCH], K, setting, threads)
            for start in range(0, len(rows), _BATCH)
        ]
        if name == "asked":
            rate = len(rows) / (perf_counter() - begun)
        pairs = zip(np.concatenate(parts), best[name], strict=True)
        shares[name] = np.array([np.isin(wanted, found).mean() for found, wanted in pairs])
    return {
        "tuning": float(shares["tuning"].mean()),
        "texts": float(shares["asked"].mean()),
        "pictures": float(shares["pictures"].mean()),
        "covered": float((shares["asked"] == 1).mean()),
        "double": _medium(index, setting, queries["asked"][: _TIMED // 4], threads, lambda: None),
        "batch": rate,
    }


def _medium(
    index: Index, setting: Any, rows: NDArray[np.float32], threads: int, after: Callable[[], None]
) -> float:
    """Median milliseconds of a query alone."""
    took = []
    for query in rows:
        begun = perf_counter()
        index.search(query[None], K, setting, threads)
        took.append(perf_counter() - begun)
        after()
    return 1e3 * float(np.median(took))


def _less(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != key} for row in rows]


def _proportional() -> int:
    """Bytes of this process, its share of what others map as well."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _write(path: Path, content: Any) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))
    temporary.replace(path)


def _main(step: str, folder: str, name: str, *more: str) -> None:
    limit = LIMIT * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    if step == "build":
        build(Path(folder), name)
    else:
        measure(Path(folder), name, int(more[0]), more[1:])


if __name__ == "__main__":
    _main(*sys.argv[1:])
