"""Features of captions from a frozen text trunk."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from swath.encoders import piece_batches

Encode = Callable[[Tensor, Tensor], Tensor]


def tokenizer_of(content: dict[str, Any], lengths: Sequence[int]) -> Tokenizer:
    """A tokenizer from its parsed JSON, set to cut at the longest length and to add no padding."""
    tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    tokenizer.enable_truncation(lengths[-1])
    tokenizer.no_padding()
    return tokenizer


def pieces_of(tokenizer: Tokenizer, texts: Sequence[str]) -> NDArray[np.int64]:
    """Piece ids int64[n, L], zeros behind the end, as `TextTower.read` takes them."""
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    table = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for row, ids in zip(table, rows, strict=True):
        row[: len(ids)] = ids
    return table


def encode_pieces(
    encode: Encode, tokenizer: Tokenizer, texts: Sequence[str], lengths: Sequence[int], width: int
) -> NDArray[np.float32]:
    """float32[n, width] from `encode`, which maps ids and mask int64[b, L] to float[b, width]."""
    out = np.empty((len(texts), width), np.float32)
    with torch.inference_mode():
        for rows, ids, mask in piece_batches(tokenizer, texts, lengths):
            out[rows] = encode(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    return out
