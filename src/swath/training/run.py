"""`train`: a recipe and data in, a run folder out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from swath.captions import TERMS, CaptionedSet
from swath.decoding import NOT_JSON
from swath.encoders import load, user_folder
from swath.errors import InputError, RecipeError
from swath.models.recipe import task_of
from swath.training.rendered import RENDERED, RENDERED_TERMS
from swath.types import Progress

TASKS = {
    "dual": "swath.training.run_dual",
    "cfitr": "swath.training.run_cfitr",
    "sgpd": "swath.training.run_sgpd",
}
"""What a recipe trains, by its key `task`, to the module whose `train_{task}` does it."""

HEADS = {
    "cfitr": "swath.training.export_cfitr",
    "sgpd": "swath.training.run_sgpd",
}
"""What trains heads of an encoder, to the module whose `export_{task}` puts them into its folder."""


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
    start: str | Path | None = None,
    processes: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> Run:
    """Train a recipe; the same call continues a stopped run.

    Args:
        recipe: name or YAML file.
        roots: data set -> folder in its published layout.
        out: the run folder; by default one under `user_folder()/runs`, named by recipe, seed and digest.
        changes: dotted recipe keys to change, such as `{"seed": 1}`.
        start: an encoder (name or folder) whose weights training starts from, instead of published trunks.
        processes: how many train together, each on a share of every batch; under `torchrun` it says.
        device: `cpu`, `cuda` (or `rocm`), or `auto`, a GPU where there is one. Features of frozen trunks are
            computed on the processor.
        progress: called while features are computed and after every step.

    Raises:
        RecipeError, CaptionsError, InputError, EncoderError: what was given cannot be used.
        FetchError: a starting point was not fetched (the message names the command).
    """
    task = task_of(recipe)
    if task not in TASKS:
        raise RecipeError(f"recipe {recipe}: task {task!r} is none of {', '.join(TASKS)}")
    more: dict[str, Any] = {"start": start, "processes": processes, "device": device}
    if task != "dual":
        if start is not None or processes > 1 or device not in ("auto", "cpu"):
            raise InputError(f"{task} trains heads of one encoder, in one process on the processor")
        more = {}
    run: Run = getattr(import_module(TASKS[task]), f"train_{task}")(
        recipe, roots, out=out, changes=changes, progress=progress, **more
    )
    return run


def export_run(run: Path, out: Path | None, name: str | None = None) -> Path:
    """Make an encoder of a finished run, or put its heads into the folder of their encoder.

    Args:
        run: a finished run folder.
        out: the encoder folder to make; of heads, the folder of their encoder (None: where it is installed).
        name: the name of the encoder that is made, by default the folder's.

    Raises:
        InputError: the run is not finished, or `out` exists, or is missing where it must be given.
        EncoderError: the heads belong to another encoder than that in `out`.
    """
    from swath.training.export import export

    try:
        plan = msgspec.json.decode((run / "recipe.json").read_bytes())
    except (OSError, *NOT_JSON) as error:
        raise InputError(
            f"{run} is not a run (recipe.json: {error}): name the folder of a training"
        ) from error
    task = plan.get("task", "dual")
    if task not in HEADS:
        if out is None:
            raise InputError("name the encoder folder to make (--out)")
        return export(run, out, name=name)
    if out is None:
        out = load(plan["encoder"]).folder
        assert out is not None, "an installed encoder has a folder"
    made: Path = getattr(import_module(HEADS[task]), f"export_{task}")(run, out)
    return made


def digest(recipe: msgspec.Struct) -> str:
    """SHA-256 of a recipe's content."""
    return hashlib.sha256(msgspec.json.encode(recipe, order="sorted")).hexdigest()


def run_folder(recipe: Any) -> Path:
    """Where a recipe's run lies by default."""
    return user_folder() / "runs" / f"{recipe.name}-seed{recipe.seed}-{digest(recipe)[:8]}".replace("/", "-")


def claim(folder: Path, recipe: msgspec.Struct) -> None:
    """Make the run folder, or check that it belongs to this very recipe (else `InputError`)."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "recipe.json"
    content = msgspec.json.format(msgspec.json.encode(recipe), indent=1)
    if written.is_file() and written.read_bytes() != content:
        raise InputError(f"{folder} holds a run of another recipe: name another folder with --out")
    written.write_bytes(content)


def origin(data: CaptionedSet) -> dict[str, Any]:
    """What a run records of a captioned set that it was trained on."""
    return {
        "name": data.name,
        "split": data.split,
        "hash": data.split_hash,
        "images": len(data.images),
        "terms": {**TERMS, RENDERED: RENDERED_TERMS}.get(data.name, "those of its owner"),
    }
