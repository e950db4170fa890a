"""`swath show`, `remove`, `relocate`: single tiles and files of an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, SOURCE, Settings, common
from swath.cli.output import count, note, say, say_facts, say_json

if TYPE_CHECKING:
    from swath.serving import TileDetails


@click.command("show", short_help="Show what is known of a tile, and cut it out of its file.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.argument("tile", metavar="ID")
@click.option("--out", type=PATH, metavar="FILE", help="Cut it out at full resolution: .png or .tif.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@common
@click.pass_obj
def show_command(settings: Settings, path: Path, tile: str, out: Path | None, as_json: bool) -> None:
    """Show what is known of the tile ID (or the one tile whose id begins so), and cut it out of its file.

    A .png is the tile as it is shown; a .tif of a raster keeps its bands, values and georeference. The file
    must be what it was when it was indexed, which its digest tells.
    """
    from swath import api
    from swath.serving import tile_document

    archive = api.open(path, threads=settings.threads)
    details = archive.show(tile)
    if out is not None:
        archive.cut(details.tile.id, out)
        if not settings.quiet:
            note(f"cut out: {out}")
    if as_json:
        say_json(tile_document(details))
    else:
        say_facts(_facts(details))


@click.command("remove", short_help="Take files or tiles out of an archive.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.argument("sources", nargs=-1, type=SOURCE, metavar="[SOURCE]...")
@click.option("--where", metavar="EXPR", help="Only tiles with these attributes: 'cloud > 80'.")
@click.option("--dry-run", is_flag=True, help="Only say how many.")
@common
@click.pass_obj
def remove_command(
    settings: Settings, path: Path, sources: tuple[str | Path, ...], where: str | None, dry_run: bool
) -> None:
    """Take out of an archive: files and folders (SOURCE), tiles that pass a filter, or what passes in those.

    A tile stays while another file has the same content. It is one commit, whoever searches meanwhile is not
    disturbed, and the files themselves are not touched: indexing them again brings them back.
    """
    from swath import api

    if not sources and where is None:
        raise click.UsageError("Say what to remove: SOURCE, --where, or both")
    archive = api.open(path, threads=settings.threads)
    report = archive.remove(sources, where=where, dry_run=dry_run)
    verb = "would leave" if dry_run else "removed"
    if dry_run or not settings.quiet:
        say(f"{count(report.files, 'file')}, {count(report.tiles, 'tile')} {verb}")
    if not (dry_run or settings.quiet):
        say(f"{path} holds {count(len(archive), 'tile')}")


@click.command("relocate", short_help="Tell an archive where its files went.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.argument("old", type=SOURCE)
@click.argument("new", type=SOURCE)
@click.option("--dry-run", is_flag=True, help="Only say how many.")
@common
@click.pass_obj
def relocate_command(settings: Settings, path: Path, old: Path, new: Path, dry_run: bool) -> None:
    """Tell an archive that what was at and below OLD is at NEW now. No file is moved, and none is read."""
    from swath import api
    from swath.imagery import shown

    report = api.open(path, threads=settings.threads).relocate(old, new, dry_run=dry_run)
    if report.missing:
        note(f"{count(report.missing, 'file')} of them not found below {shown(new)}")
    if dry_run or not settings.quiet:
        say(f"{count(report.files, 'file')} {'would be' if dry_run else 'now'} below {shown(new)}")


def _facts(details: TileDetails) -> list[tuple[str, str]]:
    from swath.imagery import shown
    from swath.serving.sheet import place

    tile, window = details.tile, details.tile.window
    facts = [
        ("id", tile.id),
        *(("source" if not i else "also", shown(file)) for i, file in enumerate(details.files)),
        ("digest", details.digest),
        ("window", f"{window.width} x {window.height} pixels at {window.column}, {window.row}"),
    ]
    if tile.footprint is not None:
        facts.append(("place", place(tile.footprint)))
        corners = "  ".join(f"{x:.6f},{y:.6f}" for x, y in tile.footprint.ring)
        facts.append(("corners", corners))
    if tile.time is not None:
        facts.append(("time", f"{tile.time:%Y-%m-%d %H:%M:%S} UTC"))
    return facts + [
        (name, f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in tile.attributes.items()
    ]
