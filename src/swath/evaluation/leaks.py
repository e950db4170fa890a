"""What data sets and their splits share: captions, pictures, and images under another split's name.

Captions are compared in their normalised form, without the empty one. Two images are *tied* when they have at
least `TIE` different captions in common, which RSITMD and RSICD have where they hold one scene. Pictures are
*near* when their perceptual hashes differ in at most `NEAR` of 64 bits, and *equal* when their pixels are;
pictures without any structure have no hash and can only be equal.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path

import msgspec
import numpy as np

from swath.captions import Annotations, PictureFolder, content_hash, normalise
from swath.errors import ImageryError, InputError
from swath.evaluation.phash import near, phash
from swath.imagery import open_picture
from swath.types import Progress

TIE = 2
"""Captions that tied images have in common at least."""
NEAR = 4
"""Bits of 64 that near pictures differ in at most."""


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
    """Images of one data set that two layouts of it put into different splits."""

    one: str
    other: str
    images: int


class LeakReport(msgspec.Struct, frozen=True, tag_field="format", tag="swath.leaks/1"):
    """What was found; the same data give the same report and digest on every machine."""

    parts: tuple[Part, ...]
    captions: tuple[SharedCaptions, ...]
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


@dataclass(frozen=True, slots=True)
class _Images:
    """One part with what is compared."""

    part: Part
    dataset: str
    names: tuple[str, ...]
    words: tuple[frozenset[str], ...]
    hashes: Mapping[int, int]
    """Place to perceptual hash, where the picture has one."""
    pixels: Mapping[int, str]
    """Place to digest of the pixels."""


def find_leaks(
    sets: Sequence[tuple[str, str, Annotations]], *, pictures: bool = True, progress: Progress | None = None
) -> LeakReport:
    """Compare every split of the sets with itself and every other.

    `sets` has (name, data set, annotations); names are unique, and entries of the same data set are layouts
    of it, whose images are the same where their names are. Pictures are looked at where they are found;
    without `pictures` they are not looked for. Raises `InputError` where two sets have one name.
    """
    called = [name for name, _, _ in sets]
    if twice := [name for name, count in Counter(called).items() if count > 1]:
        raise InputError(f"two sets are called {twice[0]}: give them different names")
    unreadable: list[tuple[str, str]] = []
    parts = [
        _images(name, dataset, annotations, split, folder, unreadable, progress)
        for name, dataset, annotations in sets
        for folder in [PictureFolder(annotations.folder) if pictures else None]
        for split in annotations.splits
    ]
    pairs = [(one, other) for one, other in combinations_with_replacement(parts, 2)]
    # Layouts of one data set share everything by design: only what they put elsewhere is of interest.
    apart = [
        (one, other) for one, other in pairs if one.part.set == other.part.set or one.dataset != other.dataset
    ]
    captions: list[SharedCaptions] = []
    ties: dict[tuple[str, str], set[int]] = defaultdict(set)
    for one, other in apart:
        distinct, tied, back = _shared_captions(one, other)
        if distinct:
            captions.append(SharedCaptions(one.part.name, other.part.name, distinct, len(tied), len(back)))
        if one.part.set != other.part.set:
            ties[one.part.name, other.part.set] |= tied
            ties[other.part.name, one.part.set] |= back
    return LeakReport(
        parts=tuple(part.part for part in parts),
        captions=tuple(captions),
        ties=tuple(
            Ties(part.part.name, name, len(some))
            for part in parts
            for name in called
            if (some := ties.get((part.part.name, name)))
        ),
        pictures=tuple(found for pair in apart for found in _shared_pictures(*pair)),
        misnamed=tuple(names for pair in pairs if (names := _shared_names(*pair)) is not None),
        unreadable=tuple(unreadable),
    )


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
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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


def _images(
    name: str,
    dataset: str,
    annotations: Annotations,
    split: str,
    folder: PictureFolder | None,
    unreadable: list[tuple[str, str]],
    progress: Progress | None,
) -> _Images:
    records = annotations.split(split)
    words = tuple(frozenset(map(normalise, record.captions)) - {""} for record in records)
    hashes: dict[int, int] = {}
    pixels: dict[int, str] = {}
    for place, record in enumerate(records):
        path = folder.find(record.name) if folder else None
        if path is None:
            continue
        try:
            picture = open_picture(path)
        except ImageryError as error:
            unreadable.append((f"{name} {split} {record.name}", _without(str(error), path)))
            continue
        pixels[place] = hashlib.blake2b(
            picture.tobytes(), digest_size=16, person=str(picture.shape).encode()[:16]
        ).hexdigest()
        bits = phash(picture)
        if bits.bit_count() > 1:
            hashes[place] = bits
        if progress is not None:
            progress(place + 1, len(records), f"pictures of {name} {split}")
    part = Part(
        set=name,
        split=split,
        images=len(records),
        captioned=sum(map(bool, words)),
        pictures=len(pixels),
        content=content_hash(records),
    )
    return _Images(part, dataset, tuple(record.name for record in records), words, hashes, pixels)


def _shared_captions(one: _Images, other: _Images) -> tuple[int, set[int], set[int]]:
    """Number of captions that both have, images of `one` tied to `other`, and the other way round."""
    owners: dict[str, list[int]] = defaultdict(list)
    for place, words in enumerate(other.words):
        for text in words:
            owners[text].append(place)
    itself = int(one is other)
    distinct: set[str] = set()
    tied: set[int] = set()
    back: set[int] = set()
    for place, words in enumerate(one.words):
        common: Counter[int] = Counter()
        for text in words:
            there = owners.get(text, [])
            if len(there) > itself:
                distinct.add(text)
            common.update(there)
        if itself:
            del common[place]
        if partners := {partner for partner, count in common.items() if count >= TIE}:
            tied.add(place)
            back |= partners
    return len(distinct), tied, back


def _shared_pictures(one: _Images, other: _Images) -> Iterable[SharedPicture]:
    found: dict[tuple[int, int], int] = {}
    places, others = list(one.hashes), list(other.hashes)
    ours, theirs = (np.array(list(part.hashes.values()), np.uint64) for part in (one, other))
    for row, column, distance in near(ours, theirs, NEAR):
        found[places[row], others[column]] = distance
    by_pixels: dict[str, list[int]] = defaultdict(list)
    for place, content in other.pixels.items():
        by_pixels[content].append(place)
    for place, content in one.pixels.items():
        for partner in by_pixels.get(content, ()):
            found.setdefault((place, partner), 0)
    for (place, partner), distance in sorted(found.items()):
        if one is not other or place < partner:
            yield SharedPicture(
                one.part.name,
                one.names[place],
                other.part.name,
                other.names[partner],
                distance,
                one.pixels[place] == other.pixels[partner],
            )


def _shared_names(one: _Images, other: _Images) -> SharedNames | None:
    if one is other or one.dataset != other.dataset or one.part.split == other.part.split:
        return None
    common = len(set(one.names) & set(other.names))
    return SharedNames(one.part.name, other.part.name, common) if common else None


def _without(reason: str, path: Path) -> str:
    """A reason without the machine's path, which would make the digest depend on where the data lie."""
    return reason.replace(str(path), path.name)
