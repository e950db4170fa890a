"""`swath chips`: hits cut out of the original scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, note, say
from swath.cli.progress import progress

if TYPE_CHECKING:
    from swath.serving.chips import Format


@click.command("chips", short_help="Cut hits out of the original scenes.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.argument("hits", type=PATH)
@click.option("--out", required=True, type=PATH, metavar="DIR", help="The folder to write.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["tif", "png"]),
    help="tif keeps bands, values and georeference (default for rasters); png is the tile as it is shown.",
)
@common
@click.pass_obj
def chips_command(settings: Settings, path: Path, hits: Path, out: Path, kind: Format | None) -> int:
    """Cut HITS out of the scenes of ARCHIVE at full resolution, into files named by rank and id.

    HITS is what `swath search` wrote: .json, .geojson, .parquet or .csv, or - for its JSON on stdin. Hits
    whose file is gone or changed are listed, and the exit code is 1. The same command goes on where it was
    stopped.

    \b
      swath search world.swath "storage tanks" --out tanks.geojson
      swath chips world.swath tanks.geojson --out tanks
    """
    from swath import api
    from swath.serving import read_hits

    wanted = read_hits(hits)
    archive = api.open(path, threads=settings.threads)
    with progress(settings.quiet) as shown:
        report = archive.chips(wanted, out, kind=kind, progress=shown)
    for rank, name, reason in report.skipped:
        note(f"skipped hit {rank} ({name[:12]}): {reason}")
    if not settings.quiet:
        kept = f", {report.kept:,} there already" if report.kept else ""
        skipped = f", {len(report.skipped):,} skipped" if report.skipped else ""
        say(f"{out}: {count(report.written, 'chip')} written{kept}{skipped}")
    return 1 if report.skipped else 0
