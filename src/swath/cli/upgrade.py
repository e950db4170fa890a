"""`swath upgrade`: archives of older formats."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import say


@click.command("upgrade", short_help="Bring an archive of an older format forward.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@common
@click.pass_obj
def upgrade_command(settings: Settings, path: Path) -> None:
    """Bring an archive that an older swath made to the present format, in one commit.

    Older archives can be searched as they are; this lets them be changed.
    """
    from swath.archive import open_store

    report = open_store(path).upgrade()
    if settings.quiet:
        return
    if report.before == report.after:
        say(f"{path} has format {report.after}, which is the newest: nothing to do")
    else:
        say(f"{path} went from format {report.before} to format {report.after}")
