"""`swath compare`: result files side by side; `swath judge`: runs of other tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say, say_table
from swath.errors import InputError

if TYPE_CHECKING:
    from swath.evaluation import Chosen, EvalResult, Result


@click.command("compare", short_help="Show result files side by side, with tests of significance.")
@click.argument("results", nargs=-1, type=PATH)
@click.option(
    "--format",
    "form",
    type=click.Choice(("terminal", "markdown", "latex", "html")),
    default="terminal",
    show_default=True,
    help="Form of the table.",
)
@click.option("--no-test", is_flag=True, help="Figures alone; allows results that do not belong together.")
@click.option("--plot", type=PATH, metavar="FILE", help="Draw a plot as SVG.")
@click.option(
    "--of",
    "what",
    type=click.Choice(("recall", "latency", "classes")),
    default="recall",
    show_default=True,
    help="The plot: recall against k, mR against latency, mR by scene class.",
)
@click.option(
    "--select",
    "selects",
    multiple=True,
    metavar="SPLIT",
    help="Choose a setting by this split and report it on test; again with test! for what that would claim.",
)
@click.option("--chosen", type=PATH, metavar="FILE", help="Write the result that the first --select chose.")
@click.option("--json", "as_json", is_flag=True, help="Write figures and tests as JSON.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of result files and do nothing else.")
@common
@click.pass_obj
def compare_command(
    settings: Settings,
    results: tuple[Path, ...],
    form: str,
    no_test: bool,
    plot: Path | None,
    what: str,
    selects: tuple[str, ...],
    chosen: Path | None,
    as_json: bool,
    schema: bool,
) -> None:
    """Show the figures of RESULT files, of any kind, and test each result of retrieval against the first.

    The test is paired over images: a permutation test for p, a bootstrap for the interval of the change, both
    with a fixed seed. It needs the same split, to the last caption, and the same protocol; with --select,
    which takes results of several settings on two splits, there is none.

    For --of latency, results of bench speed may stand among the others.
    """
    import msgspec

    from swath import evaluation

    if schema:
        say(json.dumps(evaluation.schema(), indent=2))
        return
    if not results:
        raise click.UsageError("name the result files to compare")
    names = _names(results)
    named = [(name, evaluation.read_result(file)) for name, file in zip(names, results, strict=True)]
    try:
        tested = {} if no_test or selects else evaluation.differences(named)
    except InputError as error:
        raise InputError(f"{error} (--no-test shows the figures all the same)") from error
    picked = [(by, evaluation.choose(_retrieval(named), by=by)) for by in selects]
    if chosen is not None:
        if not picked:
            raise click.UsageError("--chosen goes with --select")
        evaluation.write_result(picked[0][1].result, chosen)
    if plot is not None:
        draw = {
            "recall": evaluation.recall_chart,
            "latency": evaluation.latency_chart,
            "classes": evaluation.class_chart,
        }[what]
        evaluation.write_plot(draw(named), plot)
    if as_json:
        content = [{"name": name, **_without_ranks(msgspec.to_builtins(result))} for name, result in named]
        first = next((name for name, one in named if isinstance(one, evaluation.EvalResult)), None)
        changes = [
            {"first": first, "second": other, **msgspec.to_builtins(change)}
            for other, change in tested.items()
        ]
        selections = [
            {"by": by, "name": one.name, **_without_ranks(msgspec.to_builtins(one.result))}
            for by, one in picked
        ]
        say(json.dumps({"results": content, "differences": changes, "selections": selections}, indent=2))
        return
    for table in evaluation.tables(named, tested):
        if form == "terminal":
            say_table(
                table.header, table.rows, table.right, [n for n in table.header if n not in table.right]
            )
        else:
            say(evaluation.FORMATS[form](table.header, table.rows, table.right).rstrip("\n"))
    if picked:
        _say_chosen(picked)
    if tested and not settings.quiet:
        note(
            "mR change: against the first result, with a 95 % bootstrap interval over images; p: two-sided "
            f"permutation test over images, not corrected for {len(tested)} comparisons"
        )


@click.command("judge", short_help="Judge a TREC run by a qrels file.")
@click.argument("run", type=PATH)
@click.argument("qrels", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON.")
@common
def judge_command(run: Path, qrels: Path, as_json: bool) -> None:
    """Hit@1, 5 and 10 of a TREC RUN by the QRELS, in per cent, ties by expectation.

    Every query of the qrels with a right item counts, whether the run lists it or not.
    """
    from swath.evaluation import judge

    queries, ranks = judge(run, qrels)
    figures = {f"r{k}": 100.0 * float(ranks.hits(k).mean()) for k in (1, 5, 10)}
    if as_json:
        say(json.dumps({"queries": len(queries), **figures}, indent=2))
        return
    header = ("queries", "R@1", "R@5", "R@10")
    say_table(header, [(f"{len(queries):,}", *(f"{value:.2f}" for value in figures.values()))], right=header)


def _retrieval(named: Sequence[tuple[str, Result]]) -> list[tuple[str, EvalResult]]:
    from swath.evaluation import EvalResult

    return [(name, one) for name, one in named if isinstance(one, EvalResult)]


def _say_chosen(picked: Sequence[tuple[str, Chosen]]) -> None:
    rows = []
    for by, one in picked:
        how = one.result.selection
        cells = ("", "") if how is None else (f"{how.among}", f"{how.mr:.2f}")
        rows.append((by, *cells, one.name, f"{one.result.mr:.2f}", " ".join(one.result.flags)))
    header = ("chosen by", "among", "mR there", "result", "mR reported", "flags")
    say_table(header, rows, right=("among", "mR there", "mR reported"))


def _names(files: tuple[Path, ...]) -> list[str]:
    """Stems where they are distinct, else whole paths."""
    stems = [file.stem for file in files]
    names = stems if len(set(stems)) == len(stems) else [str(file) for file in files]
    if len(set(names)) < len(names):
        raise InputError(f"a result file is named twice: {', '.join(names)}")
    return names


def _without_ranks(content: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in content.items() if name != "ranks"}
