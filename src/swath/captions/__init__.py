"""Captioned data sets: pictures, the sentences that describe them, and their splits.

    dataset = load("rsicd", Path("RSICD"), "val")

A data set is one file of this package and one entry of `CAPTIONS`.
"""

from swath.captions.datasets import CAPTIONS, TERMS, load, read, stream
from swath.captions.held import fingerprint, held_out
from swath.captions.karpathy import write as write_captions
from swath.captions.nouns import (
    Annotations,
    CaptionedImage,
    CaptionedSet,
    Record,
    StreamedImage,
    content_hash,
)
from swath.captions.pictures import PictureFolder
from swath.captions.statistics import Statistics, known_statistics, statistics
from swath.captions.text import normalise

__all__ = [
    "CAPTIONS",
    "TERMS",
    "Annotations",
    "CaptionedImage",
    "CaptionedSet",
    "PictureFolder",
    "Record",
    "Statistics",
    "StreamedImage",
    "content_hash",
    "fingerprint",
    "held_out",
    "known_statistics",
    "load",
    "normalise",
    "read",
    "statistics",
    "stream",
    "write_captions",
]
