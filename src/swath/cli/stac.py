"""`swath stac`: an archive as a STAC catalogue."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, say
from swath.cli.progress import progress


@click.command("stac", short_help="Describe an archive as a STAC catalogue.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.option("--out", required=True, type=PATH, metavar="DIR", help="The folder to write.")
@common
@click.pass_obj
def stac_command(settings: Settings, path: Path, out: Path) -> None:
    """Write a STAC 1.1 Collection of ARCHIVE with an Item for each of its scenes, and the embeddings beside.

    The Items have the fields of the embedding extension, which is a proposal (v0.0.1).

    \b
      swath stac world.swath --out catalogue
    """
    from swath import api

    archive = api.open(path, threads=settings.threads)
    with progress(settings.quiet) as shown:
        items = archive.stac(out, progress=shown)
    if not settings.quiet:
        say(f"{out / 'collection.json'}: {count(items, 'scene')}")
