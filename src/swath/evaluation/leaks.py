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
from typing import TypeAlias

import numpy as np

from swath.captions import Annotations, PictureFolder, content_hash, normalise, statistics
from swath.errors import ImageryError, InputError
from swath.evaluation.ceiling import ceiling_of
from swath.evaluation.phash import NEAR, near, phash, structured
from swath.evaluation.reports import (
    TIE,
    LeakReport,
    Part,
    SharedCaptions,
    SharedNames,
    SharedPicture,
    TiedPair,
    Ties,
)
from swath.imagery import open_picture
from swath.types import Progress


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
    tied: list[TiedPair] = []
    ties: dict[tuple[str, str], set[int]] = defaultdict(set)
    for one, other in apart:
        distinct, best, back = _shared_captions(one, other)
        if distinct:
            captions.append(SharedCaptions(one.part.name, other.part.name, distinct, len(best), len(back)))
        if one is not other:
            tied += _tied_pairs(one, other, best, back)
        if one.part.set != other.part.set:
            ties[one.part.name, other.part.set] |= best.keys()
            ties[other.part.name, one.part.set] |= back.keys()
    return LeakReport(
        parts=tuple(part.part for part in parts),
        captions=tuple(captions),
        pairs=tuple(tied),
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
        if structured(bits):
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
        counts=statistics(records),
        ceiling=ceiling_of([record.captions for record in records]),
    )
    return _Images(part, dataset, tuple(record.name for record in records), words, hashes, pixels)


_Best: TypeAlias = dict[int, tuple[int, int]]
"""Place of a tied image to the place of its partner and the number of captions that both have."""


def _shared_captions(one: _Images, other: _Images) -> tuple[int, _Best, _Best]:
    """Number of captions that both have, images of `one` tied to `other`, and the other way round."""
    owners: dict[str, list[int]] = defaultdict(list)
    for place, words in enumerate(other.words):
        for text in words:
            owners[text].append(place)
    itself = int(one is other)
    distinct: set[str] = set()
    best: _Best = {}
    back: _Best = {}
    for place, words in enumerate(one.words):
        common: Counter[int] = Counter()
        for text in words:
            there = owners.get(text, [])
            if len(there) > itself:
                distinct.add(text)
            common.update(there)
        if itself:
            del common[place]
        for partner, count in sorted(common.items()):
            if count >= TIE:
                _keep_larger(best, place, partner, count)
                _keep_larger(back, partner, place, count)
    return len(distinct), best, back


def _keep_larger(best: _Best, place: int, partner: int, count: int) -> None:
    if place not in best or best[place][1] < count:
        best[place] = partner, count


def _tied_pairs(one: _Images, other: _Images, best: _Best, back: _Best) -> Iterable[TiedPair]:
    """The best partner of every tied image on either side, each pair once."""
    pairs = {(place, partner): count for place, (partner, count) in best.items()}
    pairs |= {(partner, place): count for place, (partner, count) in back.items()}
    for (place, partner), count in sorted(pairs.items()):
        yield TiedPair(one.part.name, one.names[place], other.part.name, other.names[partner], count)


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
    common = sorted(set(one.names) & set(other.names))
    return SharedNames(one.part.name, other.part.name, len(common), tuple(common)) if common else None


def _without(reason: str, path: Path) -> str:
    """A reason without the machine's path, which would make the digest depend on where the data lie."""
    return reason.replace(str(path), path.name)
