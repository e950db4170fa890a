"""Result files: one evaluation as JSON, with what is needed to repeat and to trust it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from swath.errors import InputError


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


def to_json(result: EvalResult | ZeroShotResult) -> str:
    """As indented JSON with a line end."""
    return msgspec.json.format(msgspec.json.encode(result).decode(), indent=2) + "\n"


def write_result(result: EvalResult | ZeroShotResult, path: Path) -> None:
    """Write a result file. Raises `InputError` where the path cannot be written."""
    try:
        path.write_text(to_json(result), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the result to {path}: {error.strerror}") from error


def read_result(path: Path) -> EvalResult | ZeroShotResult:
    """Read a result file. Raises `InputError` where it is missing or is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=EvalResult | ZeroShotResult)
    except OSError as error:
        raise InputError(f"cannot read the result {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a result file of this version: {error}") from error
