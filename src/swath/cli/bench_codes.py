"""`swath bench codes`: what binary codes keep, for how many bytes."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common, numbers
from swath.cli.output import is_all_said, say, say_table
from swath.cli.progress import progress


@click.command("codes", short_help="Recall against bytes of binary codes.")
@click.argument("dataset")
@click.option("--root", required=True, type=PATH, metavar="DIR", help="Its folder, in the published layout.")
@click.option("--split", default="val", show_default=True, metavar="S", help="Which part of it.")
@click.option(
    "--encoder", default="base", show_default=True, metavar="E", help="Name or folder of an encoder."
)
@click.option(
    "--bits",
    default="16,32,64,128,256",
    show_default=True,
    callback=numbers(int),
    metavar="N,N,...",
    help="Widths of the codes.",
)
@click.option("--no-bias", is_flag=True, help="Leave out the rows with a hubness bias.")
@click.option(
    "--json", "result_file", type=PATH, metavar="FILE", help="Write the result as JSON; - is stdout."
)
@common
@click.pass_obj
def codes_command(
    settings: Settings,
    dataset: str,
    root: Path,
    split: str,
    encoder: str,
    bits: tuple[int, ...],
    no_bias: bool,
    result_file: Path | None,
) -> None:
    """Measure codes of every width on DATASET (see `swath eval`) beside exact dense search.

    For each: bytes per tile, mR, and the share of queries whose right item is among the first K, which is
    all that a reranker can find. Where images have classes, mAP@20 by class follows, counted in two ways.
    Recalls are in per cent under the strict protocol.
    """
    from swath import encoders
    from swath.captions import load
    from swath.evaluation.coding import CANDIDATES, codes_json, measure_codes

    captioned = load(dataset, root, split)
    model = encoders.load(encoder, settings.threads)
    with progress(settings.quiet) as shown:
        result = measure_codes(
            captioned, model, widths=bits, biases=("none",) if no_bias else ("none", "ppsr"), progress=shown
        )
    if is_all_said(codes_json(result), result_file):
        return
    say(
        f"{result.dataset} {result.split} ({result.protocol}): {result.images:,} images, "
        f"{result.captions:,} captions, encoder {result.encoder.name} ({result.encoder.revision[:12]})"
    )
    header = ("signal", "bytes/tile", "mR", *(f"{way}@{k}" for way in ("i2t", "t2i") for k in CANDIDATES))
    rows = [
        (
            one.pipeline,
            f"{one.bytes_per_tile:,.0f}",
            f"{one.mr:.2f}",
            *(f"{shares[k]:.1f}" for shares in (one.i2t, one.t2i) for k in CANDIDATES),
        )
        for one in result.signals
    ]
    say_table(header, rows, right=header[1:])
    if result.labels:
        say(f"classes: {result.labelled:,} images, mAP@20")
        table = [(f"{one.bits}", one.protocol, f"{one.i2t:.3f}", f"{one.t2i:.3f}") for one in result.labels]
        say_table(("bits", "protocol", "i2t", "t2i"), table, right=("bits", "i2t", "t2i"))
