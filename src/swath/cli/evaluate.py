"""`swath eval`: how good retrieval is on a captioned data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import duration, is_all_said, note, say, say_table
from swath.cli.progress import progress

if TYPE_CHECKING:
    from swath.evaluation import Difference, EvalResult, ZeroShotResult
    from swath.types import Encoder

_SCENES = "rsscn7"


@click.command("eval", short_help="Measure retrieval on a captioned data set.")
@click.argument("dataset")
@click.option("--root", required=True, type=PATH, metavar="DIR", help="Its folder, in the published layout.")
@click.option("--split", metavar="S", help="Which part of it (default: test).")
@click.option(
    "--encoder", default="base", show_default=True, metavar="E", help="Name or folder of an encoder."
)
@click.option(
    "--pipeline",
    "pipelines",
    multiple=True,
    metavar="SPEC",
    help="How to search (default: dense); several share the encoding and are compared with the first.",
)
@click.option(
    "--protocol", metavar="P", help="What counts as right: strict (default), lenient, dedup or scene."
)
@click.option(
    "--json",
    "result_file",
    type=PATH,
    metavar="FILE",
    help="Write the result as JSON, several as one a line; - is stdout.",
)
@click.option(
    "--leaks",
    type=PATH,
    metavar="FILE",
    help="Leak report of the split, whose digest the result names (default: one of its captions).",
)
@click.option("--trec", type=PATH, metavar="DIR", help="Write TREC run and qrels files there.")
@common
@click.pass_obj
def eval_command(
    settings: Settings,
    dataset: str,
    root: Path,
    split: str | None,
    encoder: str,
    pipelines: tuple[str, ...],
    protocol: str | None,
    result_file: Path | None,
    trec: Path | None,
    leaks: Path | None,
) -> None:
    """Measure retrieval in both directions on DATASET: rsicd, rsitmd, ucm, sydney, nwpu, or captions.

    Each is read in its published layouts; captions is any JSON, JSONL, CSV, TSV or
    Parquet file, with its pictures in imgs/ or images/ beside it, or beside it.

    rsscn7 gives the zero-shot accuracy on RSSCN7 (one folder per class). Recalls are in per cent; ties count
    by expectation, and intervals are 95 % bootstrap intervals over images.
    """
    from swath import encoders
    from swath.captions import CAPTIONS, load, read
    from swath.evaluation import FLAGS, EvalResult, covering, evaluate_many, find_leaks, to_json

    if dataset not in (*CAPTIONS, _SCENES):
        raise click.BadParameter(
            f"{dataset!r}; there are {', '.join((*CAPTIONS, _SCENES))}", param_hint="DATASET"
        )
    if dataset == _SCENES and (split or pipelines or protocol or trec or leaks):
        raise click.UsageError(
            f"{_SCENES} is one set, classified by dense: "
            "it takes no --split, --pipeline, --protocol, --trec or --leaks"
        )
    model = encoders.load(encoder, settings.threads)
    results: Sequence[EvalResult | ZeroShotResult]
    if dataset == _SCENES:
        results = [_classify(root, model, settings.quiet)]
    else:
        split = split or "test"
        captioned = load(dataset, root, split)
        written = read(dataset, root)
        if leaks is None:
            digest = find_leaks([(dataset, dataset, written)], pictures=False).digest
        else:
            digest = covering(leaks, written, split)
        with progress(settings.quiet) as shown:
            results = evaluate_many(
                captioned,
                model,
                pipelines or ("dense",),
                protocol=protocol or "strict",
                progress=shown,
                trec=trec,
                leaks=digest,
            )
    result = results[0]
    if result.skipped and not settings.quiet:
        name, reason = result.skipped[0]
        note(f"{len(result.skipped):,} images left out, the first {name}: {reason}")
    flags = dict.fromkeys(flag for one in results for flag in getattr(one, "flags", ()))
    for flag in () if settings.quiet else flags:
        note(f"{flag}: {FLAGS[flag]}")
    if is_all_said(to_json(result) if len(results) == 1 else _lines(results), result_file):
        return
    if isinstance(result, EvalResult) and len(results) > 1:
        _say_several([one for one in results if isinstance(one, EvalResult)])
    else:
        _say_result(result)


def _lines(results: Sequence[EvalResult | ZeroShotResult]) -> str:
    import msgspec

    return "\n".join(msgspec.json.encode(result).decode() for result in results)


def _classify(root: Path, model: Encoder, quiet: bool) -> ZeroShotResult:
    import msgspec

    from swath.evaluation import evaluate_zero_shot

    with progress(quiet) as shown:
        result = evaluate_zero_shot(root, model, progress=shown)
    return msgspec.structs.replace(result, dataset=_SCENES)


def _say_result(result: EvalResult | ZeroShotResult) -> None:
    from swath.evaluation import EvalResult

    by = f"encoder {result.encoder.name} ({result.encoder.revision[:12]}), pipeline {result.pipeline}"
    if isinstance(result, EvalResult):
        say(
            f"{result.dataset} {result.split} ({result.protocol}): {result.images:,} images, "
            f"{result.captions:,} captions, {by}"
        )
        low, high = result.interval.low, result.interval.high
        rows = [
            _direction("image to text", result.i2t, low.i2t, high.i2t),
            _direction("text to image", result.t2i, low.t2i, high.t2i),
        ]
        say_table(("", "R@1", "R@5", "R@10"), rows, right=("R@1", "R@5", "R@10"))
        say(f"mR {result.mr:.2f} [{low.mr:.2f}, {high.mr:.2f}]")
        if (found := result.candidates) is not None:
            say(f"candidate recall@{found.k}: {found.i2t:.2f} and {found.t2i:.2f}")
        if (best := result.ceiling) is not None:
            say(f"ceiling: mR {best.mr:.2f}, R@1 {best.i2t.r1:.2f} and {best.t2i.r1:.2f}, as captions repeat")
        say(f"leak report {result.leaks}")
    else:
        say(f"{result.dataset}: {result.images:,} images, {by}")
        classes = [
            (name, one.prompt, f"{one.images:,}", f"{one.accuracy:.2f}")
            for name, one in result.classes.items()
        ]
        say_table(("class", "prompt", "images", "accuracy"), classes, right=("images", "accuracy"))
        say(f"accuracy {result.accuracy:.2f} [{result.interval[0]:.2f}, {result.interval[1]:.2f}]")
    times = ", ".join(f"{name} {duration(seconds)}" for name, seconds in result.seconds.items())
    say(f"time: {times}")


def _say_several(results: Sequence[EvalResult]) -> None:
    """A row for each pipeline, and how far it is from the first, image by image."""
    from swath.evaluation import difference

    first = results[0]
    say(
        f"{first.dataset} {first.split} ({first.protocol}): {first.images:,} images, "
        f"{first.captions:,} captions, encoder {first.encoder.name} ({first.encoder.revision[:12]})"
    )
    rows = []
    for one in results:
        gap = "" if one is first else _gap(difference(first, one))
        found = one.candidates
        rows.append(
            (
                one.pipeline,
                " / ".join(f"{value:.1f}" for value in (one.i2t.r1, one.i2t.r5, one.i2t.r10)),
                " / ".join(f"{value:.1f}" for value in (one.t2i.r1, one.t2i.r5, one.t2i.r10)),
                f"{one.mr:.2f} [{one.interval.low.mr:.2f}, {one.interval.high.mr:.2f}]",
                gap,
                "" if found is None else f"{found.i2t:.1f} / {found.t2i:.1f} at {found.k}",
            )
        )
    header = ("pipeline", "i2t R@1/5/10", "t2i R@1/5/10", "mR [95 %]", "to the first", "candidates")
    say_table(header, rows, right=header[1:])
    times = ", ".join(
        f"{name} {duration(seconds)}" for name, seconds in first.seconds.items() if name != "rank"
    )
    say(f"time: {times}")


def _gap(found: Difference) -> str:
    return f"{found.delta.mr:+.2f} [{found.low.mr:+.2f}, {found.high.mr:+.2f}]"


def _direction(name: str, *figures: object) -> tuple[str, str, str, str]:
    values = [[getattr(one, recall) for one in figures] for recall in ("r1", "r5", "r10")]
    r1, r5, r10 = (f"{value:.2f} [{low:.2f}, {high:.2f}]" for value, low, high in values)
    return name, r1, r5, r10
