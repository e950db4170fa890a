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

_HEADER = (
    "",
    "method",
    "year",
    "mR",
    "I2T R@1 5 10",
    "T2I R@1 5 10",
    "setting",
    "read in",
    "backbone",
    "flags",
)
_NUMBERS = ("year", "mR", "I2T R@1 5 10", "T2I R@1 5 10")
_READ_IN = {"seen-in-paper": "paper", "seen-in-readme": "readme", "secondary": "quoted", "measured": "ours"}


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
    trained on a union that may hold test images, come from a doubtful protocol, or print a mean that
    contradicts their six values; rows of your own result files are marked >.
    """
    import msgspec

    from swath.evaluation import CEILINGS, FLAGS, standings

    rows = standings(
        dataset,
        setting=setting,
        backbone=backbone,
        certainty=certainty,
        ours=[(str(file), _retrieval(file)) for file in files],
    )
    if as_json:
        say(json.dumps(msgspec.to_builtins(rows), indent=2))
        return
    say_table(_HEADER, [_cells(row) for row in rows], right=_NUMBERS, wrap=("method", "backbone", "flags"))
    say(f"ceiling of {dataset} test, where captions repeat: mR {CEILINGS[dataset]:.1f}")
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
    return (
        ">" if row.certainty == "measured" else "!" if row.suspect else "",
        row.method,
        str(row.year or ""),
        _percent(row.mr),
        " ".join(map(_percent, (row.i2t.r1, row.i2t.r5, row.i2t.r10))),
        " ".join(map(_percent, (row.t2i.r1, row.t2i.r5, row.t2i.r10))),
        row.setting or "",
        _READ_IN[row.certainty],
        row.backbone or "",
        " ".join(row.flags),
    )


def _percent(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.2f'):>5}"
