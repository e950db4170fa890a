"""CFITR: what is trained on what, and that it learns; the exported heads give what torch gave."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import msgspec
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from swath.archive import quantise
from swath.captions import CaptionedImage, CaptionedSet
from swath.encoders import OnnxEncoder, read_bank, read_hash_head, session, write_bank
from swath.errors import EncoderError, InputError
from swath.models.cfitr import Cfitr, CfitrRecipe, EncoderShape, load_cfitr
from swath.models.joint import LocalEnhancement
from swath.search.codes import pack
from swath.search.stages.cross import pair_scores
from swath.training.cfitr import CfitrTask, Stored, Validation, fine_scores, initialise, relaxed, words_of
from swath.training.data import corpus
from swath.training.export_cfitr import export_cfitr, write_cross
from swath.training.loop import fit
from swath.training.stored import StoredImages, StoredTexts
from tests.tiny_onnx import build

SHAPE = EncoderShape(dim=32, grid=2, token_dim=8, word_dim=12)


def recipe(**more: object) -> CfitrRecipe:
    changes = {
        "hash.bits": [16, 32],
        "hash.hidden": 24,
        "joint.width": 32,
        "joint.blocks": 2,
        "joint.lfem": 4,
        "joint.dropout": 0.0,
        "negatives.images": 16,
        "negatives.hard_texts": 3,
        "negatives.hard_images": 3,
        "negatives.pool": 6,
        "negatives.mined_with": 32,
        "optimiser.epochs": 2,
        "optimiser.batch": 32,
        "optimiser.average": 0.0,
        **more,
    }
    return load_cfitr("cfitr", changes)


def unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / length


def world(n: int = 64, seed: int = 0) -> Stored:
    """n pictures of two captions each; two pictures share a caption, and one has none."""
    rng = np.random.default_rng(seed)
    images = [CaptionedImage(Path(f"{i}.jpg"), f"{i}.jpg", (f"thing {i}", f"it is {i}")) for i in range(n)]
    images[1] = CaptionedImage(Path("1.jpg"), "1.jpg", ("thing 0", "it is 1"))
    images.append(CaptionedImage(Path("last.jpg"), "last.jpg", ()))
    data = corpus([CaptionedSet("rsicd", "train", tuple(images))])
    embedding = rng.normal(size=(n + 1, 32))
    tokens = rng.normal(size=(n + 1, 5, 8))
    owner = np.zeros(len(data.texts), np.int64)
    for image, own in enumerate(data.captions):
        owner[own] = image
    said = embedding[owner] + 0.3 * rng.normal(size=(len(owner), 32))
    words = np.zeros((len(owner), 6, 12), np.float16)
    lengths = rng.integers(3, 7, len(owner))
    for row, length in enumerate(lengths):
        words[row, :length] = rng.normal(size=(length, 12))
        words[row, 1, :8] = tokens[owner[row], 2]

    return Stored(
        data,
        StoredImages(unit(embedding).astype(np.float16), quantise(unit(tokens).astype(np.float32))),
        StoredTexts(
            unit(said).astype(np.float32),
            unit(tokens[owner, 0] + 0.5 * rng.normal(size=(len(owner), 8))).astype(np.float32),
            words,
            lengths,
        ),
    )


def made(plan: CfitrRecipe, data: Stored) -> Cfitr:
    torch.manual_seed(0)
    model = Cfitr(SHAPE, plan.hash, plan.joint)
    initialise(model, data)
    return model


def test_false_pairs_are_false_and_the_true_ones_first() -> None:
    data, plan = world(), recipe()
    task = CfitrTask(plan, made(plan, data), data, [])
    (batch, *_) = task.batches(0)
    assert batch.images.shape == (32, 32) and batch.pairs.shape == (16, 1 + 4 + 4)
    assert batch.pairs[:, 0].all()
    assert batch.true.diagonal().all()
    # Hard ones were mined without what is true; random ones may be true and are told.
    assert not batch.pairs[:, 1:4].any() and not batch.pairs[:, 5:8].any()
    assert batch.tokens.shape == (16 * 9, 5, 8) and batch.words.shape[0] == 16 * 9
    again, *_ = task.batches(0)
    assert torch.equal(batch.tokens, again.tokens) and torch.equal(batch.texts, again.texts)
    other, *_ = task.batches(1)
    assert not torch.equal(batch.images, other.images)


def test_a_picture_without_a_caption_is_never_drawn() -> None:
    data, plan = world(), recipe()
    task = CfitrTask(plan, made(plan, data), data, [])
    last = torch.from_numpy(data.images.embedding[-1].astype(np.float32))
    tokens = torch.from_numpy(data.images.tokens[-1].astype(np.float32))
    for batch in task.batches(0):
        assert not (batch.images == last).all(1).any()
        assert not (batch.tokens == tokens).all((1, 2)).any()


def test_codes_start_as_training_free_ones() -> None:
    data, plan = world(), recipe()
    model = made(plan, data).eval()
    image = relaxed(model.image_hash, data.images.embedding, 32)
    text = relaxed(model.text_hash, data.texts.embedding, 32)
    near = torch.where(image >= 0, 1.0, -1.0) @ torch.where(text >= 0, 1.0, -1.0).T
    best = near.argmax(1).tolist()
    right = [best[i] in data.corpus.captions[i] for i in range(64)]
    assert np.mean(right) > 0.9


def test_local_enhancement_starts_as_the_identity() -> None:
    torch.manual_seed(0)
    module = LocalEnhancement(8, 4)
    tokens = torch.randn(3, 17, 8)
    assert torch.equal(module(tokens, 4), tokens)
    last = module.layers[-1]
    assert isinstance(last, torch.nn.BatchNorm2d)
    torch.nn.init.ones_(last.weight)
    changed = module(tokens, 4)
    assert torch.equal(changed[:, 0], tokens[:, 0]) and not torch.equal(changed[:, 1:], tokens[:, 1:])


def test_the_joint_score_starts_as_guide_against_the_global_row() -> None:
    data, plan = world(), recipe()
    model = made(plan, data).eval()
    images, texts = np.arange(40), np.arange(40)
    start = fine_scores(model, data, images, texts)
    rows = data.images.tokens[images, 0].astype(np.float64)
    cosine = (unit(rows) * unit(data.texts.guide[texts].astype(np.float64))).sum(1)
    # The shared map keeps lengths, up to the mean that the last norm takes away.
    assert np.corrcoef(start, cosine)[0, 1] > 0.98


def test_padding_and_the_order_of_pairs_do_not_reach_a_score() -> None:
    data, plan = world(), recipe()
    model = made(plan, data).eval()
    words, valid = words_of(data.texts, np.array([0, 1, 2, 3]))
    tokens = torch.from_numpy(data.images.tokens[:4].astype(np.float32))
    with torch.inference_mode():
        guides = torch.from_numpy(data.texts.guide[:4])
        whole = model.joint(tokens, guides, words, valid)
        longer = torch.nn.functional.pad(words, (0, 0, 0, 5), value=9.0)
        padded = model.joint(tokens, guides, longer, torch.nn.functional.pad(valid, (0, 5)))
    assert torch.allclose(whole, padded, atol=1e-5)
    images, texts = np.arange(40) % 7, np.arange(40) % 11
    scores = fine_scores(model, data, images, texts)
    order = np.random.default_rng(0).permutation(40)
    assert np.allclose(scores[order], fine_scores(model, data, images[order], texts[order]), atol=1e-5)


@pytest.mark.slow
def test_it_learns_its_pairs_by_heart_in_both_stages(tmp_path: Path) -> None:
    data = world(16)
    changes = {"optimiser.epochs": 240, "optimiser.rate": 5e-3, "optimiser.decay": 0.0, "negatives.random": 3}
    plan = recipe(**{**changes, "joint.blocks": 1, "optimiser.batch": 16})
    model = made(plan, data)
    task = CfitrTask(plan, model, data, [Validation(data)])
    figures = fit(task, plan.optimiser, 0, tmp_path, validate_every=1000)
    # Two pictures share a caption, so that one of them can be second.
    assert figures["rsicd hash mr"] > 99
    assert figures["rsicd cross mr"] > 97


def test_heads_give_in_a_search_what_they_gave_in_training(tmp_path: Path) -> None:
    encoder = build(tmp_path / "tiny")
    data, plan = world(), recipe()
    model = made(plan, data)
    run = tmp_path / "run"
    run.mkdir()
    fit(CfitrTask(plan, model, data, []), plan.optimiser, 0, run)
    model.eval()
    (run / "recipe.json").write_text(json.dumps(msgspec.to_builtins(plan)))
    facts = {
        "figures": {},
        "encoder": OnnxEncoder(encoder).revision,
        "shape": {"dim": 32, "grid": 2, "token_dim": 8, "word_dim": 12},
        "data": [{"name": "rsicd", "split": "train", "terms": "none", "hash": "0" * 32}],
    }
    with pytest.raises(InputError, match="not a finished run"):
        export_cfitr(run, encoder)
    (run / "facts.json").write_text(json.dumps(facts))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, run / "model.safetensors")
    rows = quantise(data.texts.embedding[:9])
    write_bank(run, rows, rows[:4])
    export_cfitr(run, encoder)
    export_cfitr(run, encoder)  # again: what was there is replaced
    heads = OnnxEncoder(encoder).heads
    assert sorted(heads) == ["bank", "cfitr"] and not any(head.verify() for head in heads.values())
    assert read_bank(heads["bank"]).text == pytest.approx(data.texts.embedding[:9], abs=0.01)

    codes = read_hash_head(heads["cfitr"])
    for width in (16, 32):
        ours = codes.relaxed(data.images.embedding, "image", width)
        theirs = relaxed(model.image_hash, data.images.embedding, width).numpy()
        assert np.abs(ours - theirs).max() < 5e-3  # float16 weights
        assert (pack(ours) != pack(theirs)).mean() < 0.01
    cross = heads["cfitr"].session("cross.onnx")
    pairs = np.arange(50) % 64, np.arange(50) % 20
    words = data.texts.words[pairs[1]]
    guides = data.texts.guide[pairs[1]]
    scores = pair_scores(cross, data.images.tokens[pairs[0]], guides, words)
    assert np.corrcoef(scores, fine_scores(model, data, *pairs))[0, 1] > 0.99
    for size in (1, 7):
        parts = [
            pair_scores(cross, data.images.tokens[pairs[0][part]], guides[part], words[part])
            for part in (slice(i, i + size) for i in range(0, 50, size))
        ]
        assert np.concatenate(parts) == pytest.approx(scores, abs=1e-6)

    facts["encoder"] = "0" * 64
    (run / "facts.json").write_text(json.dumps(facts))
    with pytest.raises(EncoderError, match="train it on this encoder"):
        export_cfitr(run, encoder)


def test_the_graph_in_fp32_is_the_module(tmp_path: Path) -> None:
    data, plan = world(), recipe()
    model = made(plan, data).eval()
    write_cross(model, tmp_path / "cross.onnx", "fp32")
    images, texts = np.arange(30), np.arange(30) + 3
    graph = session(tmp_path / "cross.onnx")
    said = data.texts.guide[texts], data.texts.words[texts]
    scores = pair_scores(graph, data.images.tokens[images], *said)
    assert scores == pytest.approx(fine_scores(model, data, images, texts), abs=1e-5)
