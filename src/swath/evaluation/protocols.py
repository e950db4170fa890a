"""What counts as right: a protocol turns a data set into questions, a gallery and answers.

Figures under different protocols cannot be compared, so every figure carries the name of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedSet
from swath.errors import CaptionsError, InputError
from swath.evaluation.metrics import Relevance


@dataclass(frozen=True, slots=True)
class Judgements:
    """Questions and answers of one data set under one protocol; numbers of images are those of the set."""

    texts: tuple[str, ...]
    """Every caption that takes part: a query of text to image, an item of the gallery of image to text."""
    owner: NDArray[np.int64]
    """int64[len(texts)]: the image that each caption was written for."""
    asked: NDArray[np.int64]
    """int64[q]: the images that are queries of image to text, ascending (those that have captions)."""
    i2t: Relevance
    """For each of the q images, the right numbers of `texts`."""
    t2i: Relevance
    """For each caption, the right images."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way to evaluate."""

    name: str
    says: str
    """One sentence to print beside a figure."""
    judge: Callable[[CaptionedSet], Judgements]


def named(protocol: str | Protocol) -> Protocol:
    """The protocol of that name. Raises `InputError` where there is none."""
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise InputError(f"no protocol is called {protocol!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol]


def _paired(dataset: CaptionedSet) -> Judgements:
    sizes = np.array([len(image.captions) for image in dataset.images], np.int64)
    if not sizes.any():
        raise CaptionsError(f"no image of {dataset.name} {dataset.split} has a caption: nothing to evaluate")
    texts = tuple(text for image in dataset.images for text in image.captions)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    asked = np.flatnonzero(sizes)
    starts = np.concatenate([[0], np.cumsum(sizes[asked])])
    return Judgements(
        texts=texts,
        owner=owner,
        asked=asked,
        i2t=Relevance(starts, np.arange(len(texts))),
        t2i=Relevance(np.arange(len(texts) + 1), owner),
    )


PROTOCOLS: dict[str, Protocol] = {
    "strict": Protocol(
        "strict",
        "every caption counts, only the pairs of the annotation file are right, ties by expectation",
        _paired,
    ),
}
