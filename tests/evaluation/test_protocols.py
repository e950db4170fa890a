from __future__ import annotations

from pathlib import Path

import pytest

from swath.captions import CaptionedImage, CaptionedSet
from swath.errors import CaptionsError, InputError
from swath.evaluation.protocols import PROTOCOLS, named


def dataset(*captions: tuple[str, ...]) -> CaptionedSet:
    images = (CaptionedImage(Path(f"{i}.jpg"), f"{i}.jpg", texts) for i, texts in enumerate(captions))
    return CaptionedSet("captions", "test", tuple(images))


def test_strict_pairs_every_caption_with_its_own_image_alone() -> None:
    judged = named("strict").judge(dataset(("red", "red"), (), ("blue", "red", "")))

    assert judged.texts == ("red", "red", "blue", "red", "")
    assert judged.owner.tolist() == [0, 0, 2, 2, 2]
    assert judged.asked.tolist() == [0, 2]
    assert (judged.i2t.starts.tolist(), judged.i2t.items.tolist()) == ([0, 2, 5], [0, 1, 2, 3, 4])
    assert (judged.t2i.starts.tolist(), judged.t2i.items.tolist()) == ([0, 1, 2, 3, 4, 5], [0, 0, 2, 2, 2])


def test_without_captions_there_is_nothing_to_judge() -> None:
    with pytest.raises(CaptionsError, match="no image of captions test has a caption"):
        named("strict").judge(dataset((), ()))


def test_protocols_are_found_by_name() -> None:
    assert all(named(name).name == name and named(name).says for name in PROTOCOLS)
    assert named(PROTOCOLS["strict"]) is PROTOCOLS["strict"]
    with pytest.raises(InputError, match="no protocol is called 'lose'; there are strict"):
        named("lose")
