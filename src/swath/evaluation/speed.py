"""What a search costs: latency by stage at growing size, encoding, memory, and the floor under it all."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.environment import environment, swath_version
from swath.evaluation.results import (
    EncoderRef,
    EncodeSpeed,
    Latency,
    SizeSpeed,
    SpeedResult,
    StageSpeed,
)
from swath.search import EncodedQuery, MemoryGallery, Pipeline, parse, resolve, run_many
from swath.search.kernels.int8 import ROW_TERMS
from swath.types import Array, Encoder, Gallery, Progress, StageTrace, Tile, Window

BATCH = 32
CALLS = 50
BATCH_CALLS = 10
SEED = 0
TOKENS = (17, 128)
"""Rows and width of random tokens, for pipelines that read them."""

_BLOCK = 8192
_PROBE = 1 << 28
_SENTENCE = "a large airport with several white planes parked beside terminal number {}"


def measure_random(
    tiles: Sequence[int],
    *,
    pipeline: str | Pipeline = "dense",
    dim: int = 512,
    k: int = 20,
    calls: int = CALLS,
    threads: int | None = None,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> SpeedResult:
    """Search galleries of random unit vectors, one of each size, from small to large.

    With an encoder its width is used and its encoding is measured. Raises `SpecError` for a bad pipeline,
    `InputError` for a size below 1 and for a pipeline that needs signals other than `dense` and `tokens`.
    """
    if not tiles or min(tiles) < 1:
        raise InputError("a gallery to measure has 1 tile at least")
    spec = _spec(pipeline, encoder)
    signals = frozenset[str]().union(*(step.build().signals for step in spec.steps))
    if unknown := signals - {"dense", "tokens"}:
        raise InputError(f"no random {', '.join(sorted(unknown))} can be made: measure {spec} on an archive")
    width = dim if encoder is None else encoder.dim
    meter = _Meter(spec, k, calls, threads)
    sizes = []
    for done, count in enumerate(sorted(tiles), 1):
        sizes.append(meter.random(count, width, signals))
        if progress is not None:
            progress(done, len(tiles), "galleries")
    return meter.result("random", width, sizes, encoder)


def measure_gallery(
    gallery: Gallery,
    name: str,
    bytes_per_tile: float,
    *,
    pipeline: str | Pipeline = "dense",
    k: int = 20,
    calls: int = CALLS,
    threads: int | None = None,
    encoder: Encoder | None = None,
) -> SpeedResult:
    """Search a gallery that is there, such as an archive's, with random queries.

    Raises `SpecError` for a bad pipeline, `InputError` for an empty gallery and for a signal it lacks.
    """
    if not len(gallery):
        raise InputError(f"{name} has no tiles: there is nothing to measure")
    spec = _spec(pipeline, encoder)
    meter = _Meter(spec, k, calls, threads)
    return meter.result(
        name, gallery.signal("dense").shape[1], [meter.measure(gallery, bytes_per_tile, None)], encoder
    )


def random_gallery(count: int, width: int, signals: frozenset[str]) -> tuple[MemoryGallery, int]:
    """So many random unit vectors, with random tokens where they are among the signals; and the bytes stored.

    Equal sizes give equal galleries.
    """
    random = np.random.default_rng(SEED)
    made: dict[str, Array] = {"dense": np.empty((count, width), np.float16)}
    if "tokens" in signals:
        made["tokens"] = np.empty((count, *TOKENS), np.int8)
    for start in range(0, count, _BLOCK):
        rows = slice(start, min(start + _BLOCK, count))
        made["dense"][rows] = _unit(random, (rows.stop - start, width))
        if "tokens" in signals:
            tokens = _unit(random, (rows.stop - start, *TOKENS))
            made["tokens"][rows] = 127 * tokens / np.abs(tokens).max(axis=-1, keepdims=True)
    tile = Tile("0" * 32, "", Window(0, 0, 0, 0))
    gallery = MemoryGallery([f"{row:032x}" for row in range(count)], made, [tile] * count, compact=True)
    stored = gallery.ids.nbytes + sum(array.nbytes for array in made.values())
    return gallery, stored + count * (width + ROW_TERMS)  # the int8 rows


class _Meter:
    def __init__(self, spec: Pipeline, k: int, calls: int, threads: int | None) -> None:
        self.spec, self.k, self.calls, self.threads = spec, k, calls, threads
        self.cores = threads or len(os.sched_getaffinity(0))

    def random(self, count: int, width: int, signals: frozenset[str]) -> SizeSpeed:
        """A gallery of random vectors, which is gone before the next one is made."""
        started = perf_counter()
        gallery, stored = random_gallery(count, width, signals)
        return self.measure(gallery, stored / count, perf_counter() - started)

    def measure(self, gallery: Gallery, bytes_per_tile: float, build: float | None) -> SizeSpeed:
        """Latencies of single queries and of batches, after one call of each that is not counted.

        What stages make once, such as codes, they make in the first call: it counts to the building.
        """
        random = np.random.default_rng(SEED + 1)
        started = perf_counter()
        self._calls(gallery, random, 1, 0)
        first = perf_counter() - started
        single, alone = self._calls(gallery, random, 1, self.calls)
        batch, together = self._calls(gallery, random, BATCH, min(BATCH_CALLS, self.calls))
        stages = tuple(
            StageSpeed(
                ones[0].stage,
                _latency([one.milliseconds for one in ones], 1),
                _latency([one.milliseconds for one in many], BATCH),
                ones[0].bytes_read,
            )
            for ones, many in zip(zip(*alone, strict=True), zip(*together, strict=True), strict=True)
        )
        return SizeSpeed(
            tiles=len(gallery),
            build_seconds=None if build is None else build + first,
            first_seconds=first,
            bytes_per_tile=bytes_per_tile,
            single=_latency(single, 1),
            batch=_latency(batch, BATCH),
            stages=stages,
            floor=0.0,
            peak_bytes=_peak(),
        )

    def _calls(
        self, gallery: Gallery, random: np.random.Generator, queries: int, calls: int
    ) -> tuple[list[float], list[tuple[StageTrace, ...]]]:
        times, traces = [], []
        for call in range(calls + 1):
            asked = [_query(gallery, random) for _ in range(queries)]
            started = perf_counter()
            _, trace = run_many(self.spec, gallery, asked, self.k, threads=self.threads)
            if call:
                times.append(1e3 * (perf_counter() - started))
                traces.append(trace)
        return times, traces

    def result(
        self, gallery: str, width: int, sizes: list[SizeSpeed], encoder: Encoder | None
    ) -> SpeedResult:
        """As it is written. The bandwidth comes last: its probe would be the peak of small galleries."""
        bandwidth = memory_bandwidth(self.cores)
        return SpeedResult(
            gallery=gallery,
            pipeline=str(self.spec),
            dim=width,
            k=self.k,
            seed=SEED,
            threads=self.cores,
            bandwidth=bandwidth,
            sizes=tuple(_above_floor(size, bandwidth) for size in sizes),
            encode=None if encoder is None else measure_encoder(encoder),
            encoder=None if encoder is None else EncoderRef(encoder.name, encoder.revision),
            environment=environment(),
            swath=swath_version(),
        )


def measure_encoder(encoder: Encoder, batch: int = 8, calls: int = 5) -> EncodeSpeed:
    """Milliseconds for one text and one picture, alone and in batches of `batch`."""
    random = np.random.default_rng(SEED)
    side = encoder.image_size
    pixels = random.integers(0, 256, (batch, side, side, 3), np.uint8)
    texts = [_SENTENCE.format(number) for number in range(batch)]
    return EncodeSpeed(
        text=_median(lambda: encoder.encode_texts(texts[:1]), calls),
        text_batched=_median(lambda: encoder.encode_texts(texts), calls) / batch,
        image=_median(lambda: encoder.encode_images(pixels[:1]), calls),
        image_batched=_median(lambda: encoder.encode_images(pixels), calls) / batch,
        batch=batch,
    )


def memory_bandwidth(threads: int) -> float:
    """Bytes in a second that `threads` threads read together: the best of five passes over 256 MiB."""
    parts = np.array_split(np.ones(_PROBE // 8, np.int64), threads)
    seconds = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            started = perf_counter()
            list(pool.map(np.sum, parts))
            seconds.append(perf_counter() - started)
    return _PROBE / min(seconds)


def _above_floor(size: SizeSpeed, bandwidth: float) -> SizeSpeed:
    read = sum(stage.bytes_read for stage in size.stages)
    return msgspec.structs.replace(size, floor=1e3 * read / bandwidth)


def _spec(pipeline: str | Pipeline, encoder: Encoder | None) -> Pipeline:
    presets = getattr(encoder, "presets", None)
    return resolve(parse(pipeline, presets) if isinstance(pipeline, str) else pipeline, encoder)


def _query(gallery: Gallery, random: np.random.Generator) -> EncodedQuery:
    """Random words: an embedding and, where the gallery has tokens, a guide."""
    dense = _unit(random, (gallery.signal("dense").shape[1],))
    tokens = "tokens" in gallery.signals
    guide = _unit(random, (gallery.signal("tokens").shape[-1],)) if tokens else None
    return EncodedQuery(dense, (_SENTENCE,), guide, words_alone=True)


def _unit(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    vectors = random.standard_normal(shape, np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _latency(milliseconds: Sequence[float], queries: int) -> Latency:
    p50, p95, p99 = (float(value) for value in np.percentile(milliseconds, (50, 95, 99)))
    return Latency(queries, len(milliseconds), p50, p95, p99)


def _median(call: Callable[[], object], calls: int) -> float:
    call()
    times = []
    for _ in range(calls):
        started = perf_counter()
        call()
        times.append(1e3 * (perf_counter() - started))
    return float(np.median(times))


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
