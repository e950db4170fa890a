"""Adaptation: the fit's slopes, what it gains on held-out pictures, and what it refuses. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.encoders import OnnxEncoder, Source, read_bank
from swath.errors import EncoderError, InputError
from swath.search import MemoryGallery
from swath.training.adapting import (
    Examples,
    adapt_encoder,
    examples_of_captions,
    examples_of_labels,
)
from swath.training.text_map import Pairs, Plan, fit, gradients, loss

_SOURCE = Source(name="mine", part="labels", terms="none")
WORDS = ("red", "green", "blue", "yellow", "white", "black", "grey")


def _unit(x: NDArray[Any]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)
    return unit


def _pairs(n: int = 40, m: int = 12, dim: int = 16) -> Pairs:
    rng = np.random.default_rng(0)
    owned = tuple(np.unique(rng.integers(0, m, 2)) for _ in range(n))
    return Pairs(_unit(rng.standard_normal((n, dim))), _unit(rng.standard_normal((m, dim))), owned)


def test_slopes_are_those_of_the_loss() -> None:
    pairs = _pairs()
    rng = np.random.default_rng(1)
    down, up = rng.standard_normal((16, 3)) * 0.3, rng.standard_normal((3, 16)) * 0.3
    relevant, step = pairs.relevance(), 1e-5
    double = Pairs(pairs.images.astype(np.float64), pairs.texts.astype(np.float64), pairs.owned)
    slopes = gradients(double, relevant, down, up, 10.0)
    for which, (row, column) in ((0, (2, 1)), (0, (9, 0)), (1, (0, 5)), (1, (2, 11))):
        moved = [down.copy(), up.copy()]
        moved[which][row, column] += step
        plus = _loss64(double, relevant, moved[0], moved[1])
        moved[which][row, column] -= 2 * step
        minus = _loss64(double, relevant, moved[0], moved[1])
        assert slopes[which][row, column] == pytest.approx((plus - minus) / (2 * step), rel=1e-4, abs=1e-8)


def _loss64(pairs: Pairs, relevant: NDArray[np.bool_], down: NDArray[Any], up: NDArray[Any]) -> float:
    moved = pairs.texts + pairs.texts @ down @ up
    unit = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    logits = 10.0 * pairs.images @ unit.T

    def entropy(table: NDArray[Any], right: NDArray[np.bool_]) -> float:
        table = table - np.log(np.exp(table).sum(1, keepdims=True))
        return float(-(table * right / right.sum(1, keepdims=True)).sum() / len(right))

    return (entropy(logits, relevant) + entropy(logits.T, relevant.T)) / 2


def test_a_fit_lowers_the_loss_and_is_the_same_again() -> None:
    pairs, plan = _pairs(), Plan(rank=8, steps=150, rate=1e-2)
    down, up = fit(pairs, plan)
    before = loss(pairs, pairs.relevance(), down, np.zeros_like(up), plan.scale)
    assert loss(pairs, pairs.relevance(), down, up, plan.scale) < 0.8 * before
    assert all(np.array_equal(a, b) for a, b in zip(fit(pairs, plan), (down, up), strict=True))


@pytest.fixture
def base(tiny_home: Path) -> OnnxEncoder:
    return OnnxEncoder(tiny_home / "encoders" / "base")


def _named_wrongly(base: OnnxEncoder, count: int = 140) -> Examples:
    """Pictures of colours under the name of the next colour: only a fit can tell."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, len(WORDS), count)
    clean = base.encode_texts(WORDS).embedding
    images = _unit(clean[numbers] + 0.02 * rng.standard_normal((count, base.dim)))
    texts = tuple((WORDS[(number + 1) % len(WORDS)],) for number in numbers)
    return Examples(images, texts, True, _SOURCE)


def test_what_can_be_learnt_is_gained_on_held_out_pictures(base: OnnxEncoder, tmp_path: Path) -> None:
    made, gain = adapt_encoder(base, _named_wrongly(base), tmp_path / "mine", name="mine")
    assert made.heads == {}, "labels are no bank of queries"
    assert (gain.figure, gain.fitted, gain.chosen, gain.held_out) == ("accuracy", 84, 28, 28)
    assert gain.before < 30 and gain.after > 90 and gain.interval[0] > 40
    assert made.base_revision == base.revision and made.card.data[-1] == _SOURCE
    assert made.card.figures["held out of mine"]["accuracy"] == round(gain.after, 2)


def test_what_cannot_be_learnt_is_not_claimed(base: OnnxEncoder, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = _unit(rng.standard_normal((60, base.dim)))
    texts = tuple((WORDS[number],) for number in rng.integers(0, 7, 60))
    _, gain = adapt_encoder(base, Examples(images, texts, True, _SOURCE), tmp_path / "mine", name="mine")
    assert gain.interval[0] <= 0


def test_captions_are_measured_both_ways(base: OnnxEncoder, tmp_path: Path) -> None:
    examples = _named_wrongly(base)
    captioned = Examples(
        examples.images, tuple((f"a {t} field", f"{t} land") for (t,) in examples.texts), False, _SOURCE
    )
    made, gain = adapt_encoder(base, captioned, tmp_path / "mine", name="mine")
    # Captions are a bank of queries for an encoder that has none, as they are asked from now on.
    bank = read_bank(made.heads["bank"])
    said = made.encode_texts([f"{word} land" for word in WORDS]).embedding
    assert (said @ bank.text.T).max(1).min() > 0.999 and len(bank.image) == gain.fitted
    assert gain.figure == "mR" and gain.interval[0] > 0 and gain.interval[0] < gain.after - gain.before


def test_too_few(base: OnnxEncoder, tmp_path: Path) -> None:
    examples = _named_wrongly(base, 19)
    with pytest.raises(InputError, match=r"19 pictures .* too few"):
        adapt_encoder(base, examples, tmp_path / "mine", name="mine")


def test_an_existing_folder_is_left_alone(base: OnnxEncoder, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(EncoderError, match="exists"):
        adapt_encoder(base, _named_wrongly(base, 40), tmp_path / "mine", name="mine")


class _Labelled(MemoryGallery):
    @property
    def attributes(self) -> tuple[str, ...]:
        return ("source", "crop")

    def attribute(self, name: str) -> NDArray[Any]:
        return np.array(["sugar_beet", None, " ", "maize"], object)


def test_labels_and_captions_of_an_archive(tmp_path: Path) -> None:
    ids = tuple(f"{number:032x}" for number in (11, 12, 13, 14))
    gallery = _Labelled(ids, {"dense": np.eye(4, 8, dtype=np.float16)})
    found = examples_of_labels(gallery, "crop", "a field of {}", "fields")
    assert found.texts == (("a field of sugar beet",), ("a field of maize",)) and found.are_labels
    assert np.array_equal(found.images, np.eye(4, 8, dtype=np.float32)[[0, 3]])
    with pytest.raises(InputError, match="no tile has the attribute 'tree'"):
        examples_of_labels(gallery, "tree", "{}", "fields")
    with pytest.raises(InputError, match=r"has no \{\}"):
        examples_of_labels(gallery, "crop", "field", "fields")
    (tmp_path / "c.csv").write_text(f"id,caption\n{ids[2]},A River!\n{ids[0]},Sea\n{ids[2]},water\n")
    captioned = examples_of_captions(gallery, tmp_path / "c.csv", "fields")
    assert captioned.texts == (("a river", "water"), ("sea",)) and not captioned.are_labels
    (tmp_path / "c.csv").write_text("tile,caption\n")
    with pytest.raises(InputError, match="needs the columns id and caption"):
        examples_of_captions(gallery, tmp_path / "c.csv", "fields")
