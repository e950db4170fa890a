"""`swath export`: from torch to a folder that needs none, and what was lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import say, say_table, size
from swath.cli.progress import progress
from swath.cli.train import needing_torch

if TYPE_CHECKING:
    from swath.training.exporting import Exported


@click.command("export", short_help="Turn a training run, or an open_clip model, into an encoder folder.")
@click.argument("source", metavar="RUN|open_clip:ARCH@FILE")
@click.option(
    "--out",
    type=PATH,
    metavar="DIR",
    help="The folder to make; of heads, their encoder's (default: where it is installed).",
)
@click.option("--name", metavar="N", help="The encoder's name (default: the folder's).")
@click.option(
    "--precision",
    type=click.Choice(["int8", "fp16", "fp32"]),
    default="int8",
    show_default=True,
    help="How weights are stored; all of them compute in fp32.",
)
@click.option(
    "--on",
    multiple=True,
    metavar="DATASET=DIR",
    help="Measure on its val split what the precision costs (several times).",
)
@common
@click.pass_obj
def export_command(
    settings: Settings, source: str, out: Path | None, name: str | None, precision: str, on: tuple[str, ...]
) -> None:
    """Turn a finished training RUN, or a model of open_clip, into an encoder folder that needs no torch.

    It holds ONNX graphs, tokenizer and card. How near its vectors are to those of the source is printed. Name
    the folder as --encoder, or put it below encoders/ in the user's data folder to use it by name. Heads
    (cfitr, sgpd) go into the folder of the encoder that they were trained on, heads/ in it.

    \b
      swath export runs/mine --out mine
      swath export open_clip:ViT-B-32@RemoteCLIP-ViT-B-32.pt --out remoteclip --precision fp16
    """
    with needing_torch():
        from swath.training.exporting import are_heads, export_encoder
        from swath.training.run import export_run

        if are_heads(source):
            say(f"made {export_run(Path(source), out, name)}")
            return
        if out is None:
            raise click.UsageError("name the encoder folder to make (--out)")
        made = export_encoder(source, out, name=name, precision=precision, threads=settings.threads)
    say(f"made {made.folder} ({size(made.bytes)}, weights in {precision})")
    for what, (least, mean) in (("pictures", made.pictures), ("texts", made.texts)):
        say(f"{what}: cosine with the source {least:.5f} at least, {mean:.5f} on average")
    if on:
        _say_loss(settings, made, on)


def _say_loss(settings: Settings, made: Exported, on: tuple[str, ...]) -> None:
    from swath import encoders
    from swath.captions import load
    from swath.cli.train import pair
    from swath.evaluation import evaluate

    after = encoders.load(made.folder, settings.threads)
    rows = []
    for item in on:
        dataset, folder = pair(item, "--on")
        data = load(dataset, Path(folder), "val")
        with progress(settings.quiet) as shown:
            was, now = (evaluate(data, one, progress=shown).mr for one in (made.reference, after))
        rows.append((f"{dataset} val", f"{was:.2f}", f"{now:.2f}", f"{now - was:+.2f}"))
    say_table(
        ("data", "source", "exported", "change of mR"), rows, right=("source", "exported", "change of mR")
    )
