"""`swath bench hamming`: exact search over codes beside faiss and usearch."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common, numbers
from swath.cli.output import is_all_said, say, say_facts, say_table
from swath.cli.progress import progress

_COUNT = click.IntRange(min=1)
_HEADER = ("codes", "method", "p50", "fastest", "floor", "p50/floor", "ns/code", "exact")
_NUMBERS = tuple(name for name in _HEADER if name != "method")


@click.command("hamming", short_help="Exact search over codes beside its peers.")
@click.option(
    "--codes",
    "sizes",
    default="10000,100000,1000000",
    show_default=True,
    callback=numbers(int),
    metavar="N,N,...",
    help="Numbers of random codes.",
)
@click.option("--bits", default="128", show_default=True, type=click.Choice(["64", "128", "256"]))
@click.option("-k", default=70, show_default=True, type=_COUNT, help="Hits for each query.")
@click.option("--calls", default=20, show_default=True, type=_COUNT, help="Queries to time.")
@click.option(
    "--json", "result_file", type=PATH, metavar="FILE", help="Write the result as JSON; - is stdout."
)
@common
@click.pass_obj
def hamming_command(
    settings: Settings,
    sizes: tuple[int, ...],
    bits: str,
    k: int,
    calls: int,
    result_file: Path | None,
) -> None:
    """Time exact Hamming search over random codes: ours, faiss, usearch, and what the memory allows.

    Times are milliseconds of one query on one thread. Needs the extra `bench`.
    """
    from swath.evaluation.hamming import hamming_json, measure_hamming

    with progress(settings.quiet) as shown:
        result = measure_hamming(sizes, bits=int(bits), k=k, calls=calls, progress=shown)
    if is_all_said(hamming_json(result), result_file):
        return
    say(f"{result.bits} bits, {result.k} hits, one thread, ms")
    rows = [
        (
            f"{one.codes:,}",
            one.method,
            f"{one.p50:.3f}",
            f"{one.best:.3f}",
            f"{one.floor:.3f}",
            f"{one.p50 / one.floor:.2f}",
            f"{1e6 * one.p50 / one.codes:.2f}",
            f"{one.exact:.2f}",
        )
        for one in result.speeds
    ]
    say_table(_HEADER, rows, right=_NUMBERS)
    say_facts([("memory", f"{result.bandwidth / 1e9:.1f} GB/s, read by one thread")])
