"""What a leak report says, and its file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from swath.captions import Annotations, Statistics, content_hash
from swath.decoding import NOT_JSON
from swath.errors import InputError
from swath.evaluation.phash import NEAR
from swath.evaluation.results import Figures

TIE = 2
"""Captions that tied images have in common at least."""


class Part(msgspec.Struct, frozen=True):
    """One split of one set."""

    set: str
    split: str
    images: int
    captioned: int
    """Images with a caption that is not empty."""
    pictures: int
    """Images whose picture was there and was hashed."""
    content: str
    """32 hexadecimal digits of its image names and captions: the split hash of a result on all of them."""
    counts: Statistics
    """How often captions repeat."""
    ceiling: Figures | None
    """The best that any model can have for that reason; None where there are no captions."""

    @property
    def name(self) -> str:
        """`SET SPLIT`"""
        return f"{self.set} {self.split}"


class SharedCaptions(msgspec.Struct, frozen=True):
    """Captions of two parts, or of different images of one part."""

    one: str
    other: str
    distinct: int
    """Different captions that both have."""
    tied: int
    """Images of `one` that are tied to an image of `other`."""
    tied_back: int
    """Images of `other` that are tied to an image of `one`."""


class TiedPair(msgspec.Struct, frozen=True):
    """An image of one part and the image of another part that it has most captions in common with."""

    one: str
    """Part, then image."""
    one_image: str
    other: str
    other_image: str
    captions: int
    """Different captions that both have, `TIE` at least."""


class Ties(msgspec.Struct, frozen=True):
    """Images of a part that are tied to any image of another set."""

    part: str
    set: str
    images: int


class SharedPicture(msgspec.Struct, frozen=True):
    """Two pictures that look alike."""

    one: str
    """Part, then image."""
    one_image: str
    other: str
    other_image: str
    distance: int
    """Bits that differ, of 64."""
    equal: bool
    """Whether every pixel is the same."""


class SharedNames(msgspec.Struct, frozen=True):
    """Images of one data set that stand in two different splits, of one layout of it or of two."""

    one: str
    other: str
    images: int
    names: tuple[str, ...]


class LeakReport(msgspec.Struct, frozen=True, tag_field="format", tag="swath.leaks/1"):
    """What was found; the same data give the same report and digest on every machine."""

    parts: tuple[Part, ...]
    captions: tuple[SharedCaptions, ...]
    pairs: tuple[TiedPair, ...]
    """Every tied image of two different parts stands here once at least, on either side."""
    ties: tuple[Ties, ...]
    pictures: tuple[SharedPicture, ...]
    misnamed: tuple[SharedNames, ...]
    unreadable: tuple[tuple[str, str], ...]
    """Pictures that are there and cannot be decoded, with the part in front of the name and the reason."""
    tie: int = TIE
    near: int = NEAR

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of all that the report says; a result file names its report by them."""
        return hashlib.blake2b(msgspec.json.encode(self), digest_size=16).hexdigest()


class _Signed(msgspec.Struct):
    digest: str


def report_json(report: LeakReport) -> str:
    """As indented JSON, with the digest, and a line end."""
    content = {**msgspec.to_builtins(report), "digest": report.digest}
    return msgspec.json.format(msgspec.json.encode(content).decode(), indent=2) + "\n"


def write_report(report: LeakReport, path: Path) -> None:
    """Write a report. Raises `InputError` where the path cannot be written."""
    try:
        path.write_text(report_json(report), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the report to {path}: {error.strerror}") from error


def read_report(path: Path) -> LeakReport:
    """Read a report. Raises `InputError` where it is missing, is not one, or was changed since."""
    try:
        content = path.read_bytes()
        report = msgspec.json.decode(content, type=LeakReport)
        digest = msgspec.json.decode(content, type=_Signed).digest
    except OSError as error:
        raise InputError(f"cannot read the report {path}: {error.strerror}") from error
    except NOT_JSON as error:
        raise InputError(f"{path} is not a leak report of this version: {error}") from error
    if digest != report.digest:
        raise InputError(f"{path} does not have the digest it states: it was changed after it was made")
    return report


def covering(path: Path, annotations: Annotations, split: str) -> str:
    """The digest of a report, if it looked at this split. Raises `InputError` where it did not."""
    report = read_report(path)
    if content_hash(annotations.split(split)) not in {part.content for part in report.parts}:
        there = ", ".join(part.name for part in report.parts)
        raise InputError(
            f"{path} covers {there}, and none of these is the {split} of {annotations.source}: "
            "make a report that looks at it"
        )
    return report.digest
