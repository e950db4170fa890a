"""Export: the ONNX encoder gives what the torch towers give, alone and in any batch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import msgspec  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import Tensor  # noqa: E402

from swath.captions import TERMS  # noqa: E402
from swath.encoders import OnnxEncoder  # noqa: E402
from swath.errors import EncoderError, InputError  # noqa: E402
from swath.training.dual import Towers  # noqa: E402
from swath.training.export import export  # noqa: E402
from swath.training.texts import encode_pieces, tokenizer_of  # noqa: E402
from tests.training import small  # noqa: E402

TEXTS = [
    "a port",
    "",
    "fifteen white boats and a very long jetty behind a breakwater",
    "Ünïcode, гавань\0 \udcff",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Towers, OnnxEncoder]:
    run = tmp_path_factory.mktemp("run")
    plan = small.recipe(**{"heads.members": 2, "image.taps": [2], "image.merge": 1})
    towers = small.towers(plan)
    save_file({k: v.contiguous() for k, v in towers.state_dict().items()}, run / "model.safetensors")
    (run / "recipe.json").write_bytes(msgspec.json.encode(plan))
    (run / "tokenizer.json").write_text(json.dumps(small.tokenizer()))
    facts = {
        "figures": {"rsicd mr": 1.0},
        "means": {"image": [0.0] * 24, "text": [0.0] * 24},
        "scenes": 3,
        "data": [{"name": "rsicd", "split": "train", "hash": "ab", "images": 1, "terms": TERMS["rsicd"]}],
    }
    (run / "facts.json").write_text(json.dumps(facts))
    folder = export(run, run / "encoder", name="small")
    with pytest.raises(InputError, match="exists"):
        export(run, run / "encoder")
    return towers, OnnxEncoder(folder)


def test_images_agree_with_torch(made: tuple[Towers, OnnxEncoder]) -> None:
    towers, encoder = made
    batch = small.pixels(5)
    features = encoder.encode_images(batch)
    with torch.inference_mode():
        embedding, tokens = towers.image(torch.from_numpy(batch))
    assert features.tokens is not None and features.tokens.shape == (5, 5, 8)
    assert (features.embedding * embedding.numpy()).sum(1).min() > 0.995
    assert (features.tokens * tokens.numpy()).sum(-1).min() > 0.99
    assert np.allclose(np.linalg.norm(features.embedding, axis=1), 1, atol=1e-5)


def test_texts_agree_with_torch(made: tuple[Towers, OnnxEncoder]) -> None:
    towers, encoder = made
    features = encoder.encode_texts(TEXTS)
    tokenizer = tokenizer_of(small.tokenizer(), (8, 16))

    def encode(ids: Tensor, mask: Tensor) -> Tensor:
        embedding, guide, words = towers.text(ids, mask)
        joined: Tensor = torch.cat([embedding, guide, (words * mask[..., None]).sum(1)], 1)
        return joined

    expected = encode_pieces(encode, tokenizer, TEXTS, (8, 16), 24 + 8 + towers.text.trunk.width)
    assert features.guide is not None and features.words is not None and features.word_mask is not None
    likeness = expected[:, :24] @ expected[:, :24].T
    assert likeness.min() < 0.9, "the texts are too much alike for this test to mean anything"
    assert np.allclose(features.embedding @ features.embedding.T, likeness, atol=0.03)
    assert (features.embedding * expected[:, :24]).sum(1).min() > 0.995
    assert (features.guide * expected[:, 24:32]).sum(1).min() > 0.995
    summed = features.words.sum(1)
    scale = np.linalg.norm(summed, axis=1) * np.linalg.norm(expected[:, 32:], axis=1)
    assert ((summed * expected[:, 32:]).sum(1) / scale).min() > 0.995
    assert not features.words[~features.word_mask].any()
    assert features.word_mask.sum(1).tolist() == [
        len(e.ids) for e in tokenizer.encode_batch([t.encode("utf-8", "replace").decode() for t in TEXTS])
    ]


def test_a_vector_does_not_depend_on_its_batch(made: tuple[Towers, OnnxEncoder]) -> None:
    _, encoder = made
    batch = small.pixels(40)
    together = encoder.encode_images(batch)
    for rows in (slice(0, 1), slice(3, 10), slice(7, 40)):
        part = encoder.encode_images(batch[rows])
        assert np.array_equal(part.embedding, together.embedding[rows])
        assert part.tokens is not None and together.tokens is not None
        assert np.array_equal(part.tokens, together.tokens[rows])
    texts = [*TEXTS, *(f"{'pier ' * (i % 9)}{i}" for i in range(90))]
    every = encoder.encode_texts(texts).embedding
    assert all(np.array_equal(encoder.encode_texts([t]).embedding[0], every[i]) for i, t in enumerate(texts))


def test_nothing_in_nothing_out(made: tuple[Towers, OnnxEncoder]) -> None:
    _, encoder = made
    assert encoder.encode_texts([]).embedding.shape == (0, 24)
    assert encoder.encode_images(small.pixels(2)[:0]).embedding.shape == (0, 24)


def test_wrong_pixels_are_named(made: tuple[Towers, OnnxEncoder]) -> None:
    _, encoder = made
    with pytest.raises(ValueError, match=r"uint8\[n, 56, 56, 3\]"):
        encoder.encode_images(np.zeros((1, 30, 30, 3), np.uint8))


def test_the_card_and_the_digests(made: tuple[Towers, OnnxEncoder], tmp_path: Path) -> None:
    _, encoder = made
    assert encoder.verify() == []
    assert encoder.card.data[0].name == "rsicd" and "research use" in encoder.card.data[0].terms
    with pytest.raises(EncoderError, match=r"no card\.json"):
        OnnxEncoder(tmp_path)


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a finished run"):
        export(tmp_path, tmp_path / "encoder")
