"""`swath train` of an encoder: towers over frozen trunks, from published weights or a finished encoder."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from swath.encoders import OnnxEncoder, user_folder
from swath.errors import RecipeError
from swath.models.dual import TRUNKS
from swath.models.recipe import Recipe, load_recipe
from swath.training.data import Corpus, corpus, load_sets
from swath.training.dual import DualTask, Texts, Towers, Validation, embed_images, embed_texts
from swath.training.features import image_features, text_features
from swath.training.loop import fit
from swath.training.parallel import World, together
from swath.training.rendered import rendered_set
from swath.training.restore import restore, started_from, trainable
from swath.training.run import Run, claim, origin, run_folder
from swath.training.texts import pieces_of, tokenizer_of
from swath.training.trunks import load_trunks
from swath.training.views import VIEWS
from swath.types import Progress


def train_dual(
    recipe: str | Path,
    roots: Mapping[str, Path],
    *,
    out: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    start: str | Path | None = None,
    processes: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> Run:
    """Train an encoder; see `swath.training.run.train`, which calls it."""
    plan = load_recipe(recipe, dict(changes or {}))
    if start is not None:
        plan = started_from(plan, trainable(start))
    _check_parts(plan)
    folder = out or run_folder(plan)
    claim(folder, plan)
    with together(processes, device, _follow, (plan, dict(roots), start, folder)) as world:
        return _train(plan, roots, start, folder, progress, world)


def _follow(
    plan: Recipe, roots: Mapping[str, Path], start: str | Path | None, folder: Path, world: World
) -> None:
    """What the processes after the first do."""
    _train(plan, roots, start, folder, None, world)


def _train(
    plan: Recipe,
    roots: Mapping[str, Path],
    start: str | Path | None,
    folder: Path,
    progress: Progress | None,
    world: World,
) -> Run:
    encoder = None if start is None else trainable(start)
    with world.first_alone():
        task, views, texts, sets = _prepare(plan, roots, encoder, folder, progress if world.first else None)
    figures = fit(task, plan.optimiser, plan.seed, folder, progress=progress, world=world)
    if world.first:
        towers = task.towers
        save_file(
            {name: value.cpu().contiguous() for name, value in towers.state_dict().items()},
            folder / "model.safetensors",
        )
        images = np.concatenate([embed_images(towers, part) for part in views])
        facts = {
            "figures": figures,
            "means": {
                "image": images.mean(0).tolist(),
                "text": embed_texts(towers, texts).mean(0).tolist(),
            },
            "scenes": len(task.train.classes),
            "data": sets,
            **({} if encoder is None else _lineage(encoder)),
        }
        (folder / "facts.json").write_text(json.dumps(facts, indent=1))
    return Run(folder, figures)


def _prepare(
    plan: Recipe,
    roots: Mapping[str, Path],
    encoder: OnnxEncoder | None,
    folder: Path,
    progress: Progress | None,
) -> tuple[DualTask, list[NDArray[np.float16]], Texts, list[dict[str, Any]]]:
    """The task, with the first view's features by set, the texts, and what the data are."""
    torch.manual_seed(plan.seed)
    sets = load_sets(plan.data.train, roots)
    if plan.data.rendered:
        sets.append(rendered_set(plan.data.rendered, user_folder() / "rendered", progress))
    learned = corpus(sets)
    towers = Towers(plan, len(learned.classes))
    content = (
        load_trunks(towers, plan, learned.texts, progress) if encoder is None else restore(towers, encoder)
    )
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False))
    tokenizer = tokenizer_of(content, plan.text.lengths)
    if encoder is None:
        words = [encoding.ids[1:-1] for encoding in tokenizer.encode_batch(list(learned.texts))]
        towers.text.bag.fit(words, plan.text.bag_least)
    views = [
        [image_features(towers.image, plan.image.start, one, view, progress) for one in sets]
        for view in plan.image.views
    ]
    frozen = text_features(towers.text, tokenizer, plan.text, learned.texts, progress)
    pieces = pieces_of(tokenizer, learned.texts) if plan.text.tuned else None
    if encoder is None:
        _standardise(towers, views[0], frozen)

    def read(own: Corpus) -> Texts:
        if plan.text.tuned:
            return pieces_of(tokenizer, own.texts)
        return text_features(towers.text, tokenizer, plan.text, own.texts, progress)

    validation = [
        Validation(
            corpus([one]),
            image_features(towers.image, plan.image.start, one, "original", progress),
            read(corpus([one])),
        )
        for one in load_sets(plan.data.validate, roots)
    ]
    task = DualTask(plan, towers, learned, views, frozen, validation, pieces)
    return task, views[0], frozen if pieces is None else pieces, [origin(one) for one in sets]


def _lineage(encoder: OnnxEncoder) -> dict[str, Any]:
    """What the card of a further trained encoder will say: which encoder, and what that was made of."""
    card = encoder.card
    before = {
        "name": f"encoder {card.name}",
        "part": f"revision {encoder.revision}",
        "terms": card.terms,
        "digest": encoder.revision,
    }
    made_of = [{f: getattr(one, f) for f in one.__struct_fields__} for one in (*card.weights, *card.data)]
    return {"weights": [before, *made_of]}


def _check_parts(recipe: Recipe) -> None:
    """Raises `RecipeError` where the recipe names a part that there is none of, or parts that do not fit."""
    named: list[tuple[str, str, Collection[str]]] = [
        ("image.trunk", recipe.image.trunk, TRUNKS),
        ("text.trunk", recipe.text.trunk, TRUNKS),
        *(("image.views", view.rstrip("0123456789"), VIEWS) for view in recipe.image.views),
    ]
    if recipe.loss.soft and recipe.loss.inter != "kl":
        raise RecipeError(f"recipe {recipe.name}: loss.soft needs loss.inter kl, not {recipe.loss.inter}")
    if recipe.image.merge > min(recipe.image.taps):
        raise RecipeError(
            f"recipe {recipe.name}: patches are merged after block {recipe.image.merge} (image.merge), but "
            f"image.taps begin at {min(recipe.image.taps)}: all taps must see the same patches"
        )
    tuned, epochs = recipe.text.tuned, recipe.optimiser.trunk_epochs
    if not 0 <= tuned <= recipe.text.layers:
        raise RecipeError(
            f"recipe {recipe.name}: text.tuned is {tuned} of text.layers, which are {recipe.text.layers}"
        )
    if bool(tuned) != bool(epochs) or not 0 <= epochs <= recipe.optimiser.epochs:
        raise RecipeError(
            f"recipe {recipe.name}: text.tuned layers ({tuned}) are trained in optimiser.trunk_epochs "
            f"({epochs}) of the {recipe.optimiser.epochs} epochs: give both, or leave both at 0"
        )
    for key, name, parts in named:
        if name not in parts:
            raise RecipeError(f"recipe {recipe.name}: {key} {name!r} is none of {', '.join(parts)}")


def _standardise(towers: Towers, cells: Sequence[NDArray[np.float16]], texts: NDArray[np.float32]) -> None:
    """Fit the fixed standardisations: of pictures as wholes, and of distinct captions."""
    pooled = np.concatenate(
        [part[i : i + 512].mean(1, dtype=np.float32) for part in cells for i in range(0, len(part), 512)]
    )
    for layer, values in ((towers.image.standard, pooled), (towers.text.standard, texts)):
        layer.fit(torch.from_numpy(values.mean(0)), torch.from_numpy(values.std(0)))
