"""What a captioned data set consists of, before and after its pictures were looked for."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from swath.errors import CaptionsError


@dataclass(frozen=True, slots=True)
class Record:
    """One image as an annotation file writes it down; whether its picture exists is not known yet."""

    name: str
    """As in the annotation file, posix path."""
    split: str
    captions: tuple[str, ...]
    """As in the annotation file, in its order; empty ones are kept."""
    label: str | None = None
    """Class of the scene, where the data set has one."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """All splits of a data set: what is written down, and where its pictures are to be."""

    source: Path
    """The annotation file, for messages."""
    folder: Path
    """The folder of the pictures."""
    records: tuple[Record, ...]

    @property
    def splits(self) -> Mapping[str, int]:
        """Number of images of every split, in order of appearance."""
        return Counter(record.split for record in self.records)

    def split(self, name: str) -> tuple[Record, ...]:
        """The images of one split. Raises `CaptionsError` where there is no such split."""
        found = tuple(record for record in self.records if record.split == name)
        if not found:
            there = ", ".join(f"{split} ({count:,} images)" for split, count in self.splits.items())
            raise CaptionsError(f"{self.source} has no split {name!r}; it has {there or 'no images at all'}")
        return found


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """A picture that is there, and what is said about it."""

    path: Path
    name: str
    """As in the annotation file, whatever suffix the picture was found under."""
    captions: tuple[str, ...]
    label: str | None = None


def content_hash(images: Iterable[Record | CaptionedImage]) -> str:
    """32 hexadecimal digits of the names and captions of some images, in whatever order."""
    content = sorted((image.name, sorted(image.captions)) for image in images)
    return hashlib.blake2b(json.dumps(content).encode("ascii"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class StreamedImage:
    """One pair of a data set that is too large to be listed."""

    name: str
    """As the shard has it."""
    picture: bytes
    """The picture's file, undecoded."""
    captions: tuple[str, ...]


@dataclass(frozen=True)
class CaptionedSet:
    """One split of a data set, reduced to the pictures that can be used."""

    name: str
    """Name of the data set."""
    split: str
    images: tuple[CaptionedImage, ...]
    missing: tuple[str, ...] = ()
    """Names of images of the split that were not found under any suffix."""
    damaged: tuple[tuple[str, str], ...] = ()
    """Names of images that were found and cannot be decoded, with the reason."""

    @property
    def captions(self) -> int:
        """Number of captions, empty and equal ones counted each."""
        return sum(len(image.captions) for image in self.images)

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """Every image of the split that is left out, with the reason."""
        return tuple((name, "not found") for name in self.missing) + self.damaged

    @cached_property
    def split_hash(self) -> str:
        """32 hexadecimal digits that name what is in the set: its image names and their captions.

        Neither the order of images nor that of an image's captions matters. Sets with equal hashes can be
        compared; a set that lost an image has another hash.
        """
        return content_hash(self.images)

    def without(self, damaged: Collection[tuple[str, str]]) -> CaptionedSet:
        """The set without the images named, which are added to `damaged` with their reasons.

        Raises `CaptionsError` where no image is left.
        """
        if not damaged:
            return self
        names = {name for name, _ in damaged}
        images = tuple(image for image in self.images if image.name not in names)
        if not images:
            name, reason = next(iter(damaged))
            raise CaptionsError(
                f"none of the {len(self.images):,} images of {self.name} {self.split} can be decoded "
                f"(the first, {name}: {reason}); fetch the data set again"
            )
        return replace(self, images=images, damaged=(*self.damaged, *damaged))
