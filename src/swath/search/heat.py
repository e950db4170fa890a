"""Where in a tile the words are: the weights that a text gives to its tokens, as a map over its grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swath.search.kernels.interaction import guided_weights
from swath.search.query import find
from swath.types import Encoder, Gallery

TEMPERATURE = 0.1
"""Of the softmax over a tile's tokens, where the encoder's card states none for `ftf`."""


def heat_maps(
    gallery: Gallery, encoder: Encoder, texts: Sequence[str], ids: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """By tile id, float32[G, G] in raster order that sums to 1: how much each cell counts for the words.

    Several texts look together, each as much as the others. Empty where there are no words, or the archive
    stores no tokens, or the encoder gives no guide. Raises `InputError` for an id that is not there.
    """
    if not (texts and ids and "tokens" in gallery.signals):
        return {}
    guides = encoder.encode_texts(list(texts)).guide
    if guides is None:
        return {}
    rows = np.array([find(name, gallery.ids) for name in ids], np.int64)
    preset = (getattr(encoder, "presets", None) or {}).get("ftf", {})
    temperature = float(preset.get("temperature", TEMPERATURE))
    weights = guided_weights(gallery.signal("tokens")[rows], guides.mean(0), temperature)
    side = round(weights.shape[1] ** 0.5)
    return {name: one.reshape(side, side) for name, one in zip(ids, weights, strict=True)}
