"""`swath bench latency`: from a string to hits, part by part."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import is_all_said, say, say_table
from swath.cli.progress import progress

_COUNT = click.IntRange(min=1)
_HEADER = ("pipeline", "part", "p50 ms", "p95 ms")


@click.command("latency", short_help="From a string to hits, part by part.")
@click.argument("archive", type=PATH, required=False)
@click.option("--tiles", type=_COUNT, metavar="N", help="A gallery of so many random vectors instead.")
@click.option("--encoder", default="base", show_default=True, metavar="E", help="With --tiles: whose texts.")
@click.option(
    "--pipeline",
    "pipelines",
    multiple=True,
    metavar="SPEC",
    default=("dense", "auto"),
    show_default=True,
    help="What to time; several take turns.",
)
@click.option("-k", default=20, show_default=True, type=_COUNT, help="Hits for each query.")
@click.option("--calls", default=50, show_default=True, type=_COUNT, help="Questions to time.")
@click.option(
    "--json", "result_file", type=PATH, metavar="FILE", help="Write the result as JSON; - is stdout."
)
@common
@click.pass_obj
def latency_command(
    settings: Settings,
    archive: Path | None,
    tiles: int | None,
    encoder: str,
    pipelines: tuple[str, ...],
    k: int,
    calls: int,
    result_file: Path | None,
) -> None:
    """Time text queries of ARCHIVE, or of random vectors: encoding, every stage, and all of it.

    Each question is put to every pipeline before the next one, so that they share whatever the machine is
    busy with. Two questions of each come before those that count.
    """
    from swath import encoders
    from swath.archive import open_store
    from swath.evaluation.latency import latency_json, measure_latency
    from swath.evaluation.speed import random_gallery
    from swath.serving.encoder import encoder_of
    from swath.types import Gallery

    gallery: Gallery
    if (archive is None) == (tiles is None):
        raise click.UsageError("name an ARCHIVE, or give --tiles, and not both")
    if archive is not None:
        store = open_store(archive)
        gallery, name = store.gallery(), archive.resolve().name
        model = encoder_of(store, settings.threads)
    else:
        model = encoders.load(encoder, settings.threads)
        gallery, _ = random_gallery(tiles or 0, model.dim, frozenset({"dense", "tokens"}))
        name = "random"
    with progress(settings.quiet) as shown:
        result = measure_latency(
            gallery, name, model, pipelines, k=k, calls=calls, threads=settings.threads, progress=shown
        )
    if is_all_said(latency_json(result), result_file):
        return
    say(f"{result.gallery}: {result.tiles:,} tiles, encoder {result.encoder}, {result.calls} questions")
    rows = [
        (one.pipeline if part is one.parts[0] else "", part.name, f"{part.p50:.2f}", f"{part.p95:.2f}")
        for one in result.pipelines
        for part in one.parts
    ]
    say_table(_HEADER, rows, right=_HEADER[2:])
