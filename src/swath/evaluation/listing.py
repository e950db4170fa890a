"""Lists of what an evaluation searches in, built as an archive builds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists, build
from swath.encoders import WORD_HEAD, Head, SparseRows, Terms, read_terms, words_of
from swath.evaluation.encoding import Encoded
from swath.search import Pipeline
from swath.types import Encoder


def needs_lists(pipeline: Pipeline) -> bool:
    """Whether a pipeline has a stage that searches in lists or by words."""
    return any(step.build().signals & {"lists", "sparse"} for step in pipeline.steps)


def listed(found: Encoded) -> Lists:
    """Lists of pictures, or of texts, with the words that the encoder's head gives them."""
    terms = None if found.encoder is None else word_terms(found.encoder)
    dense = found.embedding.astype(np.float16)
    if not found.texts:
        return build(dense, terms=terms)

    def weigh(rows: NDArray[np.int64]) -> SparseRows:
        assert terms is not None
        return terms.of_texts(dense[rows], [found.texts[row] for row in rows])

    def spoken(rows: NDArray[np.int64]) -> Sequence[Sequence[str]]:
        known = {} if terms is None else terms.numbers
        return [[word for word in words_of(found.texts[row]) if word not in known] for row in rows]

    return build(dense, terms=terms, weigh=weigh, words_of=spoken)


def word_terms(encoder: Encoder) -> Terms | None:
    """The word head of an encoder, if it has one."""
    heads: dict[str, Head] = getattr(encoder, "heads", None) or {}
    return next((read_terms(head) for head in heads.values() if head.card.kind == WORD_HEAD), None)
