from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from swath.captions import load, read
from swath.evaluation import EvalResult, evaluate
from swath.evaluation.ceiling import ceiling_of
from tests.captions import lookalike
from tests.evaluation.slow import hit_by_formula
from tests.tiny import TinyEncoder

# mR, R@1 image to text, R@1 text to image, of the published files
KNOWN = {
    ("rsicd", "rsicd", "train"): (84.3, 77.4, 69.4),
    ("rsicd", "rsicd", "val"): (90.0, 86.2, 74.0),
    ("rsicd", "rsicd", "test"): (98.6, 99.7, 93.1),
    ("rsitmd", "rsitmd/precomp", "train"): (99.6, 99.6, 98.2),
    ("rsitmd", "rsitmd/precomp", "test"): (100.0, 100.0, 99.8),
    ("ucm", "ucm", "train"): (52.8, 29.8, 21.2),
    ("ucm", "ucm", "val"): (78.1, 46.2, 40.0),
    ("ucm", "ucm", "test"): (76.9, 48.5, 38.3),
    ("sydney", "sydney", "train"): (71.4, 47.4, 38.9),
    ("sydney", "sydney", "val"): (82.8, 56.9, 52.1),
    ("sydney", "sydney", "test"): (81.8, 51.7, 50.7),
    ("nwpu", "nwpu/csv", "val"): (88.0, 92.4, 55.0),
    ("nwpu", "nwpu/precomp", "test"): (85.2, 88.0, 48.6),
}


def test_a_caption_of_two_images_and_one_that_an_image_repeats() -> None:
    best = ceiling_of([["A red field .", "a red field", "a lake"], ["a red FIELD"], []])
    assert best is not None
    # the lake is the first image's alone; the second image's field ties with two copies that are wrong
    assert [best.i2t.r1, best.i2t.r5] == pytest.approx([100 * (1 + 1 / 3) / 2, 100])
    # three questions for one text: first come the two of the image that says it twice
    assert [best.t2i.r1, best.t2i.r5] == pytest.approx([100 * 3 / 4, 100])
    assert best.mr == pytest.approx((200 / 3 + 75 + 400) / 6)


def test_without_repetition_and_without_captions() -> None:
    best = ceiling_of([["a"], ["b", "c"]])
    assert best is not None and (best.mr, best.i2t.r1, best.t2i.r10) == (100, 100, 100)
    assert ceiling_of([[], []]) is None


@pytest.mark.parametrize("seed", range(12))
def test_no_ranking_of_equal_captions_is_better(seed: int) -> None:
    """Against every ranking with ties of the images for each text, and of the texts for each image."""
    random = np.random.default_rng(seed)
    images = [[str(random.integers(4)) for _ in range(random.integers(1, 4))] for _ in range(3)]
    every = [(owner, text) for owner, texts in enumerate(images) for text in texts]
    texts = sorted({text for _, text in every})
    best = ceiling_of(images)
    assert best is not None
    i2t = [
        max(
            float(hit_by_formula([order[texts.index(text)] for _, text in every], own, 1))
            for order in product(range(len(texts)), repeat=len(texts))
        )
        for image in range(len(images))
        for own in [{place for place, (owner, _) in enumerate(every) if owner == image}]
    ]
    assert best.i2t.r1 == pytest.approx(100 * np.mean(i2t))
    t2i = [
        max(
            sum(order[0] == owner for owner, said in every if said == text)
            for order in permutations(range(len(images)))
        )
        for text in texts
    ]
    assert best.t2i.r1 == pytest.approx(100 * sum(t2i) / len(every))


def test_every_result_carries_its_ceiling(tmp_path: Path, tiny: TinyEncoder) -> None:
    dataset = load("rsicd", lookalike.rsicd(tmp_path), "val")
    results: dict[str, EvalResult] = {
        name: evaluate(dataset, tiny, protocol=name) for name in ("strict", "dedup", "lenient")
    }
    assert results["strict"].ceiling is not None
    assert results["strict"].ceiling == ceiling_of([image.captions for image in dataset.images])
    assert results["dedup"].ceiling is not None and results["dedup"].captions == 12
    assert results["lenient"].ceiling is None
    assert results["strict"].mr <= results["strict"].ceiling.mr + 1e-9


@pytest.mark.parametrize(("name", "folder", "split"), list(KNOWN))
def test_the_real_files_have_the_known_ceilings(data: Path, name: str, folder: str, split: str) -> None:
    records = read(name, data / "annotations" / folder).split(split)
    best = ceiling_of([record.captions for record in records])
    assert best is not None
    found = (best.mr, best.i2t.r1, best.t2i.r1)
    assert [f"{value:.1f}" for value in found] == [f"{value:.1f}" for value in KNOWN[name, folder, split]]
