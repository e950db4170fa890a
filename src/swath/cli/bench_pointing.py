"""`swath bench pointing`: whether heat maps point at what the words name."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say_table
from swath.cli.progress import progress


@click.command("pointing", short_help="Whether heat maps point at what is named.")
@click.argument("world", required=False, type=PATH)
@click.option("--encoder", metavar="E", help="Which encoder (default: base).")
@click.option("--pipeline", default="auto", show_default=True, metavar="SPEC", help="How to search.")
@click.option("-k", default=5, show_default=True, type=click.IntRange(min=1), help="Hits for each question.")
@click.option("--scenes", is_flag=True, help="Over whole scenes, as `swath locate` does.")
@common
@click.pass_obj
def pointing_command(
    settings: Settings, world: Path | None, encoder: str | None, pipeline: str, k: int, scenes: bool
) -> None:
    """Play the pointing game on WORLD, a folder that `swath sample` made (without it, one is rendered).

    The world is indexed and asked its questions. Of the hits that show the named object (but not in every
    cell), the share is given whose hottest cell lies in it, beside that of a cell drawn at random.

    With --scenes, windows that overlap by half are indexed, and of all scenes that show the object the share
    is given whose hottest place lies in it.
    """
    from swath import encoders
    from swath.archive import create
    from swath.evaluation.pointing import pointing_game, scene_pointing
    from swath.imagery import Tiling
    from swath.imagery.sample import render

    model = encoders.load(encoder or encoders.DEFAULT, settings.threads)
    with tempfile.TemporaryDirectory(prefix="swath-") as folder, progress(settings.quiet) as shown:
        if world is None:
            world = render(Path(folder) / "world").folder
        store = create(Path(folder) / "world.swath", model, Tiling(stride=128) if scenes else None)
        store.add([world], model, progress=shown, threads=settings.threads)
        if scenes:
            results = scene_pointing(store.gallery(), model, world)
        else:
            results = pointing_game(store.gallery(), model, world, pipeline=pipeline, k=k)
    rows = [(one.question, str(one.hits), _share(one.pointed), _share(one.chance)) for one in results]
    what = "scenes" if scenes else "hits"
    say_table(("question", what, "pointed", "chance"), rows, right=(what, "pointed", "chance"))
    if not settings.quiet and not scenes:
        note("hits: those that show the named object, but not in every cell; pointed, chance: per cent")


def _share(value: float) -> str:
    return "" if value != value else f"{100 * value:.0f}"  # NaN: no hit
