"""What the score of a hit says: the probability that it matches, where that was fitted.

The fits stand in the encoder's card (`swath.encoders.Calibration`), by pipeline and by kind of query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.search.caret import listed
from swath.search.ordering import exact_scores
from swath.search.parser import Card, parse
from swath.search.pipeline import PRESETS, Pipeline
from swath.search.query import EncodedQuery
from swath.types import Candidates, Encoder, Gallery

if TYPE_CHECKING:
    from swath.encoders import Calibration

WORDS, PICTURE = "words", "picture"
"""Kinds of queries that can have a fit: one text, and one picture or tile."""


def kind_of(query: EncodedQuery) -> str | None:
    """`words` for one text alone, `picture` for one picture or tile alone, None for everything else."""
    if query.words_alone:
        return WORDS
    return None if query.texts or query.centred else PICTURE


def calibration_of(encoder: Encoder, pipeline: Pipeline, kind: str | None) -> Calibration | None:
    """The fit of a pipeline, which the card names by its preset or by its spec, for a kind of query."""
    card: Card = getattr(encoder, "presets", None) or {}
    fits = getattr(encoder, "calibration", None) or {}
    for name, kinds in fits.items():
        if name in PRESETS and name not in card:
            continue
        if kind in kinds and (str(parse(name, card)) if name in PRESETS else name) == str(pipeline):
            fit: Calibration = kinds[kind]
            return fit
    return None


def probabilities(
    fit: Calibration, found: Candidates, gallery: Gallery, query: EncodedQuery
) -> NDArray[np.float64]:
    """float64[n]: that each of the candidates matches."""
    logits = fit.intercept + fit.raw * found.scores.astype(np.float64)
    if fit.dense:
        vectors = gallery.signal("dense")[found.rows]
        logits += fit.dense * exact_scores(vectors, query.dense[None])[:, 0]
    # Neither end of the exponential may overflow.
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1 / (1 + small), small / (1 + small)))


def check_least(least: float) -> None:
    """Raise `InputError` for a least score that is no probability."""
    if not 0 <= least <= 1:
        raise InputError(f"the least score is a probability, from 0 to 1, not {least:g}")


def no_calibration(encoder: Encoder, pipeline: Pipeline, kind: str | None) -> InputError:
    """What to say where a least score is asked for and scores are not calibrated."""
    fits = getattr(encoder, "calibration", None) or {}
    known = listed(f"{name} ({', '.join(sorted(kinds))})" for name, kinds in fits.items())
    asked = {WORDS: "one text", PICTURE: "one picture or tile"}.get(kind or "", "several parts together")
    return InputError(
        f"A least score needs calibrated scores, and encoder {encoder.name} has none for '{pipeline}' and "
        f"{asked}. It has: {known}. Leave the least score out, or fit it: swath calibrate"
    )
