"""`swath bench scan`: exact scans beside faiss and the bandwidth of the memory."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common, numbers
from swath.cli.output import is_all_said, say, say_facts, say_table
from swath.cli.progress import progress

_COUNT = click.IntRange(min=1)
_HEADER = ("tiles", "method", "bytes/tile", "p50", "fastest", "floor", "p50/floor", "batch ns", "agrees")
_NUMBERS = tuple(name for name in _HEADER if name != "method")


@click.command("scan", short_help="Exact scans beside faiss, and the floor.")
@click.option(
    "--tiles",
    default="10000,100000",
    show_default=True,
    callback=numbers(int),
    metavar="N,N,...",
    help="Numbers of random vectors.",
)
@click.option("--dim", default=512, show_default=True, type=_COUNT, help="Numbers per vector.")
@click.option("-k", default=20, show_default=True, type=_COUNT, help="Hits for each query.")
@click.option("--calls", default=20, show_default=True, type=_COUNT, help="Single queries to time.")
@click.option(
    "--json", "result_file", type=PATH, metavar="FILE", help="Write the result as JSON; - is stdout."
)
@common
@click.pass_obj
def scan_command(
    settings: Settings,
    tiles: tuple[int, ...],
    dim: int,
    k: int,
    calls: int,
    result_file: Path | None,
) -> None:
    """Time exact scans of random unit vectors: ours, those of faiss, and what the memory allows.

    Times are milliseconds of one query, and nanoseconds for a query and a tile in batches of 32. The floor is
    the time in which memory gives the bytes that are scanned. Needs the extra `bench`.
    """
    from swath.evaluation.scan import measure_scans, scans_json

    with progress(settings.quiet) as shown:
        result = measure_scans(tiles, dim=dim, k=k, calls=calls, threads=settings.threads, progress=shown)
    if is_all_said(scans_json(result), result_file):
        return
    say(f"{result.dim} numbers per vector, {result.k} hits, {result.threads} threads, ms")
    rows = [
        (
            f"{one.tiles:,}",
            one.method,
            f"{one.bytes_per_tile:,}",
            f"{one.single:.2f}",
            f"{one.best:.2f}",
            f"{one.floor:.2f}",
            f"{one.single / one.floor:.2f}",
            f"{one.batch:.1f}",
            f"{one.agreement:.3f}",
        )
        for one in result.scans
    ]
    say_table(_HEADER, rows, right=_NUMBERS)
    say_facts([("memory", f"{result.bandwidth / 1e9:.1f} GB/s, read by {result.threads} threads")])
