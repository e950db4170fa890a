"""`swath leaks`: what data sets and their splits share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say, say_table
from swath.cli.progress import progress

if TYPE_CHECKING:
    from swath.evaluation import LeakReport

_SHOWN = 20


@click.command("leaks", short_help="Find captions and pictures that data sets or splits share.")
@click.argument("sets", nargs=-1, required=True, metavar="NAME=DIR...")
@click.option("--no-pictures", is_flag=True, help="Compare captions and names alone.")
@click.option(
    "--json", "report_file", type=PATH, metavar="FILE", help="Write the report as JSON; - is stdout."
)
@common
@click.pass_obj
def leaks_command(
    settings: Settings, sets: tuple[str, ...], no_pictures: bool, report_file: Path | None
) -> None:
    """Compare all splits of data sets, each given as NAME=DIR: rsicd=DIR rsitmd=DIR.

    A data set may be given twice, in two layouts: then the report says which images they put into different
    splits. Shown are normalised captions, images tied by two of them, pictures that look alike (64-bit
    perceptual hash), and a digest of the report.
    """
    from swath.captions import read
    from swath.evaluation import find_leaks, report_json, write_report

    named: list[tuple[str, str, Path]] = []
    for given in sets:
        dataset, equals, folder = given.partition("=")
        if not equals or not folder:
            raise click.BadParameter(f"'{given}' is not NAME=DIR", param_hint="NAME=DIR")
        again = sum(dataset == other for _, other, _ in named)
        named.append((f"{dataset}#{again + 1}" if again else dataset, dataset, Path(folder)))
    annotations = [(name, dataset, read(dataset, folder)) for name, dataset, folder in named]
    with progress(settings.quiet) as shown:
        report = find_leaks(annotations, pictures=not no_pictures, progress=shown)
    if report.unreadable and not settings.quiet:
        name, reason = report.unreadable[0]
        note(f"{len(report.unreadable):,} pictures cannot be read, the first {name}: {reason}")
    if report_file is not None and str(report_file) == "-":
        say(report_json(report).rstrip("\n"))
        return
    if report_file is not None:
        write_report(report, report_file)
    _say_report(report)


def _say_report(report: LeakReport) -> None:
    counts = ("images", "captioned", "pictures")
    rows = [(one.name, f"{one.images:,}", f"{one.captioned:,}", f"{one.pictures:,}") for one in report.parts]
    say_table(("part", *counts), rows, right=counts)
    if report.captions:
        say()
        found = ("captions", "tied", "tied back")
        say_table(
            ("part", "shares with", *found),
            [
                (one.one, one.other, f"{one.distinct:,}", f"{one.tied:,}", f"{one.tied_back:,}")
                for one in report.captions
            ],
            right=found,
        )
    if report.ties or report.pictures or report.misnamed:
        say()
    for tie in report.ties:
        say(f"{tie.images:,} images of {tie.part} are tied to {tie.set}")
    for pair in report.pictures[:_SHOWN]:
        alike = "equal" if pair.equal else f"{pair.distance} of 64 bits differ"
        say(f"{pair.one} {pair.one_image} looks like {pair.other} {pair.other_image} ({alike})")
    if len(report.pictures) > _SHOWN:
        say(f"{len(report.pictures) - _SHOWN:,} more pairs of pictures; --json has them all")
    sizes = {part.name: part.images for part in report.parts}
    for moved in report.misnamed:
        say(f"{moved.images:,} of the {sizes[moved.other]:,} images of {moved.other} are in {moved.one}")
    say(f"digest {report.digest}")
