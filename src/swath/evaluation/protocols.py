"""What counts as right: a protocol turns a data set into questions, a gallery and answers.

Figures under different protocols cannot be compared, so every figure carries the name of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedImage, CaptionedSet, normalise
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

    @property
    def captions(self) -> list[tuple[str, ...]]:
        """The captions that take part, image by image, of the asked images alone."""
        ends = np.searchsorted(self.owner, self.asked, side="right")
        starts = np.searchsorted(self.owner, self.asked)
        return [self.texts[start:end] for start, end in zip(starts, ends, strict=True)]


Rule: TypeAlias = Callable[[CaptionedSet, NDArray[np.int64]], Judgements]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way to evaluate."""

    name: str
    says: str
    """One sentence to print beside a figure."""
    rule: Rule
    paired: bool = True
    """Whether right is what the annotation file pairs and nothing else: equal captions set a ceiling then."""
    looks: bool = False
    """Whether it matters which pictures look alike."""

    def judge(self, dataset: CaptionedSet, same: NDArray[np.int64] | None = None) -> Judgements:
        """The questions and answers of a set.

        `same` int64[images] has equal numbers for images that are copies; left out, no two are.
        Raises `CaptionsError` where there is nothing to ask.
        """
        if not any(image.captions for image in dataset.images):
            raise CaptionsError(
                f"no image of {dataset.name} {dataset.split} has a caption: nothing to evaluate"
            )
        return self.rule(dataset, np.arange(len(dataset.images)) if same is None else same)


def named(protocol: str | Protocol) -> Protocol:
    """The protocol of that name. Raises `InputError` where there is none."""
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise InputError(f"no protocol is called {protocol!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol]


def _strict(dataset: CaptionedSet, _same: NDArray[np.int64]) -> Judgements:
    sizes = np.array([len(image.captions) for image in dataset.images], np.int64)
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


def _dedup(dataset: CaptionedSet, same: NDArray[np.int64]) -> Judgements:
    def once(image: CaptionedImage) -> CaptionedImage:
        return replace(image, captions=tuple(dict.fromkeys(image.captions)))

    return _strict(replace(dataset, images=tuple(map(once, dataset.images))), same)


def _lenient(dataset: CaptionedSet, same: NDArray[np.int64]) -> Judgements:
    judged = _strict(dataset, same)
    words = [normalise(text) for text in judged.texts]
    said: dict[int, set[str]] = defaultdict(set)
    for text, owner in zip(words, judged.owner, strict=True):
        said[int(same[owner])].add(text)
    described = [said[int(group)] for group in same]
    return _by_keys(judged, words, described)


def _scene(dataset: CaptionedSet, same: NDArray[np.int64]) -> Judgements:
    judged = _strict(dataset, same)
    if all(image.label is None for image in dataset.images):
        raise CaptionsError(f"{dataset.name} {dataset.split} has no classes: scene recall needs them")
    scenes: list[Hashable] = [
        place if image.label is None else image.label for place, image in enumerate(dataset.images)
    ]
    return _by_keys(judged, [scenes[owner] for owner in judged.owner], [{scene} for scene in scenes])


def _by_keys(
    judged: Judgements, keys: Sequence[Hashable], wanted: Sequence[Iterable[Hashable]]
) -> Judgements:
    """Right is every pair of a caption with a key and an image that wants this key."""
    texts: dict[Hashable, list[int]] = defaultdict(list)
    images: dict[Hashable, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        texts[key].append(place)
    for place, several in enumerate(wanted):
        for key in several:
            images[key].append(place)
    return replace(
        judged,
        i2t=Relevance.of(
            sorted(place for key in wanted[image] for place in texts[key]) for image in judged.asked
        ),
        t2i=Relevance.of(images[key] for key in keys),
    )


PROTOCOLS: dict[str, Protocol] = {
    "strict": Protocol(
        "strict",
        "every caption counts, only the pairs of the annotation file are right, ties by expectation",
        _strict,
    ),
    "lenient": Protocol(
        "lenient",
        "as strict, but equal normalised captions are right too, and so are copies of a picture",
        _lenient,
        paired=False,
        looks=True,
    ),
    "dedup": Protocol(
        "dedup",
        "as strict, but a caption that an image repeats, letter by letter, counts once",
        _dedup,
    ),
    "scene": Protocol(
        "scene",
        "as strict, but all of a scene class is right; an image without a class is one of its own",
        _scene,
        paired=False,
    ),
}
