"""`swath calibrate`: probabilities for the scores of an encoder, fitted and written into its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say_table
from swath.cli.progress import progress

if TYPE_CHECKING:
    from swath.captions import CaptionedSet
    from swath.evaluation.calibration import Reliability

_HEADER = ("pipeline", "query", "queries", "intercept", "raw", "dense", "prior", "error")


@click.command("calibrate", short_help="Fit probabilities to the scores of an encoder.")
@click.argument("encoder")
@click.option(
    "--data",
    required=True,
    multiple=True,
    metavar="NAME:SPLIT:DIR",
    help="A split of a captioned data set that the encoder was not trained on; several times for several.",
)
@click.option(
    "--prior",
    default=0.01,
    show_default=True,
    metavar="P",
    help="Share of the pairs of a query and a tile that match.",
)
@click.option("--pipeline", "specs", multiple=True, metavar="SPEC", help="Default: dense, and ftf if it can.")
@click.option("--plot", type=PATH, metavar="FILE", help="Write the reliability diagram: .svg.")
@click.option("--write", is_flag=True, help="Write the fits into the card of the encoder's folder.")
@common
@click.pass_obj
def calibrate_command(
    settings: Settings,
    encoder: str,
    data: tuple[str, ...],
    prior: float,
    specs: tuple[str, ...],
    plot: Path | None,
    write: bool,
) -> None:
    """Fit the probability that a tile matches to the scores of ENCODER, a name or a folder.

    The fits are what `--min-score` and the scores of hits stand on. The error is how far the probabilities of
    the 20 best tiles are off on average, for queries that were not fitted: docs/calibration.md says more.
    """
    import msgspec

    from swath import encoders
    from swath.evaluation.calibration import calibrate
    from swath.evaluation.plots import write_plot
    from swath.evaluation.reliability import reliability_chart
    from swath.search import parse

    model = encoders.load(encoder, settings.threads)
    card = getattr(model, "presets", {})
    names = specs or ("dense", *(["ftf"] if "ftf" in card else []))
    pipelines = [(name, parse(name, card)) for name in names]
    datasets = [_load(given) for given in data]
    with progress(settings.quiet) as shown:
        found = calibrate(datasets, model, pipelines, prior=prior, progress=shown)
    say_table(_HEADER, [_row(one) for one in found], right=_HEADER[2:])
    if plot is not None:
        write_plot(reliability_chart(found), plot)
    if write:
        folder = model.folder
        if folder is None:
            raise click.UsageError(f"{encoder} has no folder, so there is no card to write")
        before = encoders.read_card(folder)
        fits = {name: dict(kinds) for name, kinds in before.calibration.items()}
        for one in found:
            fits.setdefault(one.pipeline, {})[one.kind] = one.fit
        encoders.write_card(msgspec.structs.replace(before, calibration=fits), folder)
        if not settings.quiet:
            note(f"written into {folder / 'card.json'}")


def _load(given: str) -> CaptionedSet:
    from swath.evaluation.guard import load_to_choose

    name, _, rest = given.partition(":")
    split, _, root = rest.partition(":")
    if not root:
        raise click.BadParameter(f"'{given}' is not NAME:SPLIT:DIR, such as rsicd:val:data/rsicd")
    return load_to_choose(name, Path(root), split)


def _row(one: Reliability) -> tuple[str, ...]:
    fit = one.fit
    return (
        one.pipeline,
        one.kind,
        f"{fit.queries:,}",
        *(f"{value:.3f}" for value in (fit.intercept, fit.raw, fit.dense)),
        f"{fit.prior:g}",
        f"{fit.error:.4f}",
    )
