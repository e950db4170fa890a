from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from swath.captions import CaptionedImage, CaptionedSet, read
from swath.errors import CaptionsError, InputError
from swath.evaluation.metrics import Relevance
from swath.evaluation.protocols import PROTOCOLS, named


def dataset(*captions: tuple[str, ...], labels: Sequence[str | None] = ()) -> CaptionedSet:
    images = (
        CaptionedImage(Path(f"{i}.jpg"), f"{i}.jpg", texts, labels[i] if labels else None)
        for i, texts in enumerate(captions)
    )
    return CaptionedSet("captions", "test", tuple(images))


def test_strict_pairs_every_caption_with_its_own_image_alone() -> None:
    judged = named("strict").judge(dataset(("red", "red"), (), ("blue", "red", "")))

    assert judged.texts == ("red", "red", "blue", "red", "")
    assert judged.owner.tolist() == [0, 0, 2, 2, 2]
    assert judged.asked.tolist() == [0, 2]
    assert (judged.i2t.starts.tolist(), judged.i2t.items.tolist()) == ([0, 2, 5], [0, 1, 2, 3, 4])
    assert (judged.t2i.starts.tolist(), judged.t2i.items.tolist()) == ([0, 1, 2, 3, 4, 5], [0, 0, 2, 2, 2])


def lists(relevance: Relevance) -> list[list[int]]:
    return [relevance.items[a:b].tolist() for a, b in pairwise(relevance.starts)]


def test_lenient_accepts_equal_words_of_another_image() -> None:
    judged = named("lenient").judge(dataset(("A red field .", "a lake"), ("a RED field!", "x"), (), ("b",)))

    assert judged.texts == ("A red field .", "a lake", "a RED field!", "x", "b")
    assert lists(judged.t2i) == [[0, 1], [0], [0, 1], [1], [3]]
    assert lists(judged.i2t) == [[0, 1, 2], [0, 2, 3], [4]]
    assert judged.asked.tolist() == [0, 1, 3]


def test_lenient_accepts_an_image_with_equal_pixels_and_what_is_said_of_it() -> None:
    same = np.array([0, 1, 0, 2])
    judged = named("lenient").judge(dataset(("a",), ("b", "c"), ("c",), ("d",)), same)

    assert lists(judged.t2i) == [[0, 2], [1], [0, 1, 2], [0, 1, 2], [3]]
    assert lists(judged.i2t) == [[0, 2, 3], [1, 2, 3], [0, 2, 3], [4]]


def test_lenient_without_anything_equal_is_strict() -> None:
    plain = dataset(("a", "b"), (), ("c",))
    strict, lenient = (named(name).judge(plain) for name in ("strict", "lenient"))
    assert lists(strict.i2t) == lists(lenient.i2t) and lists(strict.t2i) == lists(lenient.t2i)


def test_dedup_goes_by_raw_strings_within_an_image() -> None:
    judged = named("dedup").judge(dataset(("red", "red", "Red"), (), ("red", "red")))

    assert judged.texts == ("red", "Red", "red")
    assert judged.captions == [("red", "Red"), ("red",)]
    assert lists(judged.t2i) == [[0], [0], [2]]


def test_scene_accepts_all_of_a_class_and_takes_unlabelled_images_for_themselves() -> None:
    labels = ["port", None, "port", None]
    judged = named("scene").judge(dataset(("a",), ("b",), (), ("c",), labels=labels))

    assert lists(judged.t2i) == [[0, 2], [1], [3]]
    assert lists(judged.i2t) == [[0], [1], [2]]
    with pytest.raises(CaptionsError, match="captions test has no classes"):
        named("scene").judge(dataset(("a",)))


@pytest.mark.parametrize(
    ("name", "folder", "captions"), [("rsicd", "rsicd", 3619), ("rsitmd", "rsitmd/precomp", 2122)]
)
def test_dedup_counts_of_the_real_test_splits(data: Path, name: str, folder: str, captions: int) -> None:
    records = read(name, data / "annotations" / folder).split("test")
    judged = named("dedup").judge(dataset(*(record.captions for record in records)))
    assert len(judged.texts) == captions


def test_without_captions_there_is_nothing_to_judge() -> None:
    with pytest.raises(CaptionsError, match="no image of captions test has a caption"):
        named("strict").judge(dataset((), ()))


def test_protocols_are_found_by_name() -> None:
    assert all(named(name).name == name and named(name).says for name in PROTOCOLS)
    assert named(PROTOCOLS["strict"]) is PROTOCOLS["strict"]
    with pytest.raises(InputError, match="no protocol is called 'lose'; there are strict"):
        named("lose")
