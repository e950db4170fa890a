"""`swath leaderboard`: what was published on a data set, with ours among it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, note, say, say_table
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
@click.argument("dataset", required=False)
@click.option(
    "--setting",
    type=click.Choice(("closed", "open", "two-stage", "hashing")),
    help="Only this setting; hashing has a table of its own, by mean average precision.",
)
@click.option("--backbone", metavar="TEXT", help="Only backbones with this text in their name, such as clip.")
@click.option(
    "--certainty",
    type=click.Choice(("seen-in-paper", "seen-in-readme", "secondary")),
    help="Only rows read in such a place.",
)
@click.option(
    "--with", "files", type=PATH, multiple=True, metavar="FILE", help="A result file to show among them."
)
@click.option(
    "--check", type=PATH, multiple=True, metavar="FILE", help="Check a file of new rows; nothing else."
)
@click.option("--json", "as_json", is_flag=True, help="Write a list of rows as JSON.")
@common
@click.pass_obj
def leaderboard_command(
    settings: Settings,
    dataset: str | None,
    setting: str | None,
    backbone: str | None,
    certainty: str | None,
    files: tuple[Path, ...],
    check: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show the published rows of DATASET (rsicd, rsitmd, ucm, nwpu; sydney for hashing), best mR first.

    mR is the mean of the six recalls wherever all six are known. Rows marked ! were chosen on the test split,
    trained on a union that may hold test images, come from a doubtful protocol, or print a mean that
    contradicts their six values; rows of your own result files are marked >.
    """
    import msgspec

    from swath.evaluation import CEILINGS, FLAGS, check_rows, standings

    for file in check:
        say(f"{file}: {count(check_rows(file), 'row')}, nothing wrong")
    if check:
        return
    if dataset is None:
        raise click.UsageError("name a data set, or files to --check")
    if setting == "hashing":
        if backbone or files:
            raise click.UsageError("rows of hashing take no --backbone and no --with")
        _show_hashing(dataset, certainty, as_json, settings.quiet)
        return
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


def _show_hashing(dataset: str, certainty: str | None, as_json: bool, quiet: bool) -> None:
    import msgspec

    from swath.evaluation import hashing
    from swath.evaluation.leaderboard.hashing_rows import FLAGS

    rows = hashing(dataset, certainty=certainty)
    if as_json:
        say(json.dumps(msgspec.to_builtins(rows), indent=2))
        return
    header = ("method", "year", "bits", "noise %", "metric", "I2T", "T2I", "read in", "flags")
    cells = [
        (
            row.method,
            str(row.year),
            str(row.bits or ""),
            f"{row.noise:g}",
            row.metric,
            f"{row.i2t:.4f}",
            f"{row.t2i:.4f}",
            _READ_IN[row.certainty],
            " ".join(row.flags),
        )
        for row in rows
    ]
    say_table(header, cells, right=("year", "bits", "noise %", "I2T", "T2I"), wrap=("method", "flags"))
    if not quiet:
        for flag in sorted({flag for row in rows for flag in row.flags}):
            note(f"{flag}: {FLAGS[flag]}")
        if not rows:
            note("no published row fits")


def _retrieval(file: Path) -> EvalResult:
    from swath.evaluation import EvalResult, read_result

    result = read_result(file)
    if not isinstance(result, EvalResult):
        raise InputError(f"{file} is no result of retrieval: it has no place on a leaderboard")
    return result


def _cells(row: Standing) -> tuple[str, ...]:
    i2t, t2i = (row.i2t.r1, row.i2t.r5, row.i2t.r10), (row.t2i.r1, row.t2i.r5, row.t2i.r10)
    return (
        ">" if row.certainty == "measured" else "!" if row.suspect else "",
        row.method,
        str(row.year or ""),
        _percent(row.mr),
        _direction(i2t, row.i2t_mean),
        _direction(t2i, row.t2i_mean),
        row.setting or "",
        _READ_IN[row.certainty],
        row.backbone or "",
        " ".join(row.flags),
    )


def _direction(recalls: tuple[float | None, ...], mean: float | None) -> str:
    if mean is not None and recalls == (None, None, None):
        return f"mean {mean:.2f}"
    return " ".join(map(_percent, recalls))


def _percent(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.2f'):>5}"
