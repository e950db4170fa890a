"""`swath merge`: archives that were made apart, in one."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, note, say
from swath.cli.progress import progress


@click.command("merge", short_help="Bring archives together that were made apart.")
@click.argument("out", type=PATH, metavar="OUT")
@click.argument("archives", nargs=-1, required=True, type=PATH, metavar="ARCHIVE...")
@common
@click.pass_obj
def merge_command(settings: Settings, out: Path, archives: tuple[Path, ...]) -> None:
    """Copy the tiles of every ARCHIVE into OUT, which is made, or continued where it exists.

    All must have been made by the same encoder and cut alike. No picture is read, and equal tiles become one
    with the files of all. A merge that was stopped goes on by the same command.
    """
    from swath.archive import merge

    with progress(settings.quiet) as shown:
        report = merge(out, archives, shown)
    if settings.quiet:
        return
    if report.changed:
        note(f"{count(report.changed, 'file')} known with more than one content: index the folder again")
    known = f", {report.tiles_known:,} known" if report.tiles_known else ""
    say(f"{count(report.archives, 'archive')}: {count(report.tiles_added, 'tile')} added{known}")
    say(f"{out} holds {count(report.tiles, 'tile')} from {count(report.files, 'file')}")
