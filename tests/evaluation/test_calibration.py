"""Fits of probabilities to scores: what they recover, what they promise, and how that is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from swath.captions import CaptionedImage, CaptionedSet
from swath.errors import InputError
from swath.evaluation.calibration import SHOWN, Pairs, calibrate, fitted, predicted
from swath.evaluation.reliability import reliability_chart
from swath.search import MemoryGallery, Pipeline, parse, search
from swath.types import Query
from tests.tiny import COLOURS, TinyEncoder

DENSE = [("dense", parse("dense"))]


def made(n: int, beta: tuple[float, float, float], seed: int = 0) -> Pairs:
    """Pairs whose matches follow a logistic law."""
    rng = np.random.default_rng(seed)
    features = np.stack([rng.normal(3, 2, n), rng.normal(0.2, 0.1, n)], 1)
    p = 1 / (1 + np.exp(-(beta[0] + features @ beta[1:])))
    count = np.arange(n)
    return Pairs(features, rng.random(n) < p, count // 50, count % 50, np.full(n, 1 / n), count % 2 == 0)


@pytest.mark.parametrize("beta", [(-4.0, 1.0, 0.0), (-6.0, 0.5, 12.0), (1.0, -0.7, 3.0)])
def test_a_fit_recovers_the_law(beta: tuple[float, float, float]) -> None:
    pairs = made(200_000, beta)
    found = fitted(pairs, two=True)
    assert found == pytest.approx(beta, abs=0.15, rel=0.05)
    assert pairs.weight @ predicted(found, pairs) == pytest.approx(pairs.weight @ pairs.match, rel=1e-3)


def test_one_score_alone_leaves_the_other_out() -> None:
    pairs = made(50_000, (-4.0, 1.0, 0.0))
    assert fitted(pairs, two=False)[2] == 0
    assert fitted(pairs, two=False)[:2] == pytest.approx((-4, 1), abs=0.15)


def test_weights_move_the_prior_and_nothing_else() -> None:
    pairs = made(200_000, (-2.0, 1.0, 0.0))
    rate = pairs.match.mean()
    weight = np.where(pairs.match, 0.01 / rate, 0.99 / (1 - rate)) * pairs.weight
    moved = replace(pairs, weight=weight)
    intercept, slope, _ = fitted(moved, two=False)
    shift = np.log(0.01 / 0.99) - np.log(rate / (1 - rate))
    assert (intercept, slope) == pytest.approx((-2 + shift, 1), abs=0.1)
    assert weight @ predicted(fitted(moved, two=False), moved) == pytest.approx(0.01, rel=1e-3)


def test_scores_that_separate_have_a_fit() -> None:
    pairs = made(1000, (0.0, 1.0, 0.0))
    apart = replace(pairs, match=pairs.features[:, 0] > 3)
    probabilities = predicted(fitted(apart, two=False), apart)
    assert np.isfinite(probabilities).all()
    assert probabilities[apart.match].min() > probabilities[~apart.match].max()
    assert probabilities[apart.match].mean() > 0.95
    constant = replace(pairs, features=np.ones((1000, 2)))
    assert predicted(fitted(constant, two=True), constant) == pytest.approx(pairs.match.mean())


def painted(folder: Path, per_class: int = 6, *, labels: bool = True) -> CaptionedSet:
    """Noisy pictures of every colour, each called by its colour."""
    rng = np.random.default_rng(1)
    images = []
    for name, colour in COLOURS.items():
        for number in range(per_class):
            noisy: NDArray[np.float64] = np.array(colour) + rng.normal(0, 40, (32, 32, 3))
            path = folder / f"{name}_{number}.png"
            Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path)
            captions = (f"A {name} field.", f"{name} number {number}")
            images.append(CaptionedImage(path, path.name, captions, name if labels else None))
    return CaptionedSet("paint", "val", tuple(images))


def test_every_kind_of_query_gets_its_fit(tmp_path: Path) -> None:
    (words, picture) = calibrate([painted(tmp_path)], TinyEncoder(), DENSE, prior=0.05)
    assert (words.kind, picture.kind, words.pipeline) == ("words", "picture", "dense")
    for one in (words, picture):
        assert one.fit.raw > 0 and one.fit.dense == 0 and one.fit.prior == 0.05
        assert one.fit.data == ("paint val",) and 0 <= one.fit.error < 0.2
        assert sum(each.weight for each in one.bins) == pytest.approx(1)
        assert [each.predicted for each in one.bins] == sorted(each.predicted for each in one.bins)
    assert words.fit.queries == 7 * 7 and picture.fit.queries == 42
    expected = sum(one.weight * abs(one.predicted - one.observed) for one in words.bins)
    assert words.fit.error == expected


def test_without_classes_only_words_can_ask(tmp_path: Path) -> None:
    found = calibrate([painted(tmp_path, labels=False)], TinyEncoder(), DENSE)
    assert [one.kind for one in found] == ["words"]


def test_stages_behind_dense_bring_its_score_too(tmp_path: Path) -> None:
    pipelines: list[tuple[str, Pipeline]] = [*DENSE, ("ftf", parse(f"dense:{SHOWN} > btgi(blend=0.5)"))]
    found = calibrate([painted(tmp_path)], TinyEncoder(), pipelines)
    assert [(one.pipeline, one.kind) for one in found] == [
        ("dense", "words"),
        ("dense", "picture"),
        ("ftf", "words"),
    ]
    assert found[2].fit.dense != 0


def test_data_sets_count_alike_and_runs_are_the_same(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    sets = [painted(small, 2), painted(large, 6)]
    once = calibrate(sets, TinyEncoder(), DENSE)
    again = calibrate(sets, TinyEncoder(), DENSE)
    assert once == again
    alone = [calibrate([one], TinyEncoder(), DENSE)[0].fit.intercept for one in sets]
    assert min(alone) < once[0].fit.intercept < max(alone)


def test_a_fit_in_the_card_gives_the_scores_of_a_search(tmp_path: Path) -> None:
    encoder = TinyEncoder()
    dataset = painted(tmp_path)
    fit = calibrate([dataset], encoder, DENSE, prior=1 / 7)[0].fit
    pixels = np.stack([np.asarray(Image.open(image.path)) for image in dataset.images])
    names = [f"{row:032x}" for row in range(len(pixels))]
    gallery = MemoryGallery(names, {"dense": encoder.encode_images(pixels).embedding})
    encoder.calibration = {"dense": {"words": fit}}  # type: ignore[attr-defined]
    likely = search(gallery, Query(("a red field",)), encoder, k=42, min_score=0.5)
    shown = {dataset.images[int(hit.tile.id, 16)].label for hit in likely}
    assert shown == {"red"} and len(likely) > 3


def test_what_cannot_be_fitted_is_said(tmp_path: Path) -> None:
    dataset = painted(tmp_path)
    for prior in (0.0, 1.0, float("nan")):
        with pytest.raises(InputError, match="between 0 and 1"):
            calibrate([dataset], TinyEncoder(), DENSE, prior=prior)
    silent = replace(dataset, images=tuple(replace(one, captions=(), label=None) for one in dataset.images))
    with pytest.raises(InputError, match="nothing can be fitted"):
        calibrate([silent], TinyEncoder(), DENSE)
    single = replace(silent, images=(replace(dataset.images[0], captions=("one",), label=None),))
    with pytest.raises(InputError, match="take a larger split"):
        calibrate([single], TinyEncoder(), DENSE)


def test_the_diagram_is_drawn(tmp_path: Path) -> None:
    found = calibrate([painted(tmp_path)], TinyEncoder(), DENSE)
    drawn = ElementTree.fromstring(reliability_chart(found))
    texts = [each.text for each in drawn.iter() if each.text and each.text.strip()]
    assert "predicted" in texts and any(str(text).startswith("dense, words: off by") for text in texts)
    assert len([each for each in drawn.iter() if each.tag.endswith("circle")]) == sum(
        len(one.bins) for one in found
    )
