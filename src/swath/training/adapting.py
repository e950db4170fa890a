"""`swath adapt`: captions or labels of one's own in, an adapted encoder and what it gained out."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedSet, normalise
from swath.encoders import AdaptedEncoder, Card, LoadedEncoder, Source, adapt, write_adapted
from swath.errors import InputError
from swath.evaluation import Relevance, rank_embeddings
from swath.evaluation.encoding import encode_pictures
from swath.evaluation.environment import Stopwatch
from swath.evaluation.guard import refuse_test
from swath.evaluation.intervals import percentile_interval, resampled_ratios
from swath.search import find
from swath.training.text_map import Pairs, Plan, fit
from swath.types import Array, Gallery, Progress

LEAST = 20
"""Pictures below which nothing could be held out."""

PLANS = tuple(Plan(rank=rank, steps=steps) for rank in (8, 32) for steps in (50, 200, 600))
_CUTS = (1, 5, 10)
_Rates: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures' embeddings and what is true of each, in words."""

    images: NDArray[np.float32]
    """float32[n, D], unit rows."""
    texts: tuple[tuple[str, ...], ...]
    """For every picture, one text at least."""
    are_labels: bool
    """Whether the texts are names of classes: then accuracy is measured, and mean recall otherwise."""
    source: Source


@dataclass(frozen=True, slots=True)
class Gain:
    """Figures on pictures that took no part in the fit, in per cent."""

    figure: str
    """`mR` or `accuracy`."""
    before: float
    after: float
    interval: tuple[float, float]
    """95 % bootstrap interval over pictures of the difference."""
    fitted: int
    chosen: int
    held_out: int
    plan: Plan


def examples_of_set(data: CaptionedSet, encoder: LoadedEncoder, progress: Progress | None = None) -> Examples:
    """Captions of a data set. Raises `InputError` for a test split: nothing is fitted on test data."""
    if data.split == "test":
        raise InputError(f"{data.name}:test is for measuring alone: name a train or val split")
    refuse_test([data])
    images = [image for image in data.images if any(map(normalise, image.captions))]
    encoded, damaged = encode_pictures(
        [(image.name, image.path) for image in images],
        encoder,
        batch=32,
        watch=Stopwatch(),
        progress=progress,
    )
    lost = {name for name, _ in damaged}
    texts = tuple(
        tuple(text for text in map(normalise, image.captions) if text)
        for image in images
        if image.name not in lost
    )
    source = Source(name=data.name, part=data.split, terms="those of its owner", digest=data.split_hash)
    return Examples(encoded.embedding[encoded.rows], texts, False, source)


def examples_of_labels(gallery: Gallery, attribute: str, prompt: str, name: str) -> Examples:
    """Tiles of an archive that have a text in an attribute; `prompt` holds {} for it.

    Raises `InputError` where there is no such attribute.
    """
    if attribute not in gallery.attributes:
        raise InputError(
            f"no tile has the attribute {attribute!r}: there are {', '.join(gallery.attributes)}"
        )
    if "{}" not in prompt:
        raise InputError(f"the prompt {prompt!r} has no {{}} for the label")
    values = gallery.attribute(attribute).tolist()
    rows = [row for row, value in enumerate(values) if isinstance(value, str) and value.strip()]
    texts = tuple((prompt.replace("{}", values[row].replace("_", " ")),) for row in rows)
    return Examples(_rows(gallery, rows), texts, True, Source(name=name, part=attribute, terms="your own"))


def examples_of_captions(gallery: Gallery, file: Path, name: str) -> Examples:
    """Captions of tiles of an archive, from a CSV with the columns `id` and `caption`.

    Raises `InputError` where the file is not that, or names a tile that is not there.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            if not {"id", "caption"} <= set(reader.fieldnames or ()):
                raise InputError(f"{file} needs the columns id and caption, and has {reader.fieldnames}")
            pairs = [(line["id"].strip(), normalise(line["caption"] or "")) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read as CSV ({error})") from error
    captions: dict[int, list[str]] = {}
    for tile, caption in pairs:
        if caption:
            captions.setdefault(find(tile, gallery.ids), []).append(caption)
    texts = tuple(tuple(own) for own in captions.values())
    return Examples(
        _rows(gallery, list(captions)), texts, False, Source(name=name, part=file.name, terms="your own")
    )


def adapt_encoder(
    encoder: LoadedEncoder, examples: Examples, out: Path, *, name: str, seed: int = 0
) -> tuple[AdaptedEncoder, Gain]:
    """Fit on three fifths of the pictures, choose the plan on one fifth, measure on the last, write a folder.

    Raises `InputError` for fewer than `LEAST` pictures or a single text, `EncoderError` where `out` exists.
    """
    count = len(examples.images)
    distinct = list(dict.fromkeys(text for own in examples.texts for text in own))
    if count < LEAST or len(distinct) < 2:
        raise InputError(
            f"{count} pictures with {len(distinct)} different texts are too few to fit and to hold some out: "
            f"bring {LEAST} pictures and 2 texts at least"
        )
    number = {text: place for place, text in enumerate(distinct)}
    owned = tuple(np.unique([number[text] for text in own]) for own in examples.texts)
    pairs = Pairs(examples.images, encoder.encode_texts(distinct).embedding, owned)
    order = np.random.default_rng(seed).permutation(count)
    held_out, chosen, fitted = np.split(order, [count // 5, 2 * (count // 5)])
    train, select, test = (pairs.take(np.sort(rows)) for rows in (fitted, chosen, held_out))
    maps = [(plan, *fit(train, plan, seed)) for plan in PLANS]
    plan, down, up = max(
        maps, key=lambda one: _mean(_rates(_mapped(select, one[1], one[2]), examples.are_labels))
    )
    before = _rates(test, examples.are_labels)
    after = _rates(_mapped(test, down, up), examples.are_labels)
    change = (after[0] - before[0], before[1])
    low, high = percentile_interval(100 * resampled_ratios(*change, seed=seed).mean(1))
    gain = Gain(
        figure="accuracy" if examples.are_labels else "mR",
        before=_mean(before),
        after=_mean(after),
        interval=(float(low), float(high)),
        fitted=len(fitted),
        chosen=len(chosen),
        held_out=len(held_out),
        plan=plan,
    )
    # A handful of labels says little of what is asked in general.
    queries = None if examples.are_labels else (train.texts, train.images)
    card = _card(encoder, examples, gain, name)
    return write_adapted(out, card, down, up, encoder, queries=queries), gain


def _card(encoder: LoadedEncoder, examples: Examples, gain: Gain, name: str) -> Card:
    base = encoder.card
    figures: dict[str, Any] = {
        gain.figure: round(gain.after, 2),
        "before": round(gain.before, 2),
        "difference": [round(value, 2) for value in gain.interval],
        "pictures": gain.held_out,
    }
    return Card(
        name=name,
        description=f"{base.name} with its words adapted to {examples.source.name} ({examples.source.part}).",
        architecture=f"rank {gain.plan.rank} map behind the text tower of {base.name}",
        preprocessing=base.preprocessing,
        dim=base.dim,
        image_size=base.image_size,
        grid=base.grid,
        token_dim=base.token_dim,
        lengths=base.lengths,
        data=(*base.data, examples.source),
        weights=base.weights,
        terms=base.terms,
        figures={f"held out of {examples.source.name}": figures},
        recipe={"rank": gain.plan.rank, "steps": gain.plan.steps, "base_revision": encoder.revision},
    )


def _rows(gallery: Gallery, rows: Sequence[int]) -> NDArray[np.float32]:
    return np.asarray(gallery.signal("dense")[np.array(rows, np.int64)], np.float32)


def _mapped(pairs: Pairs, down: Array, up: Array) -> Pairs:
    return Pairs(pairs.images, adapt(pairs.texts, down, up), pairs.owned)


def _rates(pairs: Pairs, are_labels: bool) -> _Rates:
    """(values, weights) float64[n, c]: what each picture adds to c rates, and how often it is asked."""
    texts = rank_embeddings(pairs.images, pairs.texts, Relevance.of(pairs.owned))
    ones = np.ones(len(pairs.images))
    if are_labels:
        return texts.hits(1)[:, None], ones[:, None]
    owners = np.repeat(np.arange(len(pairs.owned)), [len(own) for own in pairs.owned])
    asked = np.concatenate(pairs.owned)
    right = pairs.relevance().T[asked]
    images = rank_embeddings(
        pairs.texts[asked], pairs.images, Relevance.of([np.flatnonzero(row) for row in right])
    )
    counts = np.bincount(owners).astype(np.float64)
    values = [texts.hits(k) for k in _CUTS]
    values += [np.bincount(owners, images.hits(k)).astype(np.float64) for k in _CUTS]
    return np.stack(values, 1), np.stack([*[ones] * len(_CUTS), *[counts] * len(_CUTS)], 1)


def _mean(rates: _Rates) -> float:
    """The mean of the rates, in per cent."""
    values, weights = rates
    return float(100 * (values.sum(0) / weights.sum(0)).mean())
