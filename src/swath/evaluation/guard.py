"""Test data is for testing: what recognises it in training and tuning, and what says so in results.

Test data is a split called `test`, and every image of a published test split under whatever name of a split.
Whoever means it says it aloud: `test!` as the name of a split lets it through, and the mark stays with the
data into the card of what is trained or chosen on it, and from there into its results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from swath.captions import CaptionedSet, fingerprint, held_out, load
from swath.errors import InputError
from swath.types import Encoder

TEST = "test"
ALOUD = "!"
"""Behind the name of a split: its test images are meant."""
MEANT = (
    "nothing is trained or chosen on test data; with an exclamation mark behind the split it is, and is told"
)

TRAINED_ON = "trained-on"
TEST_SELECTED = "test-selected"
HOLDS_TEST = "holds-test-images"
NOT_PUBLISHED = "not-the-published-test"


class HeldImages(msgspec.Struct, frozen=True):
    """Test images in a set that is to be trained or chosen on."""

    set: str
    split: str
    of: str
    """The data set whose test images they are."""
    images: int

    def __str__(self) -> str:
        return f"{self.images:,} images of {self.set}:{self.split} are test images of {self.of}"


def held_images(sets: Iterable[CaptionedSet]) -> tuple[HeldImages, ...]:
    """The test images of each set, by the data set that they are of."""
    found = []
    for one in sets:
        counts = Counter(
            one.name if one.split.removesuffix(ALOUD) == TEST else held_out().get(fingerprint(image))
            for image in one.images
        )
        found += [
            HeldImages(one.name, one.split, of, images)
            for of, images in sorted(counts.items(), key=str)
            if of is not None
        ]
    return tuple(found)


def refuse_test(sets: Iterable[CaptionedSet]) -> None:
    """Raises `InputError` where sets to be trained or chosen on hold test images, and not aloud."""
    found = held_images(one for one in sets if not one.split.endswith(ALOUD))
    if found:
        raise InputError(f"{'; '.join(map(str, found))}: {MEANT}")


def load_to_choose(name: str, root: Path, split: str) -> CaptionedSet:
    """Load a split to be trained or chosen on; it keeps the mark behind its name.

    Raises `InputError` where it holds test images and is not marked, and what `swath.captions.load` raises.
    """
    if split == TEST:
        raise InputError(f"{name}:{split} was named: {MEANT}")
    found = replace(load(name, root, split.removesuffix(ALOUD)), split=split)
    refuse_test([found])
    return found


def flags_of(dataset: CaptionedSet, encoder: Encoder) -> tuple[str, ...]:
    """What a result on this set by this encoder must say of itself, in words of `leaderboard.FLAGS`."""
    flags = []
    card = getattr(encoder, "card", None)
    if card is not None:
        if any(source.digest == dataset.split_hash for source in card.data):
            flags.append(TRAINED_ON)
        data = card.recipe.get("data", {})
        named = (*data.get("train", ()), *data.get("validate", ()))
        if any(name.startswith(f"{dataset.name}:") and name.endswith(ALOUD) for name in named):
            flags.append(TEST_SELECTED)
    known = sum(fingerprint(image) in held_out() for image in dataset.images)
    if known and dataset.split != TEST:
        flags.append(HOLDS_TEST)
    published = dataset.name in set(held_out().values())
    if published and dataset.split == TEST and known < len(dataset.images):
        flags.append(NOT_PUBLISHED)
    return tuple(flags)
