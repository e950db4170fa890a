from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from swath.errors import EncoderError
from swath.evaluation.encoding import encode_pictures, encode_texts
from swath.evaluation.environment import Stopwatch
from swath.types import TextFeatures
from tests.captions.lookalike import picture
from tests.tiny import TinyEncoder


class Broken(TinyEncoder):
    """NaN for the word `nan`, and a missing row for `short`."""

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        features = super().encode_texts(texts)
        for row, text in enumerate(texts):
            if text == "nan":
                features.embedding[row, 3] = np.nan
        return TextFeatures(features.embedding[: len(texts) - ("short" in texts)])


def test_equal_texts_are_encoded_once_and_share_a_row(tiny: TinyEncoder) -> None:
    texts = ["red", "blue", "red", "green", "blue"]
    encoded = encode_texts(texts, tiny, batch=2, watch=Stopwatch())

    assert encoded.rows.tolist() == [0, 1, 0, 2, 1]
    assert encoded.texts == ("red", "blue", "green")
    assert encoded.embedding.tobytes() == tiny.encode_texts(["red", "blue", "green"]).embedding.tobytes()
    assert encoded.guide is not None and encoded.guide.shape == (3, 8)
    assert encoded.query(1).texts == ("blue",)


def test_the_ids_of_texts_do_not_depend_on_their_order(tiny: TinyEncoder) -> None:
    one = encode_texts(["a", "b"], tiny, batch=8, watch=Stopwatch()).ids
    two = encode_texts(["b", "a"], tiny, batch=8, watch=Stopwatch()).ids
    assert one == two[::-1] and len(set(one)) == 2


def test_equal_pictures_share_a_row_whatever_they_are_called(tmp_path: Path, tiny: TinyEncoder) -> None:
    for name, colour in (("a.png", "red"), ("b.png", "blue"), ("c.png", "red")):
        picture(tmp_path / name, colour)
    pictures = [(path.name, path) for path in sorted(tmp_path.iterdir())]
    reports: list[int] = []
    encoded, damaged = encode_pictures(
        pictures, tiny, batch=2, watch=Stopwatch(), progress=lambda done, total, what: reports.append(done)
    )

    assert encoded.rows.tolist() == [0, 1, 0]
    assert (tiny.encoded, damaged, reports) == (2, [], [2, 3])
    assert encoded.query(0).parts == {"dense", "tokens"}
    assert encoded.gallery().signals == {"dense", "tokens"}


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path: Path, tiny: TinyEncoder) -> None:
    picture(tmp_path / "a.png", "red")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    pictures = [(path.name, path) for path in sorted(tmp_path.iterdir())]
    encoded, damaged = encode_pictures(pictures, tiny, batch=2, watch=Stopwatch())

    assert encoded.rows.tolist() == [0]
    assert [name for name, _ in damaged] == ["b.png"]


def test_vectors_that_cannot_be_right_are_refused() -> None:
    with pytest.raises(EncoderError, match="not finite for 'nan'"):
        encode_texts(["red", "nan"], Broken(), batch=4, watch=Stopwatch())
    with pytest.raises(EncoderError, match=r"shape \(1, 32\) for 2 inputs"):
        encode_texts(["red", "short"], Broken(), batch=4, watch=Stopwatch())


def test_a_stopwatch_adds_up_its_parts() -> None:
    watch = Stopwatch()
    for _ in range(3):
        with watch.part("a"):
            sum(range(1000))
    with pytest.raises(ZeroDivisionError), watch.part("b"):
        _ = 1 / 0
    assert watch.seconds["a"] > 0 and watch.seconds["b"] >= 0
