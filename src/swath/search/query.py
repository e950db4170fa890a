"""A query as vectors.

The vector is q = norm(sum of w * (x - mean of its modality)): words, pictures and tiles that are wanted with
a positive weight, unwanted ones with a negative weight. The means are the encoder's (`means`, a mapping with
`image` and `text`), zero where it states none. One wanted part alone is used as it is. Without weights of the
caller's own, the wanted parts share a weight of 1 and the unwanted ones a weight of -1/2: a dislike bends a
query and does not turn it round, however many there are. Unwanted parts alone ask for what is least
like them.

Tiles that are liked or disliked are left out of the hits: whoever points at a tile has seen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from swath.errors import EncoderError, InputError
from swath.search.caret import short
from swath.types import Array, Encoder, Gallery, Query, TextFeatures

UNWANTED = 0.5
"""What all unwanted parts weigh together, where the wanted ones weigh 1."""
_MOST_WEIGHT = 1e9
"""Far greater shares would leave no digits to what they are beside, and overflow in the end."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedQuery:
    """What stages search with."""

    dense: NDArray[np.float32]
    """float32[D]; unit L2, or the one wanted part as its encoder or the archive has it."""
    texts: tuple[str, ...] = ()
    """The wanted words, ready for an encoder."""
    guide: NDArray[np.float32] | None = None
    """float32[d], unit L2: the wanted words in the space of the image tokens, where the encoder has one."""
    tokens: NDArray[np.int8] | None = None
    """int8[1 + G * G, d]: a picture's tokens as an archive stores them, for searching texts by a picture."""
    exclude: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Rows that are no hits: the tiles given as examples."""
    words_alone: bool = False
    """Whether one text is all that was asked; scores of such queries are calibrated."""
    words: NDArray[np.float32] | None = None
    """float32[L, w]: the vectors of the wanted words, text after text, where the encoder gives them."""
    encoder: Encoder | None = None
    """What encoded it; its heads make more of the vectors."""
    centred: bool = False
    """Whether `dense` is a sum of parts without the means of their modalities."""

    @property
    def parts(self) -> frozenset[str]:
        """What a stage may need: `dense` always, and what else the query has."""
        return frozenset(
            {"dense"}
            | ({"word vectors"} if self.words is not None else set())
            | ({"words"} if self.texts else set())
            | ({"guide"} if self.guide is not None else set())
            | ({"tokens"} if self.tokens is not None else set())
        )


class Spoken:
    """The words of many queries: encoded together, when the first of them is needed."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._places: dict[str, int] = {}
        self._features: TextFeatures | None = None

    def add(self, query: Query) -> None:
        """Take in the words of a query. Raises `InputError` for a text that is empty."""
        for text in (*query.texts, *query.unlike_texts):
            self._places.setdefault(_clean(text), len(self._places))

    def of(self, texts: Sequence[str]) -> TextFeatures:
        """The features of some of the texts that were taken in."""
        if self._features is None:
            self._features = self._encoder.encode_texts(list(self._places))
        whole, rows = self._features, [self._places[text] for text in texts]
        return TextFeatures(
            whole.embedding[rows],
            None if whole.guide is None else whole.guide[rows],
            None if whole.words is None else whole.words[rows],
            None if whole.word_mask is None else whole.word_mask[rows],
        )


def encode(
    query: Query,
    encoder: Encoder,
    gallery: Gallery,
    weights: Sequence[float] | None = None,
    *,
    spoken: Spoken | None = None,
) -> EncodedQuery:
    """The query as vectors.

    `spoken` has the words of many queries, this one among them.
    `weights` are positive numbers, one for each of `query.texts`, `images`, `likes`, `like_at`, `unlikes` and
    `unlike_texts`, in this order; they count as they are, where `query.weights` are shares. Raises
    `InputError` where the query is empty, names no tile or more than one, or a place where none lies, or
    cancels itself out, and
    `EncoderError` where the encoder gives something that is not finite.
    """
    examples = len(query.likes) + len(query.like_at)
    count = [len(query.texts), len(query.images), examples, len(query.unlikes), len(query.unlike_texts)]
    wanted, unwanted = sum(count[:3]), sum(count[3:])
    if wanted + unwanted == 0:
        raise InputError("The query is empty: give words, a picture, or a tile of the archive")
    if weights is None and query.weights is not None:
        weights = _shares(query.weights, wanted, unwanted)
    signed = _signed(weights, wanted, unwanted)
    texts = [_clean(text) for text in (*query.texts, *query.unlike_texts)]
    likes = [find(name, gallery.ids) for name in query.likes]
    if query.like_at:
        from swath.search.places import at

        likes += [at(gallery, *place) for place in query.like_at]
    unlikes = [find(name, gallery.ids) for name in query.unlikes]
    both = set(likes) & set(unlikes)
    if both:
        raise InputError(f"Tile {_name(gallery.ids, min(both))} is liked and disliked: take one of them away")

    words = None
    if texts:
        words = encoder.encode_texts(texts) if spoken is None else spoken.of(texts)
    pictures = (
        encoder.encode_images(
            np.stack([_fit(pixels, encoder.image_size) for pixels in query.images])
        ).embedding
        if query.images
        else np.zeros((0, encoder.dim), np.float32)
    )
    said = np.zeros((0, encoder.dim), np.float32) if words is None else words.embedding
    split = len(query.texts)
    tiles = _stored(gallery, [*likes, *unlikes], encoder.dim)
    vectors = np.concatenate([said[:split], pictures, tiles, said[split:]])
    if not np.isfinite(vectors).all():
        raise EncoderError(f"Encoder {encoder.name} gave a vector that is not finite for this query")
    is_text = np.repeat([True, False, False, False, True], count)
    guides = None if words is None else words.guide
    whole = wanted == 1 and not unwanted
    return EncodedQuery(
        dense=_combine(vectors, signed, is_text, encoder),
        texts=tuple(texts[:split]),
        guide=None if guides is None or not split else _mean_direction(guides[:split], signed[:split]),
        exclude=np.array(sorted({*likes, *unlikes}), np.int64),
        words_alone=whole and split == 1,
        words=None if words is None or not split else _word_vectors(words, split),
        encoder=encoder,
        centred=not whole,
    )


def _word_vectors(features: TextFeatures, wanted: int) -> NDArray[np.float32] | None:
    if features.words is None or features.word_mask is None:
        return None
    vectors: NDArray[np.float32] = features.words[:wanted][features.word_mask[:wanted]]
    return vectors


def find(name: str, ids: Array) -> int:
    """The row of the one tile whose id is `name` or starts with it.

    Raises `InputError` where none does, or more than one; the message names those that come close.
    """
    wanted = name.encode("utf-8", "replace")
    if not wanted or b"\0" in wanted:
        raise InputError(f"{short(name)} is no tile id: give the id of a hit, or its first characters")
    width = ids.dtype.itemsize
    letters = np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), width)
    rows = _starting(letters, wanted)
    if len(wanted) < width and len(rows) > 1:
        whole = rows[letters[rows, len(wanted)] == 0]
        rows = whole if len(whole) == 1 else rows
    if len(rows) == 1:
        return int(rows[0])
    if len(rows):
        raise InputError(
            f"{len(rows)} tiles have ids that start with {short(name)} ({_some(ids, rows)}): give more of it"
        )
    shared = min(len(wanted) - 1, width)
    while shared and not len(rows):
        rows = _starting(letters, wanted[:shared])
        shared -= 1
    close = f"; the closest are {_some(ids, rows)}" if len(rows) else ""
    raise InputError(f"No tile has an id that starts with {short(name)}{close}")


def _starting(letters: NDArray[np.uint8], start: bytes) -> NDArray[np.int64]:
    if len(start) > letters.shape[1]:
        return np.zeros(0, np.int64)
    return np.flatnonzero((letters[:, : len(start)] == np.frombuffer(start, np.uint8)).all(1))


def _some(ids: Array, rows: NDArray[np.int64]) -> str:
    names = ", ".join(sorted(_name(ids, row) for row in rows[:4].tolist()))
    return names + (", ..." if len(rows) > 4 else "")


def _name(ids: Array, row: int) -> str:
    return bytes(ids[row]).decode("ascii", "replace")


def _clean(text: str) -> str:
    # A tokenizer written in C or Rust takes neither NUL nor the lone surrogates of undecodable arguments.
    text = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    if not text.strip():
        raise InputError("A text of the query is empty: say what to look for")
    return text


def _fit(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(
            f"A query picture must be uint8[h, w, 3] RGB pixels, not {pixels.dtype}{list(pixels.shape)}"
        )
    if pixels.shape == (side, side, 3):
        return pixels
    from swath.imagery import fit  # brings Pillow, which a query of words does not need

    return fit(pixels, side)


def _stored(gallery: Gallery, rows: Sequence[int], dim: int) -> NDArray[np.float32]:
    if not rows:
        return np.zeros((0, dim), np.float32)
    if "dense" not in gallery.signals:
        raise InputError("Tiles cannot be examples here: the archive stores no signal 'dense'")
    vectors: NDArray[np.float32] = gallery.signal("dense")[np.array(rows)].astype(np.float32)
    if vectors.shape[1] != dim:
        raise EncoderError(
            f"The stored vectors have {vectors.shape[1]} numbers and the encoder gives {dim}: "
            "search with the encoder that made the archive"
        )
    return vectors


def _shares(weights: Sequence[float], wanted: int, unwanted: int) -> list[float]:
    """Weights whose wanted part sums to 1 and whose unwanted part sums to `UNWANTED`."""
    if any(abs(weight) > _MOST_WEIGHT or 0 < abs(weight) < 1 / _MOST_WEIGHT for weight in weights):
        raise InputError(f"A weight lies from {1 / _MOST_WEIGHT:g} to {_MOST_WEIGHT:g}, such as 0.5 or 2")
    shares = np.abs(_signed(weights, wanted, unwanted))
    for part, total in ((slice(None, wanted), 1.0), (slice(wanted, None), UNWANTED)):
        if shares[part].size:
            shares[part] *= total / shares[part].sum()
    return [float(share) for share in shares]


def _signed(weights: Sequence[float] | None, wanted: int, unwanted: int) -> NDArray[np.float64]:
    if weights is None:
        return np.array([1 / max(wanted, 1)] * wanted + [-UNWANTED / max(unwanted, 1)] * unwanted)
    given = np.array(weights, np.float64)
    if len(given) != wanted + unwanted:
        raise InputError(
            f"The query has {wanted + unwanted} parts and {len(given)} weights: give one for each"
        )
    if not (np.isfinite(given) & (given > 0)).all():
        raise InputError("A weight must be a positive number; what is unwanted counts against by itself")
    given[wanted:] *= -1
    return given


def _combine(
    vectors: NDArray[np.float32], signed: NDArray[np.float64], is_text: NDArray[np.bool_], encoder: Encoder
) -> NDArray[np.float32]:
    if len(vectors) == 1 and signed[0] > 0:
        return np.array(vectors[0])
    means = getattr(encoder, "means", None) or {}
    zero = np.zeros(vectors.shape[1])
    centred = vectors - np.where(is_text[:, None], means.get("text", zero), means.get("image", zero))
    return _unit(signed @ centred)


def _mean_direction(vectors: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.array(vectors[0]) if len(vectors) == 1 else _unit(weights @ vectors.astype(np.float64))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    length = np.linalg.norm(vector)
    if length < 1e-6:
        raise InputError("The parts of the query cancel each other out: take one of them away")
    return np.asarray(vector / length, np.float32)
