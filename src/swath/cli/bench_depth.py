"""`swath bench depth`: how many candidates a rerank stage should look at."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import Settings, common
from swath.cli.output import say, say_table
from swath.cli.progress import progress
from swath.errors import InputError


@click.command("depth", short_help="How many candidates to rerank.")
@click.argument("sets", nargs=-1, required=True, metavar="NAME:SPLIT=FOLDER...")
@click.option("--encoder", default="base", show_default=True, metavar="E", help="Name or folder.")
@click.option("--recall", default="dense", show_default=True, metavar="STAGE", help="What finds candidates.")
@click.option("--rerank", default="btgi", show_default=True, metavar="STAGE", help="What reorders them.")
@common
@click.pass_obj
def depth_command(settings: Settings, sets: tuple[str, ...], encoder: str, recall: str, rerank: str) -> None:
    """Rerank the first 0, 5, 10, 20 ... candidates on validation SETS such as rsicd:val=FOLDER, and choose K.

    K is the smallest from which on reranking more gains nothing: on every set the 95 % interval of the
    difference to reranking everything reaches 0, and at least 99 % of its mR are kept.
    """
    from swath import encoders
    from swath.captions import load
    from swath.evaluation.depth import choose_depth, measure_depths

    model = encoders.load(encoder, settings.threads)
    measured = []
    for name, _, folder in (item.partition("=") for item in sets):
        dataset, _, split = name.partition(":")
        if not folder or not split:
            raise InputError(f"a set is written NAME:SPLIT=FOLDER, such as rsicd:val=RSICD, not {name}")
        with progress(settings.quiet) as shown:
            data = load(dataset, Path(folder), split)
            measured.append(measure_depths(data, model, recall, rerank, progress=shown))
        rows = [
            (
                name,
                "all" if one.k is None else str(one.k),
                f"{one.mr:.2f}",
                f"{one.gap[0]:+.2f} to {one.gap[1]:+.2f}",
                f"{one.recall_i2t:.1f}",
                f"{one.recall_t2i:.1f}",
            )
            for one in measured[-1]
        ]
        say_table(
            ("set", "K", "mR", "to all, 95 %", "found i2t", "found t2i"),
            rows,
            right=("K", "mR", "found i2t", "found t2i"),
        )
    chosen = choose_depth(measured)
    words = {None: "rerank everything", 0: "none, reranking gains nothing beyond chance"}
    say(f"K: {words.get(chosen, chosen)}")
