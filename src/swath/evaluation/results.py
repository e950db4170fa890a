"""Result files: one evaluation as JSON, with what is needed to repeat and to trust it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from swath.decoding import NOT_JSON
from swath.errors import InputError
from swath.evaluation.packing import QueryRanks


class EncoderRef(msgspec.Struct, frozen=True):
    """Which encoder: its listed name and the digest of its files."""

    name: str
    revision: str


Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class Recalls(msgspec.Struct, frozen=True):
    """Hit@1, 5 and 10 of one direction, in per cent."""

    r1: Percent
    r5: Percent
    r10: Percent


class Figures(msgspec.Struct, frozen=True):
    """Both directions and the mean of the six, in per cent."""

    i2t: Recalls
    t2i: Recalls
    mr: Percent


class Interval(msgspec.Struct, frozen=True):
    """Bootstrap interval over images, each figure by itself."""

    percent: float
    low: Figures
    high: Figures
    resamples: int
    seed: int


class ClassFigures(msgspec.Struct, frozen=True):
    """Figures over the images of one class and their captions, against the whole gallery."""

    images: int
    i2t: Recalls
    t2i: Recalls
    mr: Percent


class Candidates(msgspec.Struct, frozen=True):
    """What the last stage of a pipeline had to reorder: share of queries with a right item among it."""

    k: int
    """How many candidates a query had at most."""
    i2t: Percent
    t2i: Percent


class Selection(msgspec.Struct, frozen=True):
    """A choice among several settings by their mR on a split."""

    by: str
    """The split; `test` is a choice that nobody may rely on."""
    among: int
    mr: float
    """Of the chosen setting on that split."""


class EvalResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.retrieval/1"):
    """Retrieval in both directions on one split; recalls in per cent."""

    dataset: str
    split: str
    split_hash: Digest
    """Names the very images and captions that were used."""
    protocol: str
    images: int
    """Images of the gallery."""
    captions: int
    """Captions asked and found, equal ones counted each."""
    i2t: Recalls
    t2i: Recalls
    mr: Percent
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
    leaks: Digest | None = None
    """Digest of the leak report that covers the split: the one named, else one of the captions of all splits,
    or of the split alone where no more is known. Older files may not have it."""
    flags: tuple[str, ...] = ()
    """What must be known before the figures are quoted, in words of `leaderboard.FLAGS`."""
    seeds: dict[str, int] = {}
    """Of the intervals, and of the encoder's training where its card says so."""
    stage_seconds: dict[str, float] = {}
    """Time of each stage of the pipeline, both directions together; part of `rank`."""
    classes: dict[str, ClassFigures] = {}
    """Figures by scene class, of the classes that the data set names."""
    selection: Selection | None = None
    """How this setting was chosen among several, where it was."""
    candidates: Candidates | None = None
    """Candidate recall@K of a pipeline whose stages cut; None where nothing is cut before the last stage."""


class ClassAccuracy(msgspec.Struct, frozen=True):
    """One class of a zero-shot classification."""

    prompt: str
    images: int
    accuracy: Percent
    """Per cent."""


class ZeroShotResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.zero-shot/1"):
    """Classification by the nearest prompt, no label seen before."""

    dataset: str
    images: int
    accuracy: Percent
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
    """From vectors that are there to the first answer; None where an archive was opened."""
    bytes_per_tile: float
    """Of the signals and ids that a search reads; of all that an archive keeps, where one was opened."""
    single: Latency
    batch: Latency
    stages: tuple[StageSpeed, ...]
    floor: float
    """Milliseconds that reading the bytes of one query takes at the bandwidth of the memory."""
    peak_bytes: int
    """Largest resident memory of the process up to here; galleries are measured from small to large."""
    first_seconds: float | None = None
    """Of the first query, which pages are read and codes are made for; older files do not have it."""


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
    except NOT_JSON as error:
        raise InputError(f"{path} is not a result file of this version: {error}") from error
    return result
