"""The word head as a search runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.encoders import HeadCard, Terms, read_heads, read_terms, words_of, write_head, write_terms
from swath.errors import EncoderError

WORDS = ("harbour", "boat", "runway", "plane", "forest", "river")


def made(seed: int = 0, **settings: object) -> Terms:
    rng = np.random.default_rng(seed)
    return Terms(
        words=WORDS,
        project=rng.normal(size=(16, 8)).astype(np.float32),
        scale=rng.uniform(0.5, 1.5, 16).astype(np.float32),
        shift=rng.normal(size=16).astype(np.float32),
        embeddings=rng.normal(size=(6, 16)).astype(np.float32),
        bias=rng.normal(size=6).astype(np.float32),
        **{"image_terms": 3, "expansion": "topm", "extra": 2, "floor": 0.05, **settings},  # type: ignore[arg-type]
    )


def vectors(count: int, seed: int = 1) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def test_words_are_lower_case_runs_of_letters_and_digits_each_once() -> None:
    assert words_of("Two planes, near two PLANES_12.jpg") == ["two", "planes", "near", "12", "jpg"]


def test_pictures_keep_their_heaviest_words() -> None:
    terms, rows = made(), vectors(50)
    sparse, full = terms.of_images(rows), terms.weights(rows)
    assert len(sparse) == 50
    for number, weights in enumerate(full):
        found, kept = sparse.row(number)
        expected = [word for word in np.argsort(-weights, kind="stable")[:3] if weights[word] > 0]
        assert found.tolist() == sorted(expected)
        np.testing.assert_array_equal(kept, weights[found])


@pytest.mark.parametrize(("expansion", "most"), [("own", 0), ("topm", 2), ("full", 6)])
def test_a_text_never_loses_a_word_of_its_own(expansion: str, most: int) -> None:
    terms = made(expansion=expansion)
    for row in vectors(30)[:, None]:
        found, weights = terms.of_texts(row, ["A boat on the river"]).row(0)
        own = {WORDS.index("boat"), WORDS.index("river")}
        assert own <= set(found.tolist())
        assert len(set(found.tolist()) - own) <= most
        assert (weights[np.isin(found, list(own))] >= np.float32(0.05)).all()


def test_expansion_is_the_same_in_every_call() -> None:
    terms, row = made(), vectors(1)
    first, again = (terms.of_texts(row, ["planes"]).row(0) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_nothing_comes_of_nothing() -> None:
    assert len(made().of_images(np.zeros((0, 8), np.float32))) == 0


def test_a_vector_of_another_width_is_refused() -> None:
    with pytest.raises(EncoderError, match="swath train sgpd"):
        made().weights(np.zeros((1, 9), np.float32))


def test_it_is_kept_in_a_head_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "heads" / "sgpd"
    folder.mkdir(parents=True)
    terms = made()
    write_terms(folder, terms)
    settings = {"image_terms": 3, "expansion": "topm", "extra": 2, "floor": 0.05}
    write_head(HeadCard(name="sgpd", kind="sgpd", encoder="abc", settings=settings), folder)
    head = read_heads(tmp_path, "abc")["sgpd"]
    read = read_terms(head)
    assert read.words == WORDS
    # Eight bits a number: a weight moves by less than a hundredth of its size here.
    np.testing.assert_allclose(read.weights(vectors(20)), terms.weights(vectors(20)), atol=0.05)
    (folder / "terms.npz").write_bytes(b"no archive")
    with pytest.raises(EncoderError, match="export the head again"):
        read_terms(head)


def test_torch_and_numpy_agree() -> None:
    torch = pytest.importorskip("torch")
    from swath.models.terms import TermHead

    terms, rows = made(), vectors(20)
    head = TermHead(8, torch.from_numpy(terms.embeddings))
    with torch.no_grad():
        for parameter, values in (
            (head.project.weight, terms.project),
            (head.norm.weight, terms.scale),
            (head.norm.bias, terms.shift),
            (head.bias, terms.bias),
        ):
            parameter.copy_(torch.from_numpy(values))
        expected = head(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(terms.weights(rows), expected, atol=1e-5)
