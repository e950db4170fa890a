"""Published figures of hashing, which is judged by scene classes and not by recall."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec

from swath.decoding import NOT_JSON
from swath.errors import InputError

FLAGS = {
    "ap-over-first-k-relevant": "average precision over the first k right items, wherever they stand",
    "audio-modality": "queries are speech",
    "bits-not-stated": "the source does not say how many bits",
    "single-seed": "one training run",
    "split-50-10-40": "half of the images train, a tenth asks, the rest is searched",
    "ties-by-sort-order": "equal distances stand in the order that the sort left them in",
}
"""What may stand in `flags` of these rows, and what it says."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]


class HashingRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row as it is written in a file of `hashing/`."""

    method: str
    year: Annotated[int, msgspec.Meta(ge=2015, le=2100)]
    dataset: str
    metric: Literal["mAP", "mAP@20"]
    i2t: Share
    t2i: Share
    certainty: Literal["seen-in-paper", "seen-in-readme", "secondary"]
    bits: Annotated[int, msgspec.Meta(ge=1)] | None = None
    noise: Percent = 0
    """Per cent of the training captions that were exchanged."""
    clean: Percent = 0
    """Per cent of the training pairs that the method was told are right."""
    venue: str = ""
    flags: tuple[str, ...] = ()


class _Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    rows: tuple[HashingRow, ...]


class HashingStanding(msgspec.Struct, frozen=True):
    """A row as it is shown: mean average precision of both directions, as fractions of 1."""

    method: str
    year: int
    venue: str
    dataset: str
    bits: int | None
    metric: str
    noise: float
    clean: float
    i2t: float
    t2i: float
    source: str
    certainty: str
    flags: tuple[str, ...]
    setting: str = "hashing"
    backbone: str | None = None
    mr: float | None = None
    """There is no recall to take the mean of."""


def hashing(dataset: str, *, certainty: str | None = None) -> tuple[HashingStanding, ...]:
    """The rows of one data set: least noise first, then best mean of both directions."""
    found = [row for row in published() if row.dataset == dataset and certainty in (None, row.certainty)]
    return tuple(sorted(found, key=lambda row: (row.noise, -(row.i2t + row.t2i), row.method)))


@cache
def published() -> tuple[HashingStanding, ...]:
    """All rows, checked. Raises `InputError` that names the file and what is wrong in it."""
    folder = files("swath.evaluation.leaderboard") / "hashing"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".json"))
    return tuple(row for name in names for row in read_hashing((folder / name).read_bytes(), name))


def read_hashing(content: bytes, name: str) -> tuple[HashingStanding, ...]:
    """The rows of one file. Raises `InputError` where it does not say what a row must say."""
    try:
        source = msgspec.json.decode(content, type=_Source)
    except NOT_JSON as error:
        raise InputError(f"{name} is not a file of hashing rows: {error}") from error
    if not source.source.strip() or not source.rows:
        raise InputError(f"{name}: a file of rows names its source and has a row at least")
    for row in source.rows:
        if unknown := [flag for flag in row.flags if flag not in FLAGS]:
            raise InputError(f"{name}: {row.method}: {unknown[0]!r} is not a flag of hashing rows")
    return tuple(HashingStanding(source=source.source, **msgspec.structs.asdict(row)) for row in source.rows)
