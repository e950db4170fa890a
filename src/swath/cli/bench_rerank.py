"""`swath bench rerank`: what the interaction costs for one query."""

from __future__ import annotations

import click

from swath.cli.options import Settings, common, numbers
from swath.cli.output import note, say_table

_HEADER = ("tokens", "K", "method", "bytes/tile", "p50 ms", "fastest ms")


@click.command("rerank", short_help="Reranking by tokens beside torch and MaxSim.")
@click.option(
    "-k",
    "ks",
    default="50,100,200",
    show_default=True,
    callback=numbers(int),
    metavar="K,K,...",
    help="Numbers of candidates.",
)
@click.option("--calls", default=100, show_default=True, type=click.IntRange(min=1), help="Queries to time.")
@common
@click.pass_obj
def rerank_command(settings: Settings, ks: tuple[int, ...], calls: int) -> None:
    """Time BTGI for one query over K candidates of random tokens, on one thread.

    Ours reads int8 tokens: in NumPy, and compiled where numba (the extra `fast`) is installed. Beside it are
    the same formula in torch and MaxSim late interaction, both over tokens kept in fp32. Needs the extra
    `train`.
    """
    from swath.cli.train import needing_torch

    with needing_torch():
        from swath.training.rerank_speed import measure_rerank

    rows = [
        (
            f"{one.tokens} x {one.width}",
            str(one.k),
            one.method,
            f"{one.bytes_per_tile:,}",
            f"{one.p50:.3f}",
            f"{one.fastest:.3f}",
        )
        for one in measure_rerank(ks, calls=calls)
    ]
    say_table(_HEADER, rows, right=("K", "bytes/tile", "p50 ms", "fastest ms"))
    if not settings.quiet:
        note("gathering the candidates from memory is part of every time; bytes count the global row")
