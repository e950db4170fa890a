"""`train`: a recipe and data in, a run folder out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from swath.captions import TERMS
from swath.encoders import user_folder
from swath.errors import InputError, RecipeError
from swath.models.dual import TRUNKS
from swath.models.recipe import Recipe, load_recipe
from swath.training.data import corpus, load_sets
from swath.training.dual import DualTask, Towers, Validation, embed_images, embed_texts
from swath.training.features import image_features, text_features
from swath.training.loop import fit
from swath.training.rendered import RENDERED, RENDERED_TERMS, rendered_set
from swath.training.texts import tokenizer_of
from swath.training.trunks import load_trunks
from swath.training.views import VIEWS
from swath.types import Progress


@dataclass(frozen=True)
class Run:
    """What a training left behind."""

    folder: Path
    figures: dict[str, float]
    """Validation figures of the last epoch."""


def train(
    recipe: str | Path,
    roots: Mapping[str, Path],
    *,
    out: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train a recipe; the same call continues a stopped run.

    Args:
        recipe: name or YAML file.
        roots: data set -> folder in its published layout.
        out: the run folder; by default one under `user_folder()/runs`, named by recipe, seed and digest.
        changes: dotted recipe keys to change, such as `{"seed": 1}`.
        progress: called while features are computed and after every epoch.

    Raises:
        RecipeError, CaptionsError, InputError: what was given cannot be used.
        FetchError: a starting point was not fetched (the message names the command).
    """
    plan = load_recipe(recipe, dict(changes or {}))
    _check_parts(plan)
    folder = out or user_folder() / "runs" / f"{plan.name}-seed{plan.seed}-{digest(plan)[:8]}"
    _claim(folder, plan)
    torch.manual_seed(plan.seed)
    sets = load_sets(plan.data.train, roots)
    if plan.data.rendered:
        sets.append(rendered_set(plan.data.rendered, user_folder() / "rendered", progress))
    learned = corpus(sets)
    towers = Towers(plan, len(learned.classes))
    content = load_trunks(towers, plan, learned.texts, progress)
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False))
    tokenizer = tokenizer_of(content, plan.text.lengths)
    pieces = [encoding.ids[1:-1] for encoding in tokenizer.encode_batch(list(learned.texts))]
    towers.text.bag.fit(pieces, plan.text.bag_least)
    views = [
        [image_features(towers.image, plan.image.start, one, view, progress) for one in sets]
        for view in plan.image.views
    ]
    texts = text_features(towers.text, tokenizer, plan.text, learned.texts, progress)
    _standardise(towers, views[0], texts)
    validation = [
        Validation(
            corpus([one]),
            image_features(towers.image, plan.image.start, one, "original", progress),
            text_features(towers.text, tokenizer, plan.text, corpus([one]).texts, progress),
        )
        for one in load_sets(plan.data.validate, roots)
    ]
    task = DualTask(plan, towers, learned, views, texts, validation)
    figures = fit(task, plan.optimiser, plan.seed, folder, progress=progress)
    save_file(
        {name: value.contiguous() for name, value in towers.state_dict().items()},
        folder / "model.safetensors",
    )
    images = np.concatenate([embed_images(towers, part) for part in views[0]])
    facts = {
        "figures": figures,
        "means": {"image": images.mean(0).tolist(), "text": embed_texts(towers, texts).mean(0).tolist()},
        "scenes": len(learned.classes),
        "data": [
            {
                "name": one.name,
                "split": one.split,
                "hash": one.split_hash,
                "images": len(one.images),
                "terms": {**TERMS, RENDERED: RENDERED_TERMS}.get(one.name, "those of its owner"),
            }
            for one in sets
        ],
    }
    (folder / "facts.json").write_text(json.dumps(facts, indent=1))
    return Run(folder, figures)


def digest(recipe: Recipe) -> str:
    """SHA-256 of a recipe's content."""
    return hashlib.sha256(msgspec.json.encode(recipe, order="sorted")).hexdigest()


def _check_parts(recipe: Recipe) -> None:
    """Raises `RecipeError` where the recipe names a part that there is none of."""
    named: list[tuple[str, str, Collection[str]]] = [
        ("image.trunk", recipe.image.trunk, TRUNKS),
        ("text.trunk", recipe.text.trunk, TRUNKS),
        *(("image.views", view.rstrip("0123456789"), VIEWS) for view in recipe.image.views),
    ]
    for key, name, parts in named:
        if name not in parts:
            raise RecipeError(f"recipe {recipe.name}: {key} {name!r} is none of {', '.join(parts)}")


def _claim(folder: Path, recipe: Recipe) -> None:
    """Make the run folder, or check that it belongs to this very recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "recipe.json"
    content = msgspec.json.format(msgspec.json.encode(recipe), indent=1)
    if written.is_file() and written.read_bytes() != content:
        raise InputError(f"{folder} holds a run of another recipe: name another folder with --out")
    written.write_bytes(content)


def _standardise(towers: Towers, cells: Sequence[NDArray[np.float16]], texts: NDArray[np.float32]) -> None:
    """Fit the fixed standardisations: of pictures as wholes, and of distinct captions."""
    pooled = np.concatenate(
        [part[i : i + 512].mean(1, dtype=np.float32) for part in cells for i in range(0, len(part), 512)]
    )
    for layer, values in ((towers.image.standard, pooled), (towers.text.standard, texts)):
        layer.fit(torch.from_numpy(values.mean(0)), torch.from_numpy(values.std(0)))
