"""`swath bench indexing`: from rasters to a committed archive, part by part."""

from __future__ import annotations

import os
from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import is_all_said, say_facts, size

_COUNT = click.IntRange(min=1)


@click.command("indexing", short_help="From rasters to a committed archive, part by part.")
@click.argument("scenes", nargs=-1, required=True, type=PATH, metavar="SCENE...")
@click.option("--tiles", default=256, show_default=True, type=_COUNT, help="Tiles to index.")
@click.option(
    "--reads", default=2048, show_default=True, type=_COUNT, help="Tiles to read and commit without encoding."
)
@click.option(
    "--encoder", default="base", show_default=True, metavar="E", help="Name or folder of the encoder."
)
@click.option("--tile-size", default=256, show_default=True, type=_COUNT, help="Side of a window, in pixels.")
@click.option("--levels", default=1, show_default=True, type=_COUNT, help="Levels of the pyramid.")
@click.option(
    "--json", "result_file", type=PATH, metavar="FILE", help="Write the result as JSON; - is stdout."
)
@common
@click.pass_obj
def indexing_command(
    settings: Settings,
    scenes: tuple[Path, ...],
    tiles: int,
    reads: int,
    encoder: str,
    tile_size: int,
    levels: int,
    result_file: Path | None,
) -> None:
    """Index tiles of rasters into an archive that is thrown away, and time its parts.

    Beside it, in the same run: the image session alone, rasterio alone with one handle and with one for each
    thread, and reading and committing with an encoder that costs nothing. Checksums of the files are timed
    apart. Memory is the peak of the process while the first tiles were indexed.
    """
    import msgspec

    from swath import encoders
    from swath.evaluation.indexing import measure_indexing
    from swath.imagery import Tiling

    threads = settings.threads or len(os.sched_getaffinity(0))
    model = encoders.load(encoder, settings.threads)
    if not isinstance(model, encoders.OnnxEncoder):
        raise click.UsageError(f"{encoder} is no encoder of ONNX files")
    by = measure_indexing(
        scenes,
        model,
        tiles=tiles,
        reads=reads,
        tiling=Tiling(size=tile_size, levels=levels),
        threads=threads,
    )
    if is_all_said(msgspec.json.format(msgspec.json.encode(by).decode(), indent=2), result_file):
        return
    checked = f"{size(by.digest_bytes)} in {by.digest_seconds:.1f} s"
    say_facts(
        [
            ("scenes", f"{by.scenes}, {by.pixels / 1e6:,.0f} megapixels; checksums: {checked}"),
            ("index", f"{by.index:.1f} tiles/s, {by.tiles:,} tiles by {threads} threads"),
            ("of the bare session", f"{by.index / by.bare_session:.2f} ({by.bare_session:.1f} tiles/s)"),
            ("a tile", f"read {by.read:.1f} ms, encode {by.encode:.1f} ms, write {by.write:.1f} ms"),
            ("waiting", f"{by.wait:.1f} ms a tile, for which the encoder had nothing to do"),
            *(
                (f"without encoding, {number}", f"{rate:,.0f} tiles/s, read and committed")
                for number, rate in by.free_index.items()
            ),
            *(
                (f"rasterio alone, {number}", f"{rate:,.0f} windows/s")
                for number, rate in by.bare_reads.items()
            ),
            ("memory", f"{size(by.peak_bytes)} at the peak, encoder included"),
        ]
    )
