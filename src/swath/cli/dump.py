"""`swath dump`: all tiles of an archive as a table that other tools read."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, say
from swath.cli.progress import progress


@click.command("dump", short_help="Write all tiles of an archive as GeoParquet.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.option("--out", required=True, type=PATH, metavar="FILE.parquet", help="The file to write.")
@click.option("--with-embeddings", is_flag=True, help="With the embedding of every tile, as float32.")
@common
@click.pass_obj
def dump_command(settings: Settings, path: Path, out: Path, with_embeddings: bool) -> None:
    """Write all tiles of ARCHIVE as GeoParquet 1.1, with their places, times and attributes.

    With embeddings it is the table that other tools and `swath import` read.

    \b
      swath dump world.swath --out tiles.parquet --with-embeddings
      swath import copy.swath tiles.parquet
    """
    from swath import api

    archive = api.open(path, threads=settings.threads)
    with progress(settings.quiet) as shown:
        tiles = archive.dump(out, embeddings=with_embeddings, progress=shown)
    if not settings.quiet:
        say(f"{out}: {count(tiles, 'tile')}")
