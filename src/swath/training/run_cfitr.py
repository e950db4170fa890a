"""`swath train cfitr`: hash heads and a joint transformer over an encoder."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from swath.archive import quantise
from swath.encoders import LoadedEncoder, load, write_bank
from swath.models.cfitr import Cfitr, EncoderShape, load_cfitr
from swath.training.cfitr import CfitrTask, Stored, Validation, initialise
from swath.training.data import Corpus, corpus, load_sets
from swath.training.loop import fit
from swath.training.run import Run, claim, origin, run_folder
from swath.training.stored import StoredImages, joined, stored_images, stored_texts
from swath.types import Progress

BANK = 2048
"""Queries of each modality in the bank, at most."""


def train_cfitr(
    recipe: str | Path,
    roots: Mapping[str, Path],
    *,
    out: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train the heads of a recipe; see `swath.training.run.train`, which calls it.

    Raises `EncoderError` besides where the recipe's encoder is missing, or gives no tokens or word vectors.
    """
    plan = load_cfitr(recipe, dict(changes or {}))
    encoder = load(plan.encoder)
    folder = out or run_folder(plan)
    claim(folder, plan)
    torch.manual_seed(plan.seed)
    train = stored(encoder, corpus(load_sets(plan.data.train, roots)), progress)
    validation = [
        Validation(stored(encoder, corpus([one]), progress)) for one in load_sets(plan.data.validate, roots)
    ]
    model = Cfitr(shape_of(encoder), plan.hash, plan.joint)
    initialise(model, train)
    task = CfitrTask(plan, model, train, validation)
    epochs = plan.optimiser.epochs
    figures = fit(task, plan.optimiser, plan.seed, folder, validate_every=epochs, progress=progress)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    facts = {
        "figures": figures,
        "encoder": encoder.revision,
        "shape": msgspec.to_builtins(shape_of(encoder)),
        "data": [origin(one) for one in train.corpus.sets],
    }
    write_bank(folder, *bank_rows(train, plan.seed))
    (folder / "facts.json").write_text(json.dumps(facts, indent=1))
    return Run(folder, figures)


def bank_rows(train: Stored, seed: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Captions and pictures for a bank of queries, as an archive stores unit rows, drawn at random.

    Every data set gives the same number (all that it has, where it has fewer): hubs differ from one kind of
    imagery to the next, and the largest set would hide those of the others.
    """
    random = np.random.default_rng(seed)
    sets = train.corpus.sets
    ends = np.cumsum([0, *(len(one.images) for one in sets)])
    texts: set[int] = set()
    images: list[int] = []
    for start, end in itertools.pairwise(ends.tolist()):
        own = np.unique(np.concatenate(train.corpus.captions[start:end]))
        texts.update(random.permutation(own)[: BANK // len(sets)].tolist())
        images += (start + random.permutation(end - start)[: BANK // len(sets)]).tolist()
    return (
        quantise(train.texts.embedding[sorted(texts)]),
        quantise(train.images.embedding[sorted(images)].astype(np.float32)),
    )


def stored(encoder: LoadedEncoder, data: Corpus, progress: Progress | None = None) -> Stored:
    """A corpus with what the encoder gives for it."""
    images: StoredImages = joined([stored_images(encoder, one, progress) for one in data.sets])
    return Stored(data, images, stored_texts(encoder, data, progress))


def shape_of(encoder: LoadedEncoder) -> EncoderShape:
    """What the heads must know of an encoder."""
    card = encoder.card
    return EncoderShape(card.dim, card.grid, card.token_dim, card.word_dim)
