"""Exact scans side by side: ours over int8 and float16 rows, those of faiss, and what the memory allows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.environment import environment, swath_version
from swath.evaluation.speed import memory_bandwidth
from swath.int8 import quantise
from swath.search.kernels import exact
from swath.search.kernels.int8 import ROW_TERMS
from swath.types import Array, Int8Rows, Progress

SEED = 0
BATCH = 32
BATCH_CALLS = 3

_BLOCK = 16384
_FLAT, _SQ8 = "faiss IndexFlatIP", "faiss SQ8"


class ScanSpeed(msgspec.Struct, frozen=True):
    """One way to scan, at one size."""

    method: str
    tiles: int
    bytes_per_tile: int
    single: float
    """Milliseconds of one query, the median."""
    best: float
    """Milliseconds of the fastest call."""
    floor: float
    """Milliseconds in which memory gives the bytes that the method scans."""
    batch: float
    """Nanoseconds for a query and a tile, in batches of `BATCH`, the median."""
    agreement: float
    """Mean share of the k tiles that are those of an exact search in float32."""


class ScanResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.scan/1"):
    """What exact scans cost on one machine, in one run."""

    dim: int
    k: int
    seed: int
    threads: int
    bandwidth: float
    """Bytes in a second, read by as many threads."""
    scans: tuple[ScanSpeed, ...]
    environment: dict[str, str]
    swath: str


@dataclass(frozen=True, slots=True)
class _Method:
    name: str
    bytes_per_tile: int
    ask: Callable[[NDArray[np.float32]], Array]
    """float32[m, D] to rows, int64[m, k]."""


def measure_scans(
    tiles: Sequence[int],
    *,
    dim: int = 512,
    k: int = 20,
    calls: int = 20,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ScanResult:
    """Scan random unit vectors, as float16 holds them, in every way; the ways take turns at every query.

    Raises `InputError` for sizes below k, and where faiss is not installed.
    """
    if not tiles or min(tiles) < k:
        raise InputError(f"a scan for {k} hits needs {k} tiles at least")
    faiss = _faiss()
    cores = threads or len(os.sched_getaffinity(0))
    faiss.omp_set_num_threads(cores)
    bandwidth = memory_bandwidth(cores)
    scans: list[ScanSpeed] = []
    for done, count in enumerate(sorted(tiles), 1):
        scans += _measure(list(_methods(faiss, count, dim, k, cores)), count, dim, calls, bandwidth)
        if progress is not None:
            progress(done, len(tiles), "sizes")
    return ScanResult(dim, k, SEED, cores, bandwidth, tuple(scans), environment(), swath_version())


def scans_json(result: ScanResult) -> str:
    """As indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result).decode(), indent=2)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise InputError("the peers are faiss indexes: pip install 'swath[bench]'") from error
    return faiss


def _methods(faiss: Any, count: int, dim: int, k: int, threads: int) -> Iterator[_Method]:
    random = np.random.default_rng(SEED)
    vectors = np.empty((count, dim), np.float16)
    compact = Int8Rows(
        np.empty((count, dim), np.int8), *(np.empty(count, np.float32) for _ in ("scale", "error", "norm"))
    )
    flat = faiss.IndexFlatIP(dim)
    sq8 = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, count, _BLOCK):
        part = slice(start, min(start + _BLOCK, count))
        vectors[part] = _unit(random, (part.stop - start, dim))
        rows = quantise(vectors[part])
        for name in ("codes", "scale", "error", "norm"):
            getattr(compact, name)[part] = getattr(rows, name)
        stored = vectors[part].astype(np.float32)
        if not start:
            sq8.train(stored)
        flat.add(stored)
        sq8.add(stored)
    ids = np.char.zfill(np.arange(count).astype("S7"), 32)

    def ours(rows: Int8Rows | None) -> Callable[[NDArray[np.float32]], Array]:
        def ask(queries: NDArray[np.float32]) -> Array:
            found, _ = exact.top(vectors, ids, queries, k, compact=rows, threads=threads)
            return np.stack([one.rows for one in found])

        return ask

    # The first one is what the others' answers are compared with.
    yield _Method(_FLAT, 4 * dim, lambda queries: flat.search(queries, k)[1])
    yield _Method(_SQ8, dim, lambda queries: sq8.search(queries, k)[1])
    yield _Method("swath float16", 2 * dim, ours(None))
    yield _Method("swath int8, exact", dim + ROW_TERMS, ours(compact))


def _measure(
    methods: list[_Method], count: int, dim: int, calls: int, bandwidth: float
) -> Iterator[ScanSpeed]:
    random = np.random.default_rng(SEED + 1)
    single: dict[str, list[float]] = {method.name: [] for method in methods}
    batch: dict[str, list[float]] = {method.name: [] for method in methods}
    agreed: dict[str, list[float]] = {method.name: [] for method in methods}
    for times, size, repeats in ((single, 1, calls), (batch, BATCH, min(calls, BATCH_CALLS))):
        for call in range(repeats + 1):
            queries = _unit(random, (size, dim))
            expected: Array | None = None
            for method in methods:
                started = perf_counter()
                rows = method.ask(queries)
                if call:  # the first is not counted
                    times[method.name].append(perf_counter() - started)
                expected = rows if expected is None else expected
                both = [len(np.intersect1d(a, b)) / len(b) for a, b in zip(rows, expected, strict=True)]
                agreed[method.name] += both
    for method in methods:
        yield ScanSpeed(
            method.name,
            count,
            method.bytes_per_tile,
            single=1e3 * float(np.median(single[method.name])),
            best=1e3 * min(single[method.name]),
            floor=1e3 * count * method.bytes_per_tile / bandwidth,
            batch=1e9 * float(np.median(batch[method.name])) / (BATCH * count),
            agreement=float(np.mean(agreed[method.name])),
        )


def _unit(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    vectors = random.standard_normal(shape, np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
