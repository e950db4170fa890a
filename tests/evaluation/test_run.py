from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swath.captions import CaptionedSet, load
from swath.errors import CaptionsError, InputError, SpecError
from swath.evaluation import EvalResult, evaluate, to_json
from swath.imagery import fit, open_picture
from tests.captions import lookalike
from tests.evaluation.slow import dense_score, hit_by_formula
from tests.tiny import COLOURS, TinyEncoder

FULL = {"r1": 100.0, "r5": 100.0, "r10": 100.0}


def recalls(result: EvalResult) -> list[float]:
    return [getattr(side, r) for side in (result.i2t, result.t2i) for r in ("r1", "r5", "r10")]


def mixed(root: Path, images: int = 12) -> CaptionedSet:
    """Pictures of random halves, some of them equal, with captions that share words across images."""
    random = np.random.default_rng(7)
    colours = list(COLOURS)
    entries = []
    for number in range(images):
        left, right = (colours[i] for i in random.integers(0, 4, 2))
        pixels = np.zeros((32, 32, 3), np.uint8)
        pixels[:, :16], pixels[:, 16:] = COLOURS[left], COLOURS[right]
        (root / "imgs").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / "imgs" / f"{number}.png")
        said = [f"a {left} field", f"{left} and {right}", f"some {right} land", f"a {left} field"]
        entries.append((f"{number}.png", "test", said[: 1 + number % 4]))
    lookalike.annotate(root / "dataset.json", entries)
    return load("captions", root, "test")


def slow_recalls(dataset: CaptionedSet, encoder: TinyEncoder) -> list[float]:
    """Score every pair by itself and look up every hit by the formula."""
    pixels = [fit(open_picture(image.path), encoder.image_size) for image in dataset.images]
    pictures = [encoder.encode_images(each[None]).embedding[0] for each in pixels]
    texts = [(owner, text) for owner, image in enumerate(dataset.images) for text in image.captions]
    words = [encoder.encode_texts([text]).embedding[0] for _, text in texts]
    figures = []
    i2t = [[float(dense_score(picture, word)) for word in words] for picture in pictures]
    t2i = [[float(dense_score(word, picture)) for picture in pictures] for word in words]
    for k in (1, 5, 10):
        own = [{place for place, (owner, _) in enumerate(texts) if owner == i} for i in range(len(pictures))]
        figures.append(np.mean([float(hit_by_formula(i2t[i], own[i], k)) for i in range(len(pictures))]))
    for k in (1, 5, 10):
        hits = [float(hit_by_formula(t2i[place], {owner}, k)) for place, (owner, _) in enumerate(texts)]
        figures.append(np.mean(hits))
    return [100 * float(figure) for figure in figures]


def test_the_result_says_what_was_measured(tmp_path: Path, tiny: TinyEncoder) -> None:
    dataset = load("rsicd", lookalike.rsicd(tmp_path), "val")
    result = evaluate(dataset, tiny)
    content = json.loads(to_json(result))

    assert (content["dataset"], content["split"], content["protocol"]) == ("rsicd", "val", "strict")
    assert (content["images"], content["captions"], content["skipped"]) == (3, 15, [])
    assert (content["i2t"], content["t2i"], content["mr"]) == (FULL, FULL, 100.0)
    assert content["pipeline"] == "dense"
    assert content["encoder"] == {"name": "tiny", "revision": tiny.revision}
    assert content["split_hash"] == dataset.split_hash
    assert set(content["seconds"]) == {"decode", "encode_images", "encode_texts", "rank"}
    assert {"python", "numpy", "processor"} <= set(content["environment"])


def test_a_slow_and_obvious_evaluation_agrees(tmp_path: Path, tiny: TinyEncoder) -> None:
    dataset = mixed(tmp_path)
    result = evaluate(dataset, tiny, batch=5)

    assert recalls(result) == pytest.approx(slow_recalls(dataset, tiny), abs=1e-9)
    assert 0 < result.mr < 100
    assert result.mr == pytest.approx(np.mean(recalls(result)))
    assert result.worst_case.mr < result.mr < result.best_case.mr
    assert result.interval.low.mr < result.mr < result.interval.high.mr
    assert result.interval.low.t2i.r1 < result.t2i.r1 < result.interval.high.t2i.r1


def test_order_and_batch_change_nothing(tmp_path: Path, tiny: TinyEncoder) -> None:
    dataset = mixed(tmp_path)
    turned = replace(dataset, images=dataset.images[::-1])
    one, two = evaluate(dataset, tiny, batch=1), evaluate(turned, tiny, batch=64)

    assert recalls(one) == pytest.approx(recalls(two), abs=1e-9)
    assert one.split_hash == two.split_hash
    cut, tuc = (evaluate(each, tiny, pipeline="dense:3") for each in (dataset, turned))
    assert recalls(cut) == pytest.approx(recalls(tuc), abs=1e-9)


def test_two_evaluations_are_equal_but_for_the_time(tmp_path: Path, tiny: TinyEncoder) -> None:
    dataset = mixed(tmp_path)
    one, two = (json.loads(to_json(evaluate(dataset, tiny))) for _ in range(2))
    for times in ("seconds", "stage_seconds"):
        assert one.pop(times) and two.pop(times)
    assert one == two


def test_equal_pictures_tie_by_expectation(tmp_path: Path, tiny: TinyEncoder) -> None:
    root = lookalike.karpathy(tmp_path, {"a.png": ["red one"] * 5, "b.png": ["red two"] * 5}, colours=["red"])
    result = evaluate(load("captions", root, "test"), tiny)

    assert recalls(result) == pytest.approx([50.0, 100 * (1 - 1 / 252), 100.0, 50.0, 100.0, 100.0])
    assert (result.best_case.i2t.r1, result.worst_case.i2t.r5) == (100.0, 0.0)


def test_an_image_without_captions_is_found_but_not_asked(tmp_path: Path, tiny: TinyEncoder) -> None:
    root = lookalike.karpathy(tmp_path, {"a.png": [], "b.png": ["red"], "c.png": []}, colours=["red"])
    result = evaluate(load("captions", root, "test"), tiny)

    assert (result.images, result.captions) == (3, 1)
    assert result.i2t.r1 == 100.0
    assert result.t2i.r1 == pytest.approx(100 / 3)


def test_what_turns_out_damaged_leaves_the_set(tmp_path: Path, tiny: TinyEncoder) -> None:
    root = lookalike.ucm(tmp_path, ".png")
    whole = (root / "imgs" / "1.png").read_bytes()
    (root / "imgs" / "1.png").write_bytes(whole[: len(whole) // 2])
    dataset = load("ucm", root, "train")
    assert dataset.skipped == ()
    result = evaluate(dataset, tiny)

    assert (result.images, result.captions) == (1, 5)
    assert [name for name, _ in result.skipped] == ["1.tif"]
    assert result.split_hash != dataset.split_hash
    (root / "imgs" / "100.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CaptionsError, match="none of the 2 images of ucm train can be decoded"):
        evaluate(dataset, tiny)


def test_a_word_that_is_not_known_is_refused_before_anything_is_encoded(
    tmp_path: Path, tiny: TinyEncoder
) -> None:
    dataset = load("rsicd", lookalike.rsicd(tmp_path), "val")
    with pytest.raises(SpecError):
        evaluate(dataset, tiny, pipeline="dens")
    with pytest.raises(InputError, match="no protocol"):
        evaluate(dataset, tiny, protocol="lose")
    assert tiny.encoded == 0


def test_lenient_counts_a_picture_under_another_name_as_right(tmp_path: Path, tiny: TinyEncoder) -> None:
    root = lookalike.karpathy(tmp_path, {"a.png": ["red one"], "b.png": ["red two"]}, colours=["red"])
    dataset = load("captions", root, "test")

    assert evaluate(dataset, tiny).t2i.r1 == pytest.approx(50.0)
    assert recalls(evaluate(dataset, tiny, protocol="lenient")) == [100.0] * 6
