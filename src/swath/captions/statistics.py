"""What can be counted in the captions of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.resources import files

import msgspec

from swath.captions.nouns import CaptionedImage, Record
from swath.captions.text import normalise


class Statistics(msgspec.Struct, frozen=True):
    """Counts over one split; captions are compared in their normalised form."""

    images: int
    captions: int
    distinct: int
    """Different captions in the split; the empty one counts as one."""
    distinct_per_image: int
    """Different captions of each image, summed over the images."""
    shared: int
    """Captions whose words also belong to another image."""
    empty: int
    """Captions without a letter or digit."""
    uncaptioned: int
    """Images without any caption."""

    @property
    def shared_percent(self) -> float:
        """Share of the captions that also belong to another image, in per cent."""
        return 100 * self.shared / self.captions if self.captions else 0.0


def statistics(images: Iterable[Record | CaptionedImage]) -> Statistics:
    """Count the captions of some images, usually those of one split."""
    captions = [[normalise(text) for text in image.captions] for image in images]
    owners = Counter(text for texts in captions for text in set(texts))
    every = [text for texts in captions for text in texts]
    return Statistics(
        images=len(captions),
        captions=len(every),
        distinct=len(owners),
        distinct_per_image=owners.total(),
        shared=sum(owners[text] > 1 for text in every),
        empty=every.count(""),
        uncaptioned=sum(not texts for texts in captions),
    )


def known_statistics() -> Mapping[str, Mapping[str, Statistics]]:
    """Statistics of the published annotation files: data set, then split.

    A file that counts otherwise is not the published one.
    """
    content = files("swath.captions").joinpath("statistics.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, dict[str, Statistics]])
