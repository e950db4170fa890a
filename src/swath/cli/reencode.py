"""`swath reencode`: another encoder for an archive."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, note, say
from swath.cli.progress import progress


@click.command("reencode", short_help="Change the encoder of an archive.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.option("--encoder", required=True, metavar="E", help="Name or folder of the new encoder.")
@click.option("--drop-missing", is_flag=True, help="Switch without the tiles whose files are missing.")
@common
@click.pass_obj
def reencode_command(settings: Settings, path: Path, encoder: str, drop_missing: bool) -> int:
    """Encode the original pictures of an archive again, with another encoder.

    The archive answers as before until all is done; then one commit switches it. A run that was stopped goes
    on by the same command. Files that are gone or changed are listed, and the switch waits for them unless
    --drop-missing is given.
    """
    from swath import encoders
    from swath.archive import open_store

    store = open_store(path)
    before = store.encoder_name
    made_by = encoders.load(encoder, settings.threads)
    with progress(settings.quiet) as shown:
        report = store.reencode(made_by, drop_missing=drop_missing, progress=shown, threads=settings.threads)
    if not settings.quiet:
        for file, reason in report.missing:
            note(f"missing {file}: {reason}")
    if not report.switched:
        note(
            f"swath: error: {count(report.missing_tiles, 'tile')} of {count(len(report.missing), 'file')} "
            f"cannot be encoded again, so {path} keeps the signals of {before}; what was encoded is kept: "
            "bring the files back and run this again, or leave their tiles out by --drop-missing"
        )
        return 1
    if not settings.quiet:
        left = f", {report.missing_tiles:,} left out" if report.missing_tiles else ""
        say(f"{path}: {count(report.tiles, 'tile')} by {made_by.name}, {report.encoded:,} encoded now{left}")
    return 0
