"""`swath leaks`: what data sets and their splits share; `swath union`: one training split of several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import is_all_said, note, say, say_table
from swath.cli.progress import progress

if TYPE_CHECKING:
    from swath.captions import Annotations
    from swath.evaluation import LeakReport, MadeSplit, Tied

_SHOWN = 20
_PICTURES = click.option("--no-pictures", is_flag=True, help="Compare captions and names alone.")


@click.command("leaks", short_help="Find captions and pictures that data sets or splits share.")
@click.argument("sets", nargs=-1, required=True, metavar="NAME=DIR...")
@_PICTURES
@click.option(
    "--json", "report_file", type=PATH, metavar="FILE", help="Write the report as JSON; - is stdout."
)
@click.option(
    "--clean", metavar="NAME:SPLIT", help="Write this split without what --against holds, by --write."
)
@click.option(
    "--against",
    multiple=True,
    metavar="NAME:SPLIT",
    help="What it must share nothing with; once for each (default: every test split but itself).",
)
@click.option("--write", "split_file", type=PATH, metavar="FILE", help="The JSON file of the clean split.")
@click.option("--name", metavar="S", help="What the clean split is called (default: SPLIT-clean).")
@common
@click.pass_obj
def leaks_command(
    settings: Settings,
    sets: tuple[str, ...],
    no_pictures: bool,
    report_file: Path | None,
    clean: str | None,
    against: tuple[str, ...],
    split_file: Path | None,
    name: str | None,
) -> None:
    """Compare all splits of data sets, each given as NAME=DIR: rsicd=DIR rsitmd=DIR.

    A data set may be given twice, in two layouts: then the report says which images they put into different
    splits. Shown are normalised captions, images tied by two of them, pictures that look alike (64-bit
    perceptual hash), how often captions repeat with the ceiling that follows, and a digest of the report.

    The file of a clean split can be named as --root of its data set, best beside the published one:
    swath leaks rsitmd=DIR rsicd=DIR2 --clean rsitmd:train --write DIR/clean.json
    """
    from swath.evaluation import clean_split, report_json, write_split

    if (clean is None) != (split_file is None) or (clean is None and (against or name)):
        raise click.UsageError("a clean split takes --clean NAME:SPLIT and --write FILE")
    named = _named(sets)
    report = _compare(named, not no_pictures, settings.quiet)
    if clean is not None and split_file is not None:
        called = name or f"{clean.rpartition(':')[2]}-clean"
        made = clean_split(
            report, named, _part(clean), name=called, against=tuple(_part(one) for one in against)
        )
        write_split(made, split_file, clean.partition(":")[0].partition("#")[0])
        if not settings.quiet:
            note(f"{split_file}: split {called}, {_left(made)}")
    if is_all_said(report_json(report), report_file):
        return
    _say_report(report)


@click.command("union", short_help="Make one training split of several data sets.")
@click.argument("sets", nargs=-1, required=True, metavar="NAME=DIR...")
@click.option("--out", required=True, type=PATH, metavar="DIR", help="The folder to make.")
@click.option("--split", default="train", show_default=True, metavar="S", help="Which split of each set.")
@click.option(
    "--tied",
    type=click.Choice(("refuse", "drop", "keep")),
    default="refuse",
    show_default=True,
    help="What to do about images that are in a test split of any of the sets.",
)
@_PICTURES
@common
@click.pass_obj
def union_command(
    settings: Settings, sets: tuple[str, ...], out: Path, split: str, tied: Tied, no_pictures: bool
) -> None:
    """Make one training split of data sets, each given as NAME=DIR, in the manner of RET-2 and RET-3.

    It refuses when the sets tie training images to test images, unless --tied says what to do about them;
    the file that is written says what was done, and by which leak report. Pictures are linked, not copied.
    swath.captions.load("captions", DIR, "train") and recipes (--data captions=DIR) read it.
    """
    from swath.evaluation import union, write_union

    named = _named(sets)
    report = _compare(named, not no_pictures, settings.quiet)
    made = union(report, named, split=split, tied=tied)
    pictures = {called: annotations.folder for called, _, annotations in named}
    write_union(made, out, "+".join(pictures), pictures)
    say(f"{out}: {split}, {_left(made)}")
    say(f"leak report {report.digest}")


def _named(sets: tuple[str, ...]) -> list[tuple[str, str, Annotations]]:
    from swath.captions import read

    named: list[tuple[str, str, Path]] = []
    for given in sets:
        dataset, equals, folder = given.partition("=")
        if not equals or not folder:
            raise click.BadParameter(f"'{given}' is not NAME=DIR", param_hint="NAME=DIR")
        again = sum(dataset == other for _, other, _ in named)
        named.append((f"{dataset}#{again + 1}" if again else dataset, dataset, Path(folder)))
    return [(name, dataset, read(dataset, folder)) for name, dataset, folder in named]


def _compare(named: list[tuple[str, str, Annotations]], pictures: bool, quiet: bool) -> LeakReport:
    from swath.evaluation import find_leaks

    with progress(quiet) as shown:
        report = find_leaks(named, pictures=pictures, progress=shown)
    if report.unreadable and not quiet:
        name, reason = report.unreadable[0]
        note(f"{len(report.unreadable):,} pictures cannot be read, the first {name}: {reason}")
    return report


def _part(given: str) -> str:
    name, colon, split = given.partition(":")
    if not (name and colon and split):
        raise click.BadParameter(f"'{given}' is not NAME:SPLIT", param_hint="NAME:SPLIT")
    return f"{name} {split}"


def _left(made: MadeSplit) -> str:
    words = f"{len(made.records):,} images, {len(made.dropped):,} left out"
    return f"{words}, {len(made.kept):,} kept though test splits hold them" if made.kept else words


def _say_report(report: LeakReport) -> None:
    columns = ("images", "captioned", "pictures", "captions", "distinct", "shared %", "ceiling mR")
    rows = [
        (
            one.name,
            f"{one.images:,}",
            f"{one.captioned:,}",
            f"{one.pictures:,}",
            f"{one.counts.captions:,}",
            f"{one.counts.distinct:,}",
            f"{one.counts.shared_percent:.1f}",
            "" if one.ceiling is None else f"{one.ceiling.mr:.1f}",
        )
        for one in report.parts
    ]
    say_table(("part", *columns), rows, right=columns)
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
