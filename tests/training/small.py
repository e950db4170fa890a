"""A recipe and towers small enough for tests: one block, 28 pixels, random weights."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import torch

from swath.models.recipe import Recipe, load_recipe
from swath.training.dual import Towers
from swath.training.quantise import rounded_words

CHANGES: dict[str, Any] = {
    "image.size": 56,
    "image.taps": [1],
    "image.grid": 2,
    "image.views": ["original"],
    "text.layers": 1,
    "text.pieces": 64,
    "text.word_bits": 4,
    "text.lengths": [8, 16],
    "text.bag_rows": 32,
    "text.bag_dim": 4,
    "text.bag_least": 1,
    "heads.hidden": 16,
    "heads.dim": 12,
    "heads.token_hidden": 16,
    "heads.token_dim": 8,
    "optimiser.epochs": 4,
    "optimiser.batch": 8,
}


def recipe(**more: Any) -> Recipe:
    return load_recipe("base", {**CHANGES, **more})


def towers(plan: Recipe, scenes: int = 3) -> Towers:
    torch.manual_seed(0)
    made = Towers(plan, scenes)
    made.text.bag.fit([[5, 6, 7], [6, 8], [9, 5], [10, 11], [8, 11, 12]], 1)
    made.eval()
    words = made.text.trunk.words.weight
    with torch.no_grad():
        words.copy_(torch.from_numpy(rounded_words(words.numpy(), plan.text.word_bits)))
    rng = np.random.default_rng(0)
    ids = torch.from_numpy(rng.integers(4, plan.text.pieces, (50, 8)))
    with torch.inference_mode():
        features = made.text.features(ids, torch.ones_like(ids))
    # As in training: without it all texts look alike to random heads.
    made.text.standard.fit(features.mean(0), features.std(0))
    return made


def tokenizer() -> dict[str, Any]:
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *string.ascii_lowercase,
        *(f"##{c}" for c in string.ascii_lowercase),
    ]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    special = {name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": special,
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }


def pixels(n: int, size: int = 56) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(n).integers(0, 256, (n, size, size, 3), np.uint8)
