"""Is an encoder what its card says? Every question is asked, and answered in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.encoders import probes
from swath.encoders.onnx import NORM_TOLERANCE, OnnxEncoder
from swath.encoders.registry import LoadedEncoder, load
from swath.errors import SwathError
from swath.types import Encoder

BATCH_TOLERANCE = 1e-5
"""Most that a number of a vector may change with its batch mates; the shipped encoder's do not change."""
PROBE_COSINE = 0.98
"""Least likeness of a text's vector to the one in the card, which is of full precision."""

_PICTURES = 9
_Shape: TypeAlias = tuple[int | None, ...]
"""None: any number."""
_Inputs: TypeAlias = dict[str, tuple[str, _Shape]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One question and its answer."""

    what: str
    ok: bool
    says: str


def check(
    place: str | Path,
    reference: Encoder | None = None,
    *,
    tolerance: float = 1e-5,
    threads: int | None = None,
) -> list[Finding]:
    """Check an encoder, by folder or name; with a reference, also that both give equal vectors.

    `tolerance` is the most that a number may differ from the reference. What cannot be asked, because
    something before it failed, is left out.
    """
    return list(_findings(place, reference, tolerance, threads))


def _findings(
    place: str | Path, reference: Encoder | None, tolerance: float, threads: int | None
) -> Iterator[Finding]:
    try:
        encoder = load(place, threads)
        card = encoder.card
    except (SwathError, OSError) as error:
        yield Finding("card", False, str(error))
        return
    tokens = f", {card.grid} x {card.grid} tokens of {card.token_dim}" if card.grid else ", no tokens"
    yield Finding(
        "card", True, f"{card.name}: {card.dim} numbers{tokens}, pictures of {card.image_size} pixels"
    )
    changed = encoder.verify()
    says = f"{', '.join(changed)} changed since the card was written" if changed else "as the card has them"
    yield Finding("digests", not changed, says)
    if isinstance(encoder, OnnxEncoder):
        yield from _graphs(encoder)
    yield from _pictures(encoder)
    yield from _texts(encoder)
    if reference is not None:
        yield from _parity(encoder, reference, tolerance)


def _graphs(encoder: OnnxEncoder) -> Iterator[Finding]:
    """Names, types and fixed dimensions of what goes in and comes out."""
    card = encoder.card
    pixels: _Inputs = {"pixels": ("tensor(uint8)", (None, card.image_size, card.image_size, 3))}
    # A tower with one length may have it built in.
    length = card.lengths[0] if len(card.lengths) == 1 else None
    pieces: _Inputs = dict.fromkeys(("ids", "mask"), ("tensor(int64)", (None, length)))
    images: list[_Shape] = [(None, card.dim)]
    texts: list[_Shape] = [(None, card.dim)]
    if card.grid:
        images.append((None, 1 + card.grid**2, card.token_dim))
        texts.append((None, card.token_dim))
    for name, inputs, outputs in (("image.onnx", pixels, images), ("text.onnx", pieces, texts)):
        try:
            session = encoder.sessions[name]
        except SwathError as error:
            yield Finding(name, False, str(error))
            continue
        wrong = [*_wrong_inputs(session, inputs), *_wrong_outputs(session, outputs)]
        yield Finding(name, not wrong, "; ".join(wrong) or "inputs and outputs are those of the card")


def _wrong_inputs(session: Any, wanted: _Inputs) -> Iterator[str]:
    found = {one.name: one for one in session.get_inputs()}
    if found.keys() != wanted.keys():
        yield f"it takes {', '.join(found) or 'nothing'} instead of {', '.join(wanted)}"
        return
    for name, (kind, shape) in wanted.items():
        one = found[name]
        if one.type != kind or not _fits(one.shape, shape):
            yield f"{name} is {one.type}{one.shape} instead of {kind}{_shown(shape)}"


def _wrong_outputs(session: Any, wanted: list[_Shape]) -> Iterator[str]:
    found = session.get_outputs()
    if len(found) < len(wanted):
        yield f"it gives {len(found)} outputs instead of {len(wanted)}"
    for one, shape in zip(found, wanted, strict=False):
        if one.type != "tensor(float)" or not _fits(one.shape, shape):
            yield f"{one.name} is {one.type}{one.shape} instead of tensor(float){_shown(shape)}"


def _fits(found: list[int | str | None], wanted: _Shape) -> bool:
    """Whether a shape with names for free dimensions can be the one wanted."""
    return len(found) == len(wanted) and all(
        not isinstance(have, int) if want is None else have == want or not isinstance(have, int)
        for have, want in zip(found, wanted, strict=True)
    )


def _shown(shape: _Shape) -> str:
    return f"[{', '.join('n' if side is None else str(side) for side in shape)}]"


def _pictures(encoder: LoadedEncoder) -> Iterator[Finding]:
    batch = probes.pictures(_PICTURES, encoder.image_size)
    try:
        features = encoder.encode_images(batch)
        alone = [encoder.encode_images(batch[i : i + 1]).embedding[0] for i in (0, 4, _PICTURES - 1)]
        empty = encoder.encode_images(batch[:0]).embedding
    except (SwathError, ValueError, RuntimeError) as error:
        yield Finding("pictures", False, _one_line(error))
        return
    vectors = features.embedding
    yield _vectors("pictures", vectors, encoder.dim, _PICTURES)
    if features.tokens is not None:
        flat = features.tokens.reshape(-1, features.tokens.shape[-1])
        yield _vectors("tokens", flat, encoder.card.token_dim, len(flat))
    yield _alone("pictures, batches", vectors[[0, 4, _PICTURES - 1]], np.stack(alone))
    if empty.shape != (0, encoder.dim):
        says = f"no pictures give shape {list(empty.shape)} instead of [0, {encoder.dim}]"
        yield Finding("pictures, none", False, says)


def _texts(encoder: LoadedEncoder) -> Iterator[Finding]:
    texts = list(probes.TEXTS)
    try:
        features = encoder.encode_texts(texts)
        alone = np.stack([encoder.encode_texts([text]).embedding[0] for text in texts])
    except (SwathError, ValueError, RuntimeError) as error:
        yield Finding("texts", False, _one_line(error))
        return
    yield _vectors("texts", features.embedding, encoder.dim, len(texts))
    if features.guide is not None:
        yield _vectors("guides", features.guide, encoder.card.token_dim, len(texts))
    yield _alone("texts, batches", features.embedding, alone)
    yield from _tokenizer(encoder)


def _tokenizer(encoder: LoadedEncoder) -> Iterator[Finding]:
    """Whether the pieces are those that the text tower was trained with, as far as that can be told."""
    known = encoder.card.probes
    if known:
        vectors = encoder.encode_texts(list(known)).embedding
        wanted = np.array(list(known.values()), np.float32)
        if wanted.shape != vectors.shape:
            yield Finding("tokenizer", False, f"the card's probes have shape {list(wanted.shape)}")
            return
        likeness = (vectors * wanted).sum(1) / np.linalg.norm(wanted, axis=1)
        says = f"cosine of {likeness.min():.4f} at least with the vectors in the card"
        ok = bool(likeness.min() >= PROBE_COSINE)
        yield Finding("tokenizer", ok, says + ("" if ok else ": tokenizer and text tower are no pair"))
    elif isinstance(encoder, OnnxEncoder):
        last = encoder.tokenizer.get_vocab_size() - 1
        ids = np.full((1, encoder.card.lengths[0]), last, np.int64)
        try:
            encoder.sessions["text.onnx"].run(None, {"ids": ids, "mask": np.ones_like(ids)})
        except Exception as error:
            if not type(error).__module__.startswith("onnxruntime"):
                raise
            says = f"it has {last + 1} pieces, more than the table of text.onnx: they are no pair"
            yield Finding("tokenizer", False, says)
            return
        says = f"its {last + 1} pieces have vectors; the card holds no probes, so a swap would not be seen"
        yield Finding("tokenizer", True, says)


def _parity(encoder: LoadedEncoder, reference: Encoder, tolerance: float) -> Iterator[Finding]:
    if (encoder.dim, encoder.image_size) != (reference.dim, reference.image_size):
        says = (
            f"{reference.name} gives {reference.dim} numbers for pictures of {reference.image_size} pixels, "
            f"this one {encoder.dim} for {encoder.image_size}"
        )
        yield Finding("reference", False, says)
        return
    batch, texts = probes.pictures(_PICTURES, encoder.image_size), list(probes.TEXTS)
    pairs = {
        "pictures": (encoder.encode_images(batch).embedding, reference.encode_images(batch).embedding),
        "texts": (encoder.encode_texts(texts).embedding, reference.encode_texts(texts).embedding),
    }
    for what, (ours, theirs) in pairs.items():
        apart = float(np.abs(ours - theirs).max())
        cosine = float((ours * theirs).sum(1).min())
        says = f"at most {apart:.2g} apart, cosine {cosine:.6f} at least"
        yield Finding(f"reference, {what}", apart <= tolerance, says)


def _vectors(what: str, vectors: NDArray[np.float32], dim: int, count: int) -> Finding:
    if vectors.shape != (count, dim):
        return Finding(what, False, f"shape {list(vectors.shape)} instead of [{count}, {dim}]")
    if not np.isfinite(vectors).all():
        return Finding(what, False, "some values are not finite")
    off = float(np.abs(np.linalg.norm(vectors, axis=1) - 1).max())
    if off > NORM_TOLERANCE:
        return Finding(what, False, f"lengths are up to {off:.3g} away from 1: normalise them")
    if np.ptp(vectors, axis=0).max() < 1e-6:
        return Finding(what, False, "all vectors are the same: the tower does not see its input")
    return Finding(what, True, f"{dim} numbers, length 1 within {off:.1g}")


def _alone(what: str, together: NDArray[np.float32], alone: NDArray[np.float32]) -> Finding:
    apart = float(np.abs(together - alone).max())
    says = "the same bits alone and in a batch" if apart == 0 else f"{apart:.2g} apart alone and in a batch"
    return Finding(what, apart <= BATCH_TOLERANCE, says)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
