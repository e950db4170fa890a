"""What data and features of the field do to an evaluation that is not careful, from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from swath.captions import load, read
from swath.errors import EncoderError, InputError
from swath.evaluation import evaluate, find_leaks, judge, rank_embeddings
from swath.evaluation.metrics import Relevance, rank_scores
from swath.evaluation.significance import by_image
from swath.types import ImageFeatures, TextFeatures
from tests.captions import lookalike
from tests.evaluation.test_compare import GOOD
from tests.evaluation.test_leaks import noted
from tests.evaluation.test_phash import scene
from tests.tiny import TinyEncoder


class Constant(TinyEncoder):
    """Gives one value for everything."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        return ImageFeatures(np.full((len(batch), self.dim), self.value, np.float32), None)

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        return TextFeatures(np.full((len(texts), self.dim), self.value, np.float32), None)


def named(count: int, captions: int = 5) -> dict[str, list[str]]:
    return {f"{i}.png": [f"caption {j} of {i}" for j in range(captions)] for i in range(count)}


def test_features_that_all_tie_get_what_chance_gets(tmp_path: Path) -> None:
    dataset = load("captions", lookalike.karpathy(tmp_path, named(20, 1)), "test")
    result = evaluate(dataset, Constant(0.5))

    assert (result.t2i.r1, result.t2i.r5, result.t2i.r10) == pytest.approx((5, 25, 50))
    assert (result.i2t.r1, result.i2t.r5, result.i2t.r10) == pytest.approx((5, 25, 50))
    assert result.best_case.mr == 100 and result.worst_case.mr == 0


def test_features_with_nan_end_in_an_error_and_not_in_a_figure(tmp_path: Path) -> None:
    dataset = load("captions", lookalike.karpathy(tmp_path, named(2)), "test")
    with pytest.raises(EncoderError, match="not finite"):
        evaluate(dataset, Constant(float("nan")))


def test_one_query_and_a_gallery_smaller_than_k(tmp_path: Path, tiny: TinyEncoder) -> None:
    root = lookalike.karpathy(tmp_path, {"a.png": ["red"], "b.png": []})
    result = evaluate(load("captions", root, "test"), tiny)

    assert (result.images, result.captions, result.mr) == (2, 1, 100.0)
    assert result.interval.low.mr == result.interval.high.mr == 100.0


def test_one_caption_for_each_image(tmp_path: Path, tiny: TinyEncoder) -> None:
    images = {"red.png": ["a red field"], "green.png": ["a blue field"], "blue.png": ["green trees"]}
    colours = ("red", "green", "blue")
    result = evaluate(load("captions", lookalike.karpathy(tmp_path, images, colours=colours), "test"), tiny)

    assert (result.images, result.captions) == (3, 3)
    assert (result.i2t.r1, result.t2i.r1) == pytest.approx((100 / 3, 100 / 3))
    assert result.i2t.r5 == result.t2i.r5 == 100.0


def test_captions_that_differ_in_case_and_punctuation_alone(tmp_path: Path, tiny: TinyEncoder) -> None:
    images = {"a.png": ["A red field .", "one"], "b.png": ["a RED field!", "two"]}
    dataset = load("captions", lookalike.karpathy(tmp_path, images, colours=["red"]), "test")
    strict, lenient = evaluate(dataset, tiny), evaluate(dataset, tiny, protocol="lenient")

    assert strict.ceiling is not None and strict.ceiling.t2i.r1 == 75.0
    assert lenient.ceiling is None and lenient.t2i.r1 == 100.0 > strict.t2i.r1
    assert evaluate(dataset, tiny, protocol="dedup").captions == 4


def test_a_picture_saved_again_under_another_name_is_a_copy(tmp_path: Path, tiny: TinyEncoder) -> None:
    (tmp_path / "imgs").mkdir()
    Image.fromarray(scene(1)).save(tmp_path / "imgs" / "a.png")
    Image.fromarray(scene(1)).resize((180, 180)).save(tmp_path / "imgs" / "b.jpg", quality=85)
    Image.fromarray(scene(2)).save(tmp_path / "imgs" / "c.png")
    images = [("a.png", "test", ["one"]), ("b.jpg", "test", ["two"]), ("c.png", "test", ["three"])]
    lookalike.annotate(tmp_path / "dataset.json", images)
    dataset = load("captions", tmp_path, "test")
    trec = tmp_path / "trec"
    evaluate(dataset, tiny, protocol="lenient", trec=trec)

    judged = [line.split()[:3] for line in (trec / "t2i.qrels").read_text().splitlines()]
    right = {(query, item) for query, _, item in judged}
    assert {("a.png#0", "b.jpg"), ("b.jpg#0", "a.png")} <= right
    assert len(right) == 5
    report = find_leaks([("captions", "captions", read("captions", tmp_path))])
    assert [(pair.one_image, pair.other_image, pair.equal) for pair in report.pictures] == [
        ("a.png", "b.jpg", False)
    ]


def test_a_val_that_is_test_under_another_name(tmp_path: Path) -> None:
    same = noted(tmp_path, val={"a": ["x", "y"]}, test={"a": ["x", "y"], "b": ["z"]})
    (moved,) = find_leaks([("s", "s", same)], pictures=False).misnamed
    assert (moved.one, moved.other, moved.names) == ("s val", "s test", ("a",))
    renamed = noted(tmp_path, val={"q": ["X !", "y"]}, test={"a": ["x", "y"]})
    (pair,) = find_leaks([("s", "s", renamed)], pictures=False).pairs
    assert (pair.one_image, pair.other_image, pair.captions) == ("q", "a", 2)


def test_directions_that_were_exchanged_are_noticed(tmp_path: Path, tiny: TinyEncoder) -> None:
    images, texts = np.eye(3, 4, dtype=np.float32), np.eye(6, 4, dtype=np.float32)
    to_texts = Relevance.of([[0, 1], [2, 3], [4, 5]])
    assert len(rank_embeddings(images, texts, to_texts).above) == 3
    with pytest.raises(InputError, match="6 queries and 3 items: are the directions exchanged"):
        rank_embeddings(texts, images, to_texts)
    with pytest.raises(InputError, match="are the directions exchanged"):
        rank_scores(np.ones((6, 3)), to_texts)
    dataset = load("captions", lookalike.karpathy(tmp_path, named(3)), "test")
    evaluate(dataset, tiny, trec=tmp_path)
    with pytest.raises(InputError, match=r"has none of the 15 queries of .*t2i\.qrels"):
        judge(tmp_path / "i2t.run", tmp_path / "t2i.qrels")
    assert GOOD.ranks is not None
    turned = type(GOOD.ranks)(GOOD.ranks.t2i, GOOD.ranks.i2t)
    swapped = msgspec.structs.replace(GOOD, ranks=turned, i2t=GOOD.t2i, t2i=GOOD.i2t)
    with pytest.raises(InputError, match="its directions are exchanged"):
        by_image(swapped)


def test_empty_lines_in_a_caption_file(tmp_path: Path, tiny: TinyEncoder) -> None:
    root = lookalike.rsitmd(tmp_path)
    (root / "dataset_RSITMD.json").unlink()
    lookalike.precomp(root)
    captions = ["a green field", "", "  ", "green trees", ""]
    (root / "train_filename.txt").write_text("park_7.tif\n" * 5)
    (root / "train_caps.txt").write_text("\n".join(captions) + "\n\n\n")
    dataset = load("rsitmd", root, "train")

    assert [image.captions for image in dataset.images] == [tuple(captions)]
    result = evaluate(dataset, tiny)
    assert (result.images, result.captions) == (1, 5)
