"""`swath locate`: where in one scene the words are."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say_json, say_table
from swath.cli.progress import progress


@click.command("locate", short_help="Find where in a scene the words are.")
@click.argument("scene", type=PATH)
@click.argument("text")
@click.option("--archive", type=PATH, metavar="DIR", help="Use what this archive stores of the scene.")
@click.option("--encoder", metavar="E", help="Which encoder (default: the archive's, or base).")
@click.option(
    "--tile-size",
    type=click.IntRange(min=16, max=8192),
    metavar="N",
    help="Width and height of the largest windows, in pixels (default 256).",
)
@click.option(
    "--overlap",
    type=click.FloatRange(0, 0.9),
    metavar="F",
    help="How much neighbouring windows share, of their side (default 0.5).",
)
@click.option(
    "--levels",
    type=click.IntRange(1, 4),
    metavar="N",
    help="Sizes of windows, each half of the one before, for smaller objects (default 1).",
)
@click.option(
    "-k", type=click.IntRange(min=0), default=5, show_default=True, metavar="N", help="Most places."
)
@click.option("--out", type=PATH, metavar="FILE.tif", help="Write the heat map as a GeoTIFF.")
@click.option("--png", type=PATH, metavar="FILE.png", help="Draw the scene with the heat over it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@common
@click.pass_obj
def locate_command(
    settings: Settings,
    scene: Path,
    text: str,
    archive: Path | None,
    encoder: str | None,
    tile_size: int | None,
    overlap: float | None,
    levels: int | None,
    k: int,
    out: Path | None,
    png: Path | None,
    as_json: bool,
) -> None:
    """Find where in SCENE, a raster or picture, the words TEXT are.

    Overlapping windows are encoded and compared with the text, and what the text finds inside each is added.
    With --archive nothing is encoded but the text.

    \b
      swath locate scene.tif "storage tanks" --png tanks.png --out tanks.tif
      swath locate world/south.tif "a stadium" --archive world.swath
    """
    from swath import api, outputs
    from swath.serving.locating import located_document, write_located

    for path, suffixes in ((out, (".tif", ".tiff")), (png, (".png",))):
        if path is not None and path.suffix.lower() not in suffixes:
            raise click.UsageError(f"{path}: name a file that ends in {suffixes[0]}")
    if archive is not None:
        if (tile_size, overlap, levels) != (None, None, None):
            raise click.UsageError("--archive has its windows: leave --tile-size, --overlap and --levels out")
        opened = api.open(archive, encoder=encoder, threads=settings.threads)
        located = opened.locate(scene, text, k=k)
    else:
        with progress(settings.quiet) as shown:
            located = outputs.locate(
                scene,
                text,
                encoder=encoder,
                tile_size=tile_size or 256,
                overlap=0.5 if overlap is None else overlap,
                levels=levels or 1,
                k=k,
                threads=settings.threads,
                progress=shown,
            )
    for path in filter(None, (out, png)):
        write_located(located, path)
        if not settings.quiet:
            note(f"heat map: {path}")
    if as_json:
        say_json(located_document(located))
        return
    rows = [
        (
            str(spot.rank),
            f"{spot.score:.2f}",
            f"{spot.column:.0f},{spot.row:.0f}",
            "" if position is None else f"{position[1]:.6f}, {position[0]:.6f}",
        )
        for spot, position in zip(located.spots, located.positions, strict=True)
    ]
    placed = 4 if any(row[3] for row in rows) else 3
    header = ("rank", "score", "column,row", "lat, lon")
    say_table(header[:placed], [row[:placed] for row in rows], right=("rank", "score"))
