"""The BTGI stage: golden values in int8, its limits, both directions, and a slow obvious reference."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from swath.errors import InputError, SpecError
from swath.search import EncodedQuery, MemoryGallery, parse, run
from swath.search.kernels.interaction import FORMS, fine_scores, guided_weights
from swath.search.stages.btgi import Btgi

V = np.array([[127, 0, 0], [0, 127, 0], [95, 0, 127]], np.int8)
S = np.array([0.6, 0.48, 0.64])


def slow(tokens: NDArray[np.int8], guide: NDArray[np.float64], balance: float, temperature: float) -> float:
    rows = [
        [v / math.sqrt(sum(u * u for u in row)) for v in row]
        for row in tokens.astype(float).tolist()
        if any(row)
    ]
    first = tokens[0].any()
    whole, parts = (rows[0], rows[1:]) if first else ([0.0] * len(guide), rows)
    dots = [sum(a * b for a, b in zip(row, guide, strict=True)) for row in parts]
    if not parts:
        return float(sum(a * b for a, b in zip(whole, guide, strict=True)))
    weights = [math.exp((d - max(dots)) / temperature) for d in dots]
    pooled = [sum(w * row[i] for w, row in zip(weights, parts, strict=True)) for i in range(len(guide))]
    norm = math.sqrt(sum(p * p for p in pooled))
    blend = [balance * p / max(norm, 1e-12) + (1 - balance) * g for p, g in zip(pooled, whole, strict=True)]
    size = math.sqrt(sum(b * b for b in blend))
    return 0.0 if size < 1e-6 else float(sum(b * g for b, g in zip(blend, guide, strict=True)) / size)


def with_mean(tokens: NDArray[np.int8]) -> NDArray[np.int8]:
    """The tokens behind a global row: the direction of their mean, as finely as int8 allows."""
    unit = tokens / np.linalg.norm(tokens, axis=1, keepdims=True)
    mean = unit.mean(0)
    return np.concatenate([np.rint(mean / np.abs(mean).max() * 127).astype(np.int8)[None], tokens])


def test_golden_values_in_int8() -> None:
    unit = V / np.linalg.norm(V, axis=1, keepdims=True)
    guide = np.array([119, 95, 127]) / np.linalg.norm([119, 95, 127])
    exact = np.concatenate([unit.mean(0, keepdims=True), unit])[None]
    assert fine_scores(exact, guide, 0.5, 0.1)[0] == pytest.approx(0.96628023, abs=1e-6)
    tokens = np.concatenate([np.array([[0, 76, 102]], np.int8), V])[None]
    assert fine_scores(tokens, S, 0.5, 0.1)[0] == pytest.approx(slow(tokens[0], S, 0.5, 0.1), abs=1e-6)


def test_limits() -> None:
    tokens = with_mean(V)[None]
    unit = V[2] / np.linalg.norm(V[2])
    assert fine_scores(tokens, S, 1, 1e-4)[0] == pytest.approx(unit @ S, abs=1e-6)
    whole = tokens[0, 0] / np.linalg.norm(tokens[0, 0])
    assert fine_scores(tokens, S, 0, 0.1)[0] == pytest.approx(whole @ S, abs=1e-6)
    one = np.stack([V[2], V[2]])[None]
    for balance in (0, 0.4, 1):
        assert fine_scores(one, S, balance, 0.1)[0] == pytest.approx(unit @ S, abs=1e-6)
    masked = tokens.copy()
    masked[0, 2] = 0
    deleted = np.delete(tokens, 2, axis=1)
    assert fine_scores(masked, S, 0.5, 0.1)[0] == pytest.approx(
        fine_scores(deleted, S, 0.5, 0.1)[0], abs=1e-12
    )
    alone = tokens.copy()
    alone[0, 1:] = 0
    assert fine_scores(alone, S, 0.5, 0.1)[0] == pytest.approx(whole @ S, abs=1e-6)
    opposite = np.stack([-V[0], V[0]])[None]
    assert fine_scores(opposite, S, 0.5, 0.1)[0] == 0


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0.01, 5))
def test_equals_the_slow_reference(seed: int, balance: float, temperature: float) -> None:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(-127, 128, (4, 6, 5)).astype(np.int8)
    tokens[0, 2] = 0
    guide = rng.normal(size=5)
    guide /= np.linalg.norm(guide)
    fast = fine_scores(tokens, guide, balance, temperature)
    assert fast == pytest.approx([slow(one, guide, balance, temperature) for one in tokens], abs=1e-5)
    guides = np.stack([guide, -guide, guide])
    shared = fine_scores(tokens[1], guides, balance, temperature)
    assert shared == pytest.approx([slow(tokens[1], g, balance, temperature) for g in guides], abs=1e-5)


@settings(deadline=None)  # the first example compiles
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1), st.floats(0.01, 5))
def test_compiled_code_equals_numpy(seed: int, balance: float, temperature: float) -> None:
    compiled = pytest.importorskip("swath.search.kernels.compiled.tokens", exc_type=ImportError)
    rng = np.random.default_rng(seed)
    tokens = rng.integers(-127, 128, (6, 8, 16)).astype(np.int8)
    tokens[0, 2] = tokens[1, 0] = tokens[2, 1:] = tokens[3, :] = 0
    tokens[4, 1:] = -tokens[4, 0]
    guide = rng.normal(size=16)
    guide /= np.linalg.norm(guide)
    rows = np.array([5, 0, 1, 2, 3, 4, 0])
    ours = compiled.fine_scores(tokens, rows, guide, balance, temperature)
    assert ours == pytest.approx(fine_scores(tokens[rows], guide, balance, temperature), abs=1e-5)
    assert len(compiled.fine_scores(tokens, rows[:0], guide, balance, temperature)) == 0


def test_the_trace_names_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    from swath.search.kernels import compiling

    gallery, query = made()
    plain, before = run("dense:10 > btgi", gallery, query, 10)
    monkeypatch.setattr(compiling, "_module", None)
    assert compiling.compile_kernels()
    quick, after = run("dense:10 > btgi", gallery, query, 10)
    assert (before[1].kernel, after[1].kernel) == ("numpy", "numba")
    assert quick.rows.tolist() == plain.rows.tolist()
    assert run("dense:10 > btgi(form=gate)", gallery, query, 10)[1][1].kernel == "numpy"


@pytest.mark.parametrize("form", FORMS)
def test_forms_agree_with_those_of_training(form: str) -> None:
    torch = pytest.importorskip("torch")
    from swath.models.interaction import btgi

    rng = np.random.default_rng(3)
    tokens = rng.integers(-127, 128, (6, 5, 8)).astype(np.int8)
    guide = rng.normal(size=8)
    guide /= np.linalg.norm(guide)
    unit = torch.from_numpy(tokens / np.linalg.norm(tokens, axis=-1, keepdims=True))
    wanted = btgi(unit[:, 1:], unit[:, 0], torch.from_numpy(guide)[None], 0.3, 0.2, form)[:, 0]
    assert fine_scores(tokens, guide, 0.3, 0.2, form) == pytest.approx(wanted.numpy(), abs=1e-5)


def test_guided_weights_are_a_softmax_over_the_tokens_there_are() -> None:
    tokens = with_mean(V)[None].repeat(2, 0)
    tokens[1, 1:] = 0
    weights = guided_weights(tokens, S, 0.1)
    unit = V / np.linalg.norm(V, axis=1, keepdims=True)
    expected = np.exp(unit @ S / 0.1) / np.exp(unit @ S / 0.1).sum()
    assert weights[0] == pytest.approx(expected, abs=1e-5)
    assert weights[1].tolist() == [0, 0, 0]


def made(n: int = 40, seed: int = 0) -> tuple[MemoryGallery, EncodedQuery]:
    rng = np.random.default_rng(seed)

    def unit(*shape: int) -> NDArray[np.float32]:
        x = rng.normal(size=shape)
        rows: NDArray[np.float32] = (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)
        return rows

    tokens = rng.integers(-127, 128, (n, 5, 8)).astype(np.int8)
    gallery = MemoryGallery([f"{i:032x}" for i in range(n)], {"dense": unit(n, 16), "tokens": tokens})
    return gallery, EncodedQuery(unit(16), ("words",), unit(8), words_alone=True)


def test_it_reorders_the_candidates_and_no_others() -> None:
    gallery, query = made()
    first, _ = run("dense", gallery, query, 10)
    found, trace = run("dense:10 > btgi", gallery, query, 40)
    assert sorted(found.rows) == sorted(first.rows) and found.rows.tolist() != first.rows.tolist()
    assert query.guide is not None
    expected = fine_scores(gallery.signal("tokens")[found.rows], query.guide, 0.5, 0.1).astype(np.float32)
    assert np.array_equal(found.scores, expected) and (np.diff(found.scores) <= 0).all()
    assert [step.stage for step in trace] == ["dense:10", "btgi"] and trace[1].bytes_read == 10 * 5 * 8


def test_blend_of_nothing_keeps_the_order_before() -> None:
    gallery, query = made()
    before, _ = run("dense:20", gallery, query, 20)
    kept, _ = run("dense:20 > btgi(blend=0)", gallery, query, 20)
    assert kept.rows.tolist() == before.rows.tolist()
    both = [run(f"dense:20 > btgi(blend={b})", gallery, query, 20)[0].rows.tolist() for b in (0.5, 1)]
    assert both[0] != both[1]


def test_a_picture_asks_texts() -> None:
    gallery, query = made()
    rng = np.random.default_rng(5)
    guides = rng.normal(size=(40, 8))
    guides /= np.linalg.norm(guides, axis=1, keepdims=True)
    texts = MemoryGallery(
        [f"{i:032x}" for i in range(40)],
        {"dense": gallery.signal("dense"), "guide": guides.astype(np.float32)},
    )
    picture = EncodedQuery(query.dense, tokens=gallery.signal("tokens")[3])
    found, _ = run("dense:12 > btgi", texts, picture, 12)
    assert picture.tokens is not None
    one_by_one = [
        slow(picture.tokens, guides[row].astype(np.float32).astype(float), 0.5, 0.1) for row in found.rows
    ]
    assert found.scores == pytest.approx(one_by_one, abs=1e-6)


def test_without_words_it_is_skipped_and_without_tokens_refused() -> None:
    gallery, query = made()
    plain = EncodedQuery(query.dense)
    found, trace = run("dense:10 > btgi", gallery, plain, 10)
    assert found.rows.tolist() == run("dense:10", gallery, plain, 10)[0].rows.tolist()
    assert "no guide" in trace[1].note
    bare = MemoryGallery([f"{i:032x}" for i in range(40)], {"dense": gallery.signal("dense")})
    with pytest.raises(InputError, match="needs the signal tokens"):
        run("dense:10 > btgi", bare, query, 10)


def test_spec() -> None:
    assert str(parse("dense:100 > btgi( 0.25, temperature=.2 )")) == "dense:100 > btgi(0.25, temperature=0.2)"
    for bad in (
        "dense > btgi",
        "btgi",
        "dense:9 > btgi(2)",
        "dense:9 > btgi(temperature=0)",
        "dense:9 > btgi(form=odd)",
    ):
        with pytest.raises(SpecError):
            parse(bad)
    assert Btgi().kind == "rerank"


def test_int8_tokens_rank_real_candidates_as_floats_do(data: Path) -> None:
    """Kendall's tau between the scores of stored and of exact tokens, over pictures of RSICD."""
    from swath.archive import quantise
    from swath.encoders import load
    from swath.imagery import fit, open_picture

    encoder = load("base")
    pictures = sorted((data / "rsicd" / "RSICD_images").glob("*.jpg"))[::100][:60]
    if len(pictures) < 60:
        pytest.skip(f"no pictures of RSICD below {data}")
    features = encoder.encode_images(
        np.stack([fit(open_picture(picture), encoder.image_size) for picture in pictures])
    )
    texts = ["a harbour with many boats", "some storage tanks near a river", "many green trees", "a stadium"]
    guides = encoder.encode_texts(texts).guide
    assert features.tokens is not None and guides is not None
    stored = quantise(features.tokens)
    for guide in guides:
        exact, rough = fine_scores(features.tokens, guide, 0.5, 0.1), fine_scores(stored, guide, 0.5, 0.1)
        first, second = (np.sign(scores[:, None] - scores[None]) for scores in (exact, rough))
        agreement = (first * second)[np.triu_indices(len(exact), 1)].mean()
        assert agreement >= 0.98
