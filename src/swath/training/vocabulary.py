"""Pruning a word-piece vocabulary to what overhead imagery is spoken of in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import RecipeError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
Json = dict[str, Any]
Embed = Callable[[list[str]], NDArray[np.float32]]


def prune(tokenizer: Json, size: int, captions: Iterable[str], embed: Embed) -> tuple[Json, list[int]]:
    """Cut a BERT tokenizer down to `size` pieces and make it normalise as captions are compared.

    Kept are the special pieces, single characters (so that every word can be spelt), all pieces of the
    training captions, then in turn the next most frequent piece (BERT orders its vocabulary by frequency) and
    the whole word nearest in meaning to any training caption.

    Args:
        tokenizer: the parsed `tokenizer.json`.
        size: pieces to keep.
        captions: normalised training captions.
        embed: texts -> float32[n, d] unit rows, the unpruned sentence encoder.

    Returns:
        The new tokenizer and, for each new piece, its number in the old one.

    Raises:
        RecipeError: the size is too small for what must be kept.
    """
    from tokenizers import Tokenizer

    old: dict[str, int] = tokenizer["model"]["vocab"]
    captions = list(captions)
    full = Tokenizer.from_str(_dump(tokenizer))
    full.no_padding()
    used = {piece for encoding in full.encode_batch(captions) for piece in encoding.tokens}
    plain = [p for p in sorted(old, key=old.__getitem__) if re.fullmatch(r"(##)?[a-z0-9]+", p)]
    kept = dict.fromkeys([*SPECIAL, *(p for p in plain if len(p.removeprefix("##")) == 1)])
    kept.update(dict.fromkeys(p for p in plain if p in used))
    if len(kept) > size:
        raise RecipeError(f"text.pieces is {size}, but the training captions alone need {len(kept)}")
    words = [p for p in plain if len(p) > 2 and p.isalpha()]
    nearness = _nearest_caption(embed(words), embed(captions))
    near = iter([words[i] for i in np.argsort(-nearness, kind="stable")])
    frequent = iter(plain)
    while len(kept) < min(size, len(plain) + len(SPECIAL)):
        for source in (frequent, near):
            piece = next((p for p in source if p not in kept), None)
            if piece is not None and len(kept) < size:
                kept[piece] = None
    chosen = [*SPECIAL, *sorted(set(kept) - set(SPECIAL), key=old.__getitem__)]
    return _rebuild(tokenizer, chosen), [old[piece] for piece in chosen]


def _nearest_caption(words: NDArray[np.float32], captions: NDArray[np.float32]) -> NDArray[np.float32]:
    blocks = [(words[i : i + 1024] @ captions.T).max(1) for i in range(0, len(words), 1024)]
    return np.concatenate(blocks)


def _rebuild(tokenizer: Json, pieces: list[str]) -> Json:
    number = {piece: i for i, piece in enumerate(pieces)}
    new = {**tokenizer, "truncation": None, "padding": None}
    new["model"] = {**tokenizer["model"], "vocab": number}
    new["added_tokens"] = [
        {**token, "id": number[token["content"]]}
        for token in tokenizer["added_tokens"]
        if token["content"] in number
    ]
    new["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {**tokenizer["normalizer"], "strip_accents": True, "lowercase": True},
            {"type": "Replace", "pattern": {"Regex": "[^a-z0-9]+"}, "content": " "},
        ],
    }
    specials = tokenizer["post_processor"]["special_tokens"]
    new["post_processor"] = {
        **tokenizer["post_processor"],
        "special_tokens": {name: {**value, "ids": [number[name]]} for name, value in specials.items()},
    }
    return new


def _dump(content: Json) -> str:
    import json

    return json.dumps(content, ensure_ascii=False)
