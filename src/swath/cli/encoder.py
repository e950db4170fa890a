"""`swath encoder`: check one, or let another one answer for an archive."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, note, say, say_json, say_table


@click.group("encoder", short_help="Check an encoder, or let another one answer for an archive.")
def encoder_command() -> None:
    """Check an encoder, or let another one answer for an archive."""


@encoder_command.command("check", short_help="Check whether an encoder is what its card says.")
@click.argument("place", metavar="DIR|NAME")
@click.option("--reference", metavar="E", help="An encoder that must give equal vectors.")
@click.option(
    "--tolerance", type=float, default=1e-5, show_default=True, metavar="T", help="Most that they may differ."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@common
@click.pass_obj
def check_command(
    settings: Settings, place: str, reference: str | None, tolerance: float, as_json: bool
) -> int:
    """Check digests, graphs, shapes, lengths of vectors, batches and tokenizer of an encoder.

    With --reference (a name, a folder, open_clip:ARCHITECTURE@FILE, torch:RUN) also that both give equal
    vectors on fixed pictures and texts. Exit code 1: something is wrong.
    """
    from swath import encoders
    from swath.encoders.check import check

    other = None if reference is None else encoders.load(reference, settings.threads)
    findings = check(place, other, tolerance=tolerance, threads=settings.threads)
    wrong = [finding for finding in findings if not finding.ok]
    if as_json:
        say_json({"findings": [{"what": f.what, "ok": f.ok, "says": f.says} for f in findings]})
    else:
        rows = [(finding.what, "ok" if finding.ok else "WRONG", finding.says) for finding in findings]
        say_table(("what", "", "finding"), rows, wrap=("finding",))
    if wrong:
        note(f"swath: error: {count(len(wrong), 'thing')} wrong with {place}")
    return 1 if wrong else 0


@encoder_command.command("use", short_help="Let an adapted encoder answer for an archive, or its own again.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.argument("name", required=False)
@common
def use_command(path: Path, name: str | None) -> None:
    """Let the adapted encoder NAME answer for ARCHIVE from now on; without NAME, the one that made it.

    Nothing is encoded anew, and both stay in the archive.
    """
    from swath.archive import open_store
    from swath.serving.encoder import switch

    encoder = switch(open_store(path), name)
    say(f"{path} answers with {encoder.name}, revision {encoder.revision[:12]}")
