"""Exact search over packed codes beside its peers, at growing size, and the floor under it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.environment import environment, swath_version
from swath.evaluation.speed import memory_bandwidth
from swath.search.biases import STEPS
from swath.search.hamming import nearest
from swath.types import Progress

SEED = 0
Codes: TypeAlias = NDArray[np.uint8]
Ask: TypeAlias = Callable[[Codes], NDArray[np.int64]]
"""One code uint8[B] to the rows of the k nearest."""


class HammingSpeed(msgspec.Struct, frozen=True):
    """One way to search, at one size, in milliseconds of one query."""

    method: str
    codes: int
    p50: float
    best: float
    floor: float
    """In which memory gives the bytes that are scanned."""
    exact: float
    """Share of queries whose k distances (less the bias) are those of a sorted scan."""


class HammingResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.hamming/1"):
    """What exact search over random codes costs on one machine, in one run."""

    bits: int
    k: int
    seed: int
    bandwidth: float
    """Bytes in a second, read by one thread."""
    speeds: tuple[HammingSpeed, ...]
    environment: dict[str, str]
    swath: str


def measure_hamming(
    sizes: Sequence[int], *, bits: int = 128, k: int = 70, calls: int = 20, progress: Progress | None = None
) -> HammingResult:
    """Search random codes in every way, one thread each; the ways take turns at every query.

    Raises `InputError` for sizes below k, and where a peer is not installed.
    """
    if not sizes or min(sizes) < k:
        raise InputError(f"a search for {k} codes needs {k} of them at least")
    faiss, usearch = _peers()
    faiss.omp_set_num_threads(1)
    bandwidth = memory_bandwidth(1)
    speeds: list[HammingSpeed] = []
    for done, count in enumerate(sorted(sizes), 1):
        random = np.random.default_rng(SEED)
        codes = random.integers(0, 256, (count, bits // 8), dtype=np.uint8)
        bias = random.integers(-3 * STEPS, 3 * STEPS, count).astype(np.int32)
        queries = random.integers(0, 256, (calls + 1, bits // 8), dtype=np.uint8)
        ways = _ways(faiss, usearch, codes, bias, k)
        for number, query in enumerate(queries):
            every = _distances(codes, query)
            for way in ways:
                started = perf_counter()
                rows = way.ask(query)
                taken = perf_counter() - started
                if number:  # the first one warms up
                    way.times.append(1e3 * taken)
                    values = STEPS * every + bias if way.biased else every
                    way.right += bool((np.sort(values[rows])[:k] == _least(values, k)).all())
        for way in ways:
            floor = 1e3 * count * way.bytes_per_code / bandwidth
            p50, share = float(np.median(way.times)), way.right / len(way.times)
            speeds.append(HammingSpeed(way.name, count, p50, min(way.times), floor, share))
        if progress is not None:
            progress(done, len(sizes), "sizes")
    return HammingResult(bits, k, SEED, bandwidth, tuple(speeds), environment(), swath_version())


def hamming_json(result: HammingResult) -> str:
    """As indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result).decode(), indent=2)


def _peers() -> tuple[Any, Any]:
    try:
        import faiss
        import usearch.index as usearch
    except ImportError as error:
        raise InputError(f"a peer is missing ({error.name}): pip install 'swath[bench]'") from error
    return faiss, usearch


@dataclass
class _Way:
    name: str
    ask: Ask
    bytes_per_code: int
    biased: bool = False
    times: list[float] = field(default_factory=list)
    right: int = 0


def _ways(faiss: Any, usearch: Any, codes: Codes, bias: NDArray[np.int32], k: int) -> list[_Way]:
    width = codes.shape[1]
    flat = faiss.IndexBinaryFlat(8 * width)
    flat.add(codes)

    def by_faiss(query: Codes) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = flat.search(query[None], k)[1][0]
        return rows

    def by_usearch(query: Codes) -> NDArray[np.int64]:
        found = usearch.search(codes, query[None], k, usearch.MetricKind.Hamming, exact=True, threads=1)
        return np.asarray(found.keys, np.int64).reshape(-1)

    def by_bias(query: Codes) -> NDArray[np.int64]:
        return nearest(codes, query, k, None, bias, STEPS)[0]

    return [
        _Way("swath hash", lambda query: nearest(codes, query, k)[0], width),
        _Way(
            "swath hash, biased",
            lambda query: nearest(codes, query, k, None, bias, STEPS)[0],
            width + 4,
            True,
        ),
        _Way("faiss IndexBinaryFlat", by_faiss, width),
        _Way("usearch exact", by_usearch, width),
    ]


def _distances(codes: Codes, query: Codes) -> NDArray[np.int64]:
    rows = range(0, len(codes), 65536)
    return np.concatenate(
        [np.bitwise_count(codes[i : i + 65536] ^ query).sum(1, dtype=np.int64) for i in rows]
    )


def _least(values: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    return np.sort(np.partition(values, k - 1)[:k])
