"""`swath train sgpd`: a word head over any encoder, from captioned sets or from an archive with captions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from swath.archive import open_store
from swath.captions import CaptionedSet, normalise
from swath.encoders import HeadCard, Source, fetched, load, write_head, write_terms
from swath.errors import EncoderError, InputError
from swath.models.sgpd import SgpdRecipe, load_sgpd
from swath.training.data import corpus, load_sets
from swath.training.export import TERMS
from swath.training.loop import fit
from swath.training.run import Run, claim, origin, run_folder
from swath.training.sgpd import Pairs, SgpdTask, Student, Validation, rounded, terms_of
from swath.training.stored import stored_embeddings, stored_text_embeddings
from swath.training.words import choose_words, own_words, start_projection, word_embeddings
from swath.types import Encoder, Progress

ARCHIVE = "archive"
"""What stands for a data set where the pictures and captions are those of an archive."""
HEAD = "head"
"""Folder of a run that holds the finished head."""
_HELD_OUT = 10
"""One picture in so many validates where the recipe names no validation set."""


def train_sgpd(
    recipe: str | Path,
    roots: Mapping[str, Path],
    *,
    out: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train the head of a recipe; see `swath.training.run.train`, which calls it. The run holds it in `head`.

    Raises `EncoderError` besides where the recipe's encoder is missing or not the archive's.
    """
    plan = load_sgpd(recipe, dict(changes or {}))
    encoder = load(plan.encoder)
    folder = out or run_folder(plan)
    claim(folder, plan)
    torch.manual_seed(plan.seed)
    if ARCHIVE in roots:
        pairs, sources = archive_pairs(roots[ARCHIVE], encoder), []
        name = ARCHIVE
    else:
        sets = load_sets(plan.data.train, roots)
        pairs, sources = set_pairs(sets, encoder, progress), [origin(one) for one in sets]
        name = plan.data.validate[0].partition(":")[0] if plan.data.validate else "held-out"
    if ARCHIVE in roots or not plan.data.validate:
        pairs, held_out = halves(pairs, plan.seed)
    else:
        held_out = set_pairs(load_sets(plan.data.validate, roots), encoder, progress)
    words, embeddings = choose_words(pairs.captions, plan.words, *word_embeddings(fetched(plan.start)))
    embeddings = rounded(embeddings)
    spoken = own_words(pairs.captions, words)
    shown = [_joined(spoken, own) for own in pairs.own]
    project = start_projection(np.concatenate([pairs.texts, pairs.images]), [*spoken, *shown], embeddings)
    student = Student(project, embeddings, plan.student, plan.bias)
    task = SgpdTask(plan, student, pairs, words, Validation(name, held_out))
    epochs = plan.optimiser.epochs
    figures = fit(task, plan.optimiser, plan.seed, folder, validate_every=epochs, progress=progress)
    _write(folder / HEAD, plan, student, words, encoder.revision, sources, figures)
    return Run(folder, figures)


def export_sgpd(run: Path, encoder: Path) -> Path:
    """Put the head of a finished run into the folder of its encoder, in place of the one that is there.

    Raises `InputError` where the run is not finished, `EncoderError` where the encoder is another one.
    """
    head = run / HEAD
    if not (head / "card.json").is_file():
        raise InputError(f"{run} is not a finished run of sgpd (no {HEAD}): train it to its end first")
    card = msgspec.json.decode((head / "card.json").read_bytes(), type=HeadCard)
    revision = load(encoder).revision
    if card.encoder != revision:
        raise EncoderError(
            f"{run} was trained on revision {card.encoder[:12]} of its encoder, and {encoder} is revision "
            f"{revision[:12]}: train it on this encoder"
        )
    place = encoder / "heads" / card.name
    part = place.with_name(f".{card.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(head, part)
    shutil.rmtree(place, ignore_errors=True)
    part.rename(place)
    return place


def set_pairs(sets: Sequence[CaptionedSet], encoder: Encoder, progress: Progress | None = None) -> Pairs:
    """Pictures and captions of captioned sets. Raises `InputError` for a test split."""
    data = corpus(sets)
    images = np.concatenate([stored_embeddings(encoder, one, progress) for one in sets])
    texts = stored_text_embeddings(encoder, data, progress)
    return Pairs(images.astype(np.float32), texts, data.texts, data.own())


def archive_pairs(path: Path, encoder: Encoder) -> Pairs:
    """The stored vectors of an archive's tiles, with the texts among their attributes as captions.

    Raises `InputError` where no tile has a text, `EncoderError` where the archive is another encoder's.
    """
    gallery = open_store(path).gallery()
    if gallery.encoder_revision != encoder.revision:
        raise EncoderError(
            f"{path} was made with another encoder than {encoder.name}: name its own, such as "
            f"--set encoder={path}/encoder/{gallery.encoder_revision}"
        )
    numbers: dict[str, int] = {}
    own: list[list[int]] = [[] for _ in range(len(gallery))]
    for name in gallery.attributes:
        column = gallery.attribute(name)
        if name == "source" or column.dtype != object:
            continue
        for row, value in enumerate(column):
            text = normalise(value) if isinstance(value, str) else ""
            if text:
                own[row].append(numbers.setdefault(text, len(numbers)))
    if not numbers:
        raise InputError(f"no tile of {path} has a text among its attributes: nothing says what is seen")
    table = np.full((len(own), max(map(len, own))), -1, np.int64)
    for row, texts in enumerate(own):
        table[row, : len(texts)] = texts
    vectors = encoder.encode_texts(list(numbers)).embedding
    return Pairs(gallery.signal("dense").astype(np.float32), vectors, tuple(numbers), table)


def halves(pairs: Pairs, seed: int) -> tuple[Pairs, Pairs]:
    """Most of the pictures for training and one in ten for validation, each side with its texts.

    Raises `InputError` where a side would have no picture with a text.
    """
    usable = np.random.default_rng(seed).permutation(np.flatnonzero((pairs.own >= 0).any(1)))
    cut = len(usable) // _HELD_OUT
    if not cut:
        raise InputError(f"{len(usable)} pictures with texts are too few: {_HELD_OUT} are needed at least")
    return _part(pairs, np.sort(usable[cut:])), _part(pairs, np.sort(usable[:cut]))


def _part(pairs: Pairs, rows: NDArray[np.int64]) -> Pairs:
    own = pairs.own[rows]
    used = np.unique(own[own >= 0])
    number = np.full(len(pairs.captions) + 1, -1, np.int64)
    number[used] = np.arange(len(used))
    captions = tuple(pairs.captions[text] for text in used)
    return Pairs(pairs.images[rows], pairs.texts[used], captions, number[own])


def _joined(words: Sequence[NDArray[np.int64]], texts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *(words[text] for text in texts if text >= 0)])


def _write(
    folder: Path,
    plan: SgpdRecipe,
    student: Student,
    words: tuple[str, ...],
    revision: str,
    sources: Sequence[Mapping[str, Any]],
    figures: dict[str, float],
) -> None:
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    terms = terms_of(student, words, plan)
    write_terms(temporary, terms)
    card = HeadCard(
        name="sgpd",
        kind="sgpd",
        encoder=revision,
        description=plan.description,
        data=tuple(
            Source(name=one["name"], part=one["split"], terms=one["terms"], digest=one["hash"])
            for one in sources
        ),
        terms=TERMS,
        settings={
            "image_terms": terms.image_terms,
            "expansion": terms.expansion,
            "extra": terms.extra,
            "floor": terms.floor,
        },
        figures={"validation, while training": figures},
        recipe=json.loads(msgspec.json.encode(plan)),
    )
    write_head(card, temporary)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
