"""`swath bench cold`: a new process until its answer, and indexing beside the bare model."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import is_all_said, say_facts

_COUNT = click.IntRange(min=1)


@click.command("cold", short_help="New processes, and indexing beside the bare model.")
@click.argument("archive", required=False, type=PATH)
@click.option(
    "--tiles", default=10_000, show_default=True, type=_COUNT, help="Without ARCHIVE: tiles of a made one."
)
@click.option(
    "--encoder", default="base", show_default=True, metavar="E", help="Name or folder of the encoder."
)
@click.option("--runs", default=7, show_default=True, type=_COUNT, help="New processes of each kind.")
@click.option(
    "--pictures",
    default=96,
    show_default=True,
    type=click.IntRange(min=0),
    help="Pictures to index; 0 leaves indexing out.",
)
@click.option(
    "--json", "result_file", type=PATH, metavar="FILE", help="Write the result as JSON; - is stdout."
)
@common
@click.pass_obj
def cold_command(
    settings: Settings,
    archive: Path | None,
    tiles: int,
    encoder: str,
    runs: int,
    pictures: int,
    result_file: Path | None,
) -> None:
    """Time a search in new processes of ARCHIVE, or of an archive of random vectors made for it.

    They take turns with processes that only import numpy, onnxruntime, tokenizers and lance; the ratio is
    that of the medians. Indexing and encoding are compared with the model's sessions alone.
    """
    import msgspec

    from swath import encoders
    from swath.evaluation.cold import archive_of, measure_cold, measure_throughput, result_of

    model = encoders.load(encoder, settings.threads)
    if archive is not None:
        cold = measure_cold(archive, runs)
    else:
        with archive_of(tiles, model) as made:
            cold = measure_cold(made, runs)
    throughput = None
    if pictures:
        if not isinstance(model, encoders.OnnxEncoder):
            raise click.UsageError(f"{encoder} is no encoder of ONNX files: give --pictures 0")
        throughput = measure_throughput(model, pictures, settings.threads)
    result = result_of(cold, throughput)
    written = msgspec.json.format(msgspec.json.encode(result).decode(), indent=2)
    if is_all_said(written, result_file):
        return
    facts = [
        ("search", f"{cold.search:.2f} s from start to end, {cold.tiles:,} tiles, median of {cold.runs}"),
        ("imports", f"{cold.bare:.2f} s for numpy, onnxruntime, tokenizers and lance alone"),
        ("ratio", f"{cold.ratio:.2f}"),
        ("first", f"{cold.first:.2f} s, the first search of the archive"),
    ]
    if throughput is not None:
        by = throughput
        facts += [
            ("index", f"{by.index:.1f} pictures/s, {by.index / by.bare_images:.2f} of the bare session"),
            ("texts", f"{by.texts:.0f} texts/s, {by.texts / by.bare_texts:.2f} of the bare session"),
        ]
    say_facts(facts)
