"""Captioned sets as training sees them: pictures in one list, captions as numbers, equal ones as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedSet, normalise
from swath.errors import InputError
from swath.evaluation.guard import load_to_choose, refuse_test


@dataclass(frozen=True)
class Corpus:
    """Several captioned sets side by side."""

    sets: tuple[CaptionedSet, ...]
    texts: tuple[str, ...]
    """Distinct normalised captions."""
    captions: tuple[NDArray[np.int64], ...]
    """For every image the numbers of its captions (empty captions left out)."""
    labels: NDArray[np.int64]
    """int64[n]: number of the scene class, -1 where unknown. Classes of different sets are different."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def usable(self) -> NDArray[np.int64]:
        """Numbers of the images that have a caption."""
        return np.flatnonzero([len(own) > 0 for own in self.captions])

    def own(self) -> NDArray[np.int64]:
        """int64[n, C]: the caption numbers of every image, filled up with -1."""
        table = np.full((len(self), max(map(len, self.captions))), -1, np.int64)
        for row, own in enumerate(self.captions):
            table[row, : len(own)] = own
        return table


def corpus(sets: Sequence[CaptionedSet]) -> Corpus:
    """Put captioned sets together.

    Raises `InputError` where one holds test images: nothing is trained or chosen on them, unless the name of
    its split says that it is meant (see `swath.evaluation.guard`).
    """
    refuse_test(sets)
    texts: dict[str, int] = {}
    classes: dict[str, int] = {}
    captions, labels = [], []
    for one in sets:
        for image in one.images:
            words = [text for text in map(normalise, image.captions) if text]
            captions.append(np.array([texts.setdefault(text, len(texts)) for text in words], np.int64))
            label = f"{one.name}/{image.label}"
            labels.append(-1 if image.label is None else classes.setdefault(label, len(classes)))
    return Corpus(tuple(sets), tuple(texts), tuple(captions), np.array(labels, np.int64), tuple(classes))


def load_sets(names: Sequence[str], roots: Mapping[str, Path]) -> list[CaptionedSet]:
    """Load `name:split` sets from the roots that the user gave.

    Raises `InputError` where a root is missing (the message names the option), and where a set holds test
    images and its name does not say that this is meant, as `rsicd:test!` does.
    """
    sets = []
    for name in names:
        dataset, _, split = name.partition(":")
        if dataset not in roots:
            raise InputError(f"the recipe needs {dataset}: add --data {dataset}=FOLDER")
        sets.append(load_to_choose(dataset, roots[dataset], split))
    return sets
