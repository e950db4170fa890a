"""`swath bench ann`: nearest-neighbour search beside its peers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say, say_table
from swath.cli.progress import progress
from swath.errors import InputError

if TYPE_CHECKING:
    from swath.evaluation.ann import PeerResult

_COLUMNS = (
    "peer",
    "setting",
    "recall@10",
    "of pictures",
    "ms",
    "ms, 2 threads",
    "a second",
    "bytes/tile",
    "build cpu s",
)


@click.command("ann", short_help="Nearest-neighbour search beside its peers.")
@click.option("--images", required=True, type=PATH, metavar="F.npy", help="Vectors of pictures, float[n, D].")
@click.option("--texts", required=True, type=PATH, metavar="F.npy", help="Vectors of texts, float[m, D].")
@click.option("--captions", type=PATH, metavar="FILE", help="The m texts, one a line: for the word head.")
@click.option("--head", type=PATH, metavar="DIR", help="A word head of the same encoder, such as RUN/head.")
@click.option("--tiles", default=100_000, show_default=True, type=click.IntRange(min=1000), metavar="N",
              help="Vectors to search in; what is beyond the given ones is made like them.")  # fmt: skip
@click.option("--out", required=True, type=PATH, metavar="DIR", help="Folder of the benchmark, new or begun.")
@click.option("--peer", "names", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option("--build", "only_build", is_flag=True, help="Build what is missing, and measure nothing.")
@click.option("--pipeline", "pipelines", multiple=True, metavar="SPEC",
              help="A pipeline of ours by the lists of `swath sgpd`; may be repeated.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of what is drawn.")
@click.option(
    "--recall", default=0.99, show_default=True, metavar="R", help="That the table's settings reach."
)
@common
@click.pass_obj
def ann_command(
    settings: Settings,
    images: Path,
    texts: Path,
    captions: Path | None,
    head: Path | None,
    tiles: int,
    out: Path,
    names: tuple[str, ...],
    only_build: bool,
    pipelines: tuple[str, ...],
    seed: int,
    recall: float,
) -> None:
    """Build every peer over the same vectors, turn its knob, and compare at the same recall.

    Settings are chosen on one half of the texts and measured on the other. The folder keeps what is done:
    the same command goes on with what is missing. With --pipeline only these are measured.
    """
    from swath.evaluation import write_plot
    from swath.evaluation.ann import AnnResult, bench, prepare, reaching, trials
    from swath.evaluation.ann_chart import pareto_chart
    from swath.evaluation.peers import PEERS

    spoken = () if captions is None else _lines(captions)
    prepare(out, _array(images), _array(texts), tiles, captions=spoken, head=head, seed=seed)
    if pipelines:
        _say_pipelines(trials(out, pipelines))
        return
    with progress(settings.quiet) as shown:
        result: AnnResult = bench(out, names or tuple(PEERS), only_build=only_build, progress=shown)
    import msgspec

    (out / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    say(f"{result.vectors:,} vectors of {result.dim} numbers, seed {result.seed}")
    _say_likeness({"real": result.real, "all": result.grown})
    rows = []
    for one in result.peers:
        best = reaching(one, recall)
        numbers: tuple[str, ...] = ("below",) + ("",) * 5
        if best is not None:
            numbers = (
                best.setting,
                f"{best.texts:.4f}",
                f"{best.pictures:.4f}",
                f"{best.single:.2f}",
                f"{best.double:.2f}",
                f"{best.batch:,.0f}",
            )
        rows.append((one.name, *numbers, f"{one.bytes_per_tile:,.0f}", f"{one.build_work:.1f}"))
    say_table(_COLUMNS, rows, right=_COLUMNS[2:])
    for name, reason in result.missing.items():
        note(f"{name} has no result: {reason}")
    if result.peers:
        write_plot(pareto_chart(result), out / "pareto.svg")
    if not settings.quiet:
        note(f"settings reach recall@10 {recall:g} on the tuning texts; all of them: {out / 'result.json'}")


def _say_pipelines(result: PeerResult) -> None:
    rows = []
    for one in result.settings:
        stages = ", ".join(f"{ms:.2f}" for ms in one.stages.values())
        rows.append((one.setting, f"{one.texts:.4f}", f"{100 * one.covered:.1f}", f"{one.visited:,.0f}",
                     f"{one.single:.2f}", stages))  # fmt: skip
    header = ("pipeline", "recall@10", "covered %", "visited", "ms", "by stage")
    say_table(header, rows, right=header[1:])


def _say_likeness(sets: dict[str, dict[str, Any]]) -> None:
    header = ("vectors", "local dimension", "pairs", "10th nearest", "gap", "10th of a text")
    rows = []
    for name, one in sets.items():
        spans = [f"{m:.2f} ({a:.2f} to {b:.2f})" for m, a, b in
                 (one[key] for key in ("dimension", "pairs", "nearest", "found"))]  # fmt: skip
        rows.append((f"{name}, {one['vectors']:,}", *spans[:3], f"{one['gap']:.3f}", spans[3]))
    say_table(header, rows)


def _array(path: Path) -> Any:
    import numpy as np

    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an array: {error}") from error
    if rows.ndim != 2 or rows.dtype.kind != "f":
        raise InputError(f"{path} holds {rows.dtype}{list(rows.shape)}, not float[n, D]")
    return np.ascontiguousarray(rows, np.float32)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}") from error
