"""`swath sample`: imagery for whoever has none at hand."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say


@click.command("sample", short_help="Render a small georeferenced world to try things on.")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, another world."
)
@common
@click.pass_obj
def sample_command(settings: Settings, folder: Path, seed: int) -> None:
    """Render a small aerial world into DIR: six GeoTIFFs that join, and truth.geojson.

    It is drawn by rules, no photograph: a coast and a harbour, an airport, storage tanks, a stadium, houses,
    a forest, farmland, a river with its bridge, roads and car parks; truth.geojson tells what is where.
    Equal seeds give equal files.
    """
    from swath.imagery.sample import QUESTIONS, render

    world = render(folder, seed)
    say(f"{len(world.scenes)} scenes and {world.truth.name} in {world.folder}")
    if not settings.quiet:
        note(f"try: swath index {folder} --archive {folder}.swath")
        note(f'     swath search {folder}.swath "{QUESTIONS[1].text}" -k 5 --sheet hits.html')
