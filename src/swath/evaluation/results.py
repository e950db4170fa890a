"""Result files: one evaluation as JSON, with what is needed to repeat and to trust it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from swath.errors import InputError
from swath.evaluation.packing import QueryRanks


class EncoderRef(msgspec.Struct, frozen=True):
    """Which encoder: its listed name and the digest of its files."""

    name: str
    revision: str


class Recalls(msgspec.Struct, frozen=True):
    """Hit@1, 5 and 10 of one direction, in per cent."""

    r1: float
    r5: float
    r10: float


class Figures(msgspec.Struct, frozen=True):
    """Both directions and the mean of the six, in per cent."""

    i2t: Recalls
    t2i: Recalls
    mr: float


class Interval(msgspec.Struct, frozen=True):
    """Bootstrap interval over images, each figure by itself."""

    percent: float
    low: Figures
    high: Figures
    resamples: int
    seed: int


class EvalResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.retrieval/1"):
    """Retrieval in both directions on one split; recalls in per cent."""

    dataset: str
    split: str
    split_hash: str
    """Names the very images and captions that were used."""
    protocol: str
    images: int
    """Images of the gallery."""
    captions: int
    """Captions asked and found, equal ones counted each."""
    i2t: Recalls
    t2i: Recalls
    mr: float
    """Mean of the six recalls."""
    interval: Interval
    best_case: Figures
    """If every tie fell in favour of the right item."""
    worst_case: Figures
    pipeline: str
    encoder: EncoderRef
    skipped: tuple[tuple[str, str], ...]
    """Images of the split that were left out, with the reason."""
    seconds: dict[str, float]
    """Time by part: decode, encode_images, encode_texts, rank."""
    environment: dict[str, str]
    swath: str
    """Version."""
    ranks: QueryRanks | None = None
    """Where every query stands; older files do not have it."""
    ceiling: Figures | None = None
    """The best that any model can have where captions repeat; None where the protocol sets no ceiling."""
    leaks: str | None = None
    """Digest of the leak report that covers the split, where one was named."""


class ClassAccuracy(msgspec.Struct, frozen=True):
    """One class of a zero-shot classification."""

    prompt: str
    images: int
    accuracy: float
    """Per cent."""


class ZeroShotResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.zero-shot/1"):
    """Classification by the nearest prompt, no label seen before."""

    dataset: str
    images: int
    accuracy: float
    """Per cent of all images."""
    interval: tuple[float, float]
    """95 % bootstrap interval over images, per cent."""
    classes: dict[str, ClassAccuracy]
    pipeline: str
    encoder: EncoderRef
    skipped: tuple[tuple[str, str], ...]
    seconds: dict[str, float]
    environment: dict[str, str]
    swath: str


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds of a call, over `calls` calls after one that is not counted."""

    queries: int
    """Queries in one call."""
    calls: int
    p50: float
    p95: float
    p99: float


class StageSpeed(msgspec.Struct, frozen=True):
    """One stage of a pipeline, by the trace of its searches."""

    stage: str
    single: Latency
    batch: Latency
    bytes_read: int
    """By one query alone."""


class SizeSpeed(msgspec.Struct, frozen=True):
    """Search over one gallery."""

    tiles: int
    build_seconds: float | None
    """To make the gallery of vectors that are there; None where an archive was opened."""
    bytes_per_tile: float
    """Of the signals and ids that a search reads; of all that an archive keeps, where one was opened."""
    single: Latency
    batch: Latency
    stages: tuple[StageSpeed, ...]
    floor: float
    """Milliseconds that reading the bytes of one query takes at the bandwidth of the memory."""
    peak_bytes: int
    """Largest resident memory of the process up to here; galleries are measured from small to large."""


class EncodeSpeed(msgspec.Struct, frozen=True):
    """Milliseconds for one item, median over calls."""

    text: float
    """A text alone."""
    text_batched: float
    image: float
    """A picture alone, decoded and of the right size."""
    image_batched: float
    batch: int


class SpeedResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.speed/1"):
    """What a search costs, at one or more sizes of gallery."""

    gallery: str
    """`random` unit vectors, or the name of an archive."""
    pipeline: str
    dim: int
    k: int
    seed: int
    threads: int
    bandwidth: float
    """Bytes in a second, read by as many threads."""
    sizes: tuple[SizeSpeed, ...]
    encode: EncodeSpeed | None
    encoder: EncoderRef | None
    environment: dict[str, str]
    swath: str


Result = EvalResult | ZeroShotResult | SpeedResult


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of every kind of result file."""
    return msgspec.json.schema(Result)


def to_json(result: Result) -> str:
    """As indented JSON with a line end."""
    return msgspec.json.format(msgspec.json.encode(result).decode(), indent=2) + "\n"


def write_result(result: Result, path: Path) -> None:
    """Write a result file. Raises `InputError` where the path cannot be written."""
    try:
        path.write_text(to_json(result), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the result to {path}: {error.strerror}") from error


def read_result(path: Path) -> Result:
    """Read a result file. Raises `InputError` where it is missing or is not one."""
    try:
        result: Result = msgspec.json.decode(path.read_bytes(), type=Result)
    except OSError as error:
        raise InputError(f"cannot read the result {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a result file of this version: {error}") from error
    return result
