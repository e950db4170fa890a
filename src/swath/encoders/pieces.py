"""Texts to padded word-piece ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH = 64


def piece_batches(
    tokenizer: Tokenizer, texts: Sequence[str], lengths: Sequence[int]
) -> Iterator[tuple[list[int], NDArray[np.int64], NDArray[np.int64]]]:
    """Batches of texts of like length: rows of `texts`, ids int64[n, L] and 0/1 mask int64[n, L].

    A text is padded to the first of `lengths` that holds it and cut at the last one, so that what the towers
    see of it does not depend on the other texts. The tokenizer must be set to truncate there and not to pad.
    """
    # Lone surrogates are legal in Python strings (odd file names) and not in UTF-8.
    clean = [text.encode("utf-8", "replace").decode() for text in texts]
    pieces = [encoding.ids for encoding in tokenizer.encode_batch(clean)]
    by_length: dict[int, list[int]] = {}
    for row, ids in enumerate(pieces):
        by_length.setdefault(next(n for n in lengths if len(ids) <= n), []).append(row)
    for length, rows in sorted(by_length.items()):
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            table = np.zeros((len(part), length), np.int64)
            mask = np.zeros((len(part), length), np.int64)
            for i, row in enumerate(part):
                table[i, : len(pieces[row])] = pieces[row]
                mask[i, : len(pieces[row])] = 1
            yield part, table, mask
