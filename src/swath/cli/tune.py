"""`swath tune`: the recall that a user gets, and the fastest search that gives it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say, say_json, say_table
from swath.cli.progress import progress
from swath.errors import InputError

if TYPE_CHECKING:
    from swath.encoders import Head

_COLUMNS = ("pipeline", "recall@10", "at least", "covered", "ms", "tiles")


@click.command("tune", short_help="Measure how much faster searches find, and choose one.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.option(
    "--recall",
    default=0.99,
    show_default=True,
    metavar="R",
    help="Of the exact 10 best that auto shall find.",
)
@click.option("--queries", type=PATH, metavar="FILE", help="Text queries, one a line, like those to come.")
@click.option("--data", metavar="NAME=FOLDER", help="Or the captions of a data set's validation split.")
@click.option("--pipeline", "pipelines", multiple=True, metavar="SPEC", help="Measure this one as well.")
@click.option("--lists", "count", type=click.IntRange(min=1), metavar="N", help="Lists to build.")
@click.option("--head", type=PATH, metavar="DIR", help="The word head to use, such as RUN/head.")
@click.option("--rebuild", is_flag=True, help="Build the lists again.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@common
@click.pass_obj
def tune_command(
    settings: Settings,
    path: Path,
    recall: float,
    queries: Path | None,
    data: str | None,
    pipelines: tuple[str, ...],
    count: int | None,
    head: Path | None,
    rebuild: bool,
    as_json: bool,
) -> None:
    """Put the tiles of ARCHIVE into lists, calibrate them, and measure recall against exact search.

    What was found is written into the archive, and --pipeline auto follows it: the fastest search whose
    recall is at least what was asked, with 95 % confidence. Without queries of yours, questions about what
    is seen from above are made up; promises of coverage are about queries like those that were given.
    """
    from dataclasses import asdict

    from swath.archive import open_store
    from swath.evaluation.questions import questions
    from swath.evaluation.tuning import tune
    from swath.serving.encoder import encoder_of

    texts, groups = _queries(queries, data)
    store = open_store(path)
    encoder = encoder_of(store, settings.threads)
    with progress(settings.quiet) as shown:
        found = tune(
            store,
            encoder,
            texts or questions(400),
            recall=recall,
            groups=groups,
            pipelines=pipelines,
            count=count,
            head=None if head is None else _head(head, encoder.revision),
            rebuild=rebuild,
            threads=settings.threads,
            progress=shown,
        )
    if as_json:
        say_json(asdict(found))
        return
    rows = [
        (
            one.pipeline,
            f"{one.recall:.4f}",
            f"{one.lower:.4f}",
            f"{100 * one.covered:.1f} %",
            f"{one.milliseconds:.2f}",
            f"{one.rows:,.0f}",
        )
        for one in found.measured
    ]
    say_table(_COLUMNS, rows, right=_COLUMNS[1:])
    say(f"auto runs {found.chosen} for words from now on: recall {found.asked:g} was asked")
    if not settings.quiet:
        made_up = "" if texts else ", made up"
        note(f"{found.queries} queries measured{made_up}; as many others calibrated")


def _queries(file: Path | None, data: str | None) -> tuple[tuple[str, ...], list[int] | None]:
    """Texts, and which picture each belongs to; nothing where nothing was given."""
    if file is not None and data is not None:
        raise click.UsageError("give --queries or --data, not both")
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file} cannot be read as text: {error}") from error
        return tuple(dict.fromkeys(line.strip() for line in lines if line.strip())), None
    if data is None:
        return (), None
    from swath.evaluation.guard import load_to_choose

    name, equals, folder = data.partition("=")
    if not equals:
        raise click.UsageError(f"--data {data}: give NAME=FOLDER")
    captions = load_to_choose(name, Path(folder), "val")
    pairs = dict.fromkeys(
        (text, number)
        for number, image in enumerate(captions.images)
        for text in image.captions
        if text.strip()
    )
    return tuple(text for text, _ in pairs), [number for _, number in pairs]


def _head(folder: Path, revision: str) -> Head:
    import msgspec

    from swath.encoders import Head, HeadCard

    try:
        card = msgspec.json.decode((folder / "card.json").read_bytes(), type=HeadCard)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{folder} is no head: {error}") from error
    if card.encoder != revision:
        raise InputError(
            f"the head {folder} belongs to revision {card.encoder[:12]} of an encoder, and the archive was "
            f"made by revision {revision[:12]}: train it on that one (swath train sgpd)"
        )
    return Head(folder, card)
