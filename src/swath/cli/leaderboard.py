"""`swath leaderboard`: what was published on a data set, with ours among it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say, say_table
from swath.errors import InputError

if TYPE_CHECKING:
    from swath.evaluation import EvalResult, Standing

_NUMBERS = ("I2T R@1", "R@5", "R@10", "T2I R@1", " R@5", " R@10", "mR")
_HEADER = ("", "method", "year", "setting", "backbone", *_NUMBERS, "certainty", "flags")


@click.command("leaderboard", short_help="Show what was published on a data set.")
@click.argument("dataset")
@click.option("--setting", type=click.Choice(("closed", "open", "two-stage")), help="Only this setting.")
@click.option("--backbone", metavar="TEXT", help="Only backbones with this text in their name, such as clip.")
@click.option(
    "--certainty",
    type=click.Choice(("seen-in-paper", "seen-in-readme", "secondary")),
    help="Only rows read in such a place.",
)
@click.option(
    "--with", "files", type=PATH, multiple=True, metavar="FILE", help="A result file to show among them."
)
@click.option("--json", "as_json", is_flag=True, help="Write a list of rows as JSON.")
@common
@click.pass_obj
def leaderboard_command(
    settings: Settings,
    dataset: str,
    setting: str | None,
    backbone: str | None,
    certainty: str | None,
    files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show the published rows of DATASET (rsicd, rsitmd, ucm, nwpu), best mR first.

    mR is the mean of the six recalls wherever all six are known. Rows marked ! were chosen on the test split,
    trained on a union that may hold test images, or print a mean that contradicts their six values; rows of
    your own result files are marked >.
    """
    import msgspec

    from swath.evaluation import FLAGS, leaderboard

    rows = leaderboard(
        dataset,
        setting=setting,
        backbone=backbone,
        certainty=certainty,
        ours=[(str(file), _retrieval(file)) for file in files],
    )
    if as_json:
        say(json.dumps(msgspec.to_builtins(rows), indent=2))
        return
    say_table(_HEADER, [_cells(row) for row in rows], right=("year", *_NUMBERS))
    used = {flag for row in rows for flag in row.flags if flag in FLAGS}
    if used and not settings.quiet:
        for flag in sorted(used):
            note(f"{flag}: {FLAGS[flag]}")
    if not rows and not settings.quiet:
        note("no published row fits")


def _retrieval(file: Path) -> EvalResult:
    from swath.evaluation import EvalResult, read_result

    result = read_result(file)
    if not isinstance(result, EvalResult):
        raise InputError(f"{file} is no result of retrieval: it has no place on a leaderboard")
    return result


def _cells(row: Standing) -> tuple[str, ...]:
    i2t, t2i = row.i2t, row.t2i
    values = (i2t.r1, i2t.r5, i2t.r10, t2i.r1, t2i.r5, t2i.r10, row.mr)
    mark = ">" if row.certainty == "measured" else "!" if row.suspect else ""
    return (
        mark,
        row.method,
        str(row.year or ""),
        row.setting or "",
        row.backbone or "",
        *("-" if value is None else f"{value:.2f}" for value in values),
        row.certainty,
        " ".join(row.flags),
    )
