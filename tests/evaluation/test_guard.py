"""Test data under any name is recognised; what was trained or chosen on it says so in its results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from swath.captions import CaptionedImage, CaptionedSet, load, read
from swath.encoders import Card
from swath.encoders.card import Source
from swath.errors import InputError
from swath.evaluation import evaluate
from swath.evaluation.guard import flags_of, held_images, load_to_choose, refuse_test
from swath.evaluation.leaderboard import FLAGS
from tests.captions import lookalike
from tests.evaluation.test_protocols import dataset
from tests.tiny import TinyEncoder


class Told(TinyEncoder):
    """An encoder whose card says what it was trained and chosen on."""

    def __init__(self, digest: str, **data: list[str]) -> None:
        super().__init__()
        source = Source(name="rsicd", part="train", terms="", digest=digest)
        self.card = Card(
            name="told", description="", dim=32, image_size=32, data=(source,), recipe={"data": data}
        )


def published(data: Path, split: str, called: str) -> CaptionedSet:
    """A split of the real RSICD under another name; nothing looks at its pictures."""
    records = read("rsicd", data / "annotations" / "rsicd").split(split)
    images = (CaptionedImage(Path(one.name), one.name, one.captions) for one in records)
    return CaptionedSet("rsicd", called, tuple(images))


def test_a_split_called_test_is_refused_unless_it_is_meant() -> None:
    test = dataset(("a",), ("b",))
    with pytest.raises(InputError, match="2 images of captions:test are test images of captions: nothing is"):
        refuse_test([test])
    refuse_test([replace(test, split="test!"), replace(test, split="val")])


def test_published_test_images_are_recognised_whatever_the_split_is_called(data: Path) -> None:
    test = published(data, "test", "val")
    (found,) = held_images([test])
    assert (found.set, found.split, found.of, found.images) == ("rsicd", "val", "rsicd", 1093)
    one = replace(test.images[5], name="other/" + test.images[5].name.replace(".jpg", ".png"))
    hidden = replace(published(data, "val", "val"), name="captions", images=(*test.images[:0], one))
    with pytest.raises(InputError, match="1 images of captions:val are test images of rsicd"):
        refuse_test([hidden])
    refuse_test([published(data, "train", "train"), published(data, "val", "val")])


def test_results_say_what_the_encoder_saw(data: Path) -> None:
    test, val = published(data, "test", "test"), published(data, "val", "val")

    assert flags_of(test, TinyEncoder()) == flags_of(val, TinyEncoder()) == ()
    assert flags_of(val, Told(val.split_hash, train=["rsicd:train"])) == ("trained-on",)
    assert flags_of(test, Told("", train=["rsicd:train"], validate=["rsicd:test!"])) == ("test-selected",)
    assert flags_of(test, Told("", validate=["ucm:test!"])) == ()
    assert flags_of(replace(test, split="val"), TinyEncoder()) == ("holds-test-images",)
    assert flags_of(replace(val, split="test"), TinyEncoder()) == ("not-the-published-test",)
    assert flags_of(replace(test, images=test.images[:7]), TinyEncoder()) == ()
    assert {"trained-on", "test-selected", "holds-test-images", "not-the-published-test"} <= set(FLAGS)


def test_flags_are_written_into_the_result(tmp_path: Path) -> None:
    root = lookalike.karpathy(tmp_path, {"a.png": ["a red field"], "b.png": ["green"]})
    split = load("captions", root, "test")
    assert evaluate(split, Told(split.split_hash, validate=["captions:test!"])).flags == (
        "trained-on",
        "test-selected",
    )
    plain = evaluate(split, TinyEncoder())
    assert (plain.flags, plain.seeds) == ((), {"intervals": 0})


def test_what_is_loaded_to_choose_by_is_looked_at(tmp_path: Path) -> None:
    root = lookalike.rsicd(tmp_path)
    assert load_to_choose("rsicd", root, "val").split == "val"
    assert load_to_choose("rsicd", root, "test!").split == "test!"
    with pytest.raises(InputError, match="rsicd:test was named: nothing is trained or chosen on test data"):
        load_to_choose("rsicd", root, "test")
