"""The best figures that any model can have on a set of captions in which words repeat.

Whatever gives equal words equal vectors cannot tell equal captions apart, so part of the pairs cannot be
found again. Captions are equal when their normalised forms are, and every image may be ranked as it likes for
a text and every text as it likes for an image; equal pictures are not looked for.

Text to image, the queries of one text share one ranking: it can put but one of the images that own the text
first, and does best by ordering them by how often they repeat it. Image to text, the best own caption of an
image ties with all its copies, of which those of other images are wrong.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import comb

from swath.captions import normalise
from swath.evaluation.metrics import KS
from swath.evaluation.results import Figures, Recalls


def ceiling_of(images: Iterable[Sequence[str]]) -> Figures | None:
    """The highest strict hit@1, 5 and 10 of both directions and their mean, in per cent.

    `images` has the captions of each image; images without captions are not asked. Ties count by expectation.
    Image to text, each image takes the one caption that is best for the three together, so that one model
    could have them all. None where there is no caption at all.
    """
    captions = [[normalise(text) for text in texts] for texts in images if texts]
    if not captions:
        return None
    copies = Counter(text for texts in captions for text in texts)
    owned: dict[str, list[int]] = defaultdict(list)
    found = [0.0] * len(KS)
    for texts in captions:
        own = Counter(texts)
        for text, times in own.items():
            owned[text].append(times)
        best = max((_drawn(times, copies[text]) for text, times in own.items()), key=sum)
        found = [total + hit for total, hit in zip(found, best, strict=True)]
    i2t = [100 * total / len(captions) for total in found]
    most = [sorted(times, reverse=True) for times in owned.values()]
    t2i = [100 * sum(sum(times[:k]) for times in most) / copies.total() for k in KS]
    return Figures(Recalls(*i2t), Recalls(*t2i), (sum(i2t) + sum(t2i)) / (2 * len(KS)))


def _drawn(right: int, copies: int) -> list[float]:
    """Hit@k where `right` of the tied copies that come first are right."""
    return [1 - comb(copies - right, k) / comb(copies, k) if k < copies else 1.0 for k in KS]
