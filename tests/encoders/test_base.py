"""The shipped encoder keeps its promises: size, terms, batches, meaning, and the sample world's questions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import swath
from swath.captions import load as load_captions
from swath.encoders import registry
from swath.encoders.onnx import OnnxEncoder
from swath.evaluation import evaluate
from swath.imagery.sample import QUESTIONS, render
from swath.imagery.sample.world import World


@pytest.fixture(scope="module")
def base() -> OnnxEncoder:
    return OnnxEncoder(Path(registry.__file__).parent / "base")


def test_it_fits_into_the_wheel(base: OnnxEncoder) -> None:
    assert base.folder is not None
    assert sum(file.stat().st_size for file in base.folder.iterdir()) <= 32_000_000


def test_the_card_names_data_weights_and_terms(base: OnnxEncoder) -> None:
    card = base.card
    assert base.verify() == []
    assert {(source.name, source.part) for source in card.data} == {
        ("rsicd", "train"),
        ("ucm", "train"),
        ("rendered", "train"),
    }
    assert all(source.terms and source.digest for source in (*card.data, *card.weights))
    assert card.terms and card.recipe["name"] == "base" and card.dim == len(card.means["image"])


def test_the_card_s_probes_are_its_vectors(base: OnnxEncoder) -> None:
    """So that a tokenizer of another model is noticed by `swath encoder check`."""
    assert len(base.card.probes) == 2
    for text, vector in base.card.probes.items():
        assert np.abs(base.encode_texts([text]).embedding[0] - np.array(vector)).max() < 1e-4


def test_a_vector_does_not_depend_on_its_batch(base: OnnxEncoder) -> None:
    rng = np.random.default_rng(0)
    batch = rng.integers(0, 256, (19, 224, 224, 3), np.uint8)
    together = base.encode_images(batch)
    assert together.tokens is not None and together.tokens.shape == (19, 17, base.card.token_dim)
    for rows in (slice(0, 1), slice(18, 19), slice(2, 9)):
        part = base.encode_images(batch[rows])
        assert part.tokens is not None
        assert np.array_equal(part.embedding, together.embedding[rows])
        assert np.array_equal(part.tokens, together.tokens[rows])
    texts = [f"{'boats and ' * (i % 20)}a pier {i}" for i in range(150)]
    every = base.encode_texts(texts)
    assert every.guide is not None
    for i in (0, 7, 19, 77, 149):
        alone = base.encode_texts([texts[i]])
        assert alone.guide is not None
        assert np.array_equal(alone.embedding[0], every.embedding[i])
        assert np.array_equal(alone.guide[0], every.guide[i])
    assert np.allclose(np.linalg.norm(every.embedding, axis=1), 1, atol=1e-5)


def test_any_text_has_a_vector(base: OnnxEncoder) -> None:
    odd = ["", " ", "\0", "гавань", "港口", "x" * 5000, "word " * 10_000, "\udcff", "🚢"]
    vectors = base.encode_texts(odd).embedding
    assert np.isfinite(vectors).all() and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("said", "meant", "others"),
    [
        ("an aeroplane on the tarmac", "a plane on the runway", ["a river", "a forest", "a stadium"]),
        ("yachts at a marina", "boats in a port", ["a desert", "a parking lot", "farmland"]),
        ("woodland", "a forest", ["a beach", "an airport", "buildings"]),
        ("a vineyard", "farmland with rows of plants", ["a stadium", "an airport", "a port"]),
    ],
)
def test_words_that_no_training_caption_has(
    base: OnnxEncoder, said: str, meant: str, others: list[str]
) -> None:
    vectors = base.encode_texts([said, meant, *others]).embedding
    near = vectors[0] @ vectors[1:].T
    assert near.argmax() == 0, dict(zip([meant, *others], near.tolist(), strict=True))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, swath.Archive]:
    folder = tmp_path_factory.mktemp("world")
    made = render(folder / "scenes")
    return made, swath.index(folder / "scenes", folder / "archive", registry.DEFAULT)


@pytest.mark.slow
def test_plain_queries_find_the_right_tile_of_the_sample_world(world: tuple[World, swath.Archive]) -> None:
    made, archive = world
    windows = {(truth.scene, truth.window): truth for truth in made.windows}
    right = []
    for question in QUESTIONS:
        best = archive.search(question.text, k=1)[0].tile
        if windows[Path(best.source).name, best.window].answers(question):
            right.append(question.text)
    assert len(right) >= 8, right


@pytest.mark.slow
@pytest.mark.data
def test_ucm_val(base: OnnxEncoder, data: Path, tmp_path: Path) -> None:
    (tmp_path / "imgs").symlink_to(data / "ucm" / "imgs")
    (tmp_path / "dataset.json").symlink_to(data / "annotations" / "ucm" / "dataset.json")
    result = evaluate(load_captions("ucm", tmp_path, "val"), base)
    assert result.images == 210 and result.mr > 49
