"""`swath bench`: what things cost."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.bench_ann import ann_command
from swath.cli.bench_codes import codes_command
from swath.cli.bench_cold import cold_command
from swath.cli.bench_depth import depth_command
from swath.cli.bench_hamming import hamming_command
from swath.cli.bench_indexing import indexing_command
from swath.cli.bench_latency import latency_command
from swath.cli.bench_pointing import pointing_command
from swath.cli.bench_rerank import rerank_command
from swath.cli.bench_scan import scan_command
from swath.cli.options import PATH, Settings, common, numbers
from swath.cli.output import is_all_said, note, say, say_facts, say_table, size
from swath.cli.progress import progress

_COUNT = click.IntRange(min=1)
_NUMBERS = (
    "tiles",
    "bytes/tile",
    "build s",
    "first s",
    "p50",
    "p95",
    "p99",
    "batch p50",
    "batch p99",
    "floor",
    "peak",
)


@click.group("bench", short_help="Measure what a search costs.")
@common
def bench_command() -> None:
    """Measure what things cost on this machine."""


bench_command.add_command(codes_command)
bench_command.add_command(ann_command)
bench_command.add_command(depth_command)
bench_command.add_command(hamming_command)
bench_command.add_command(indexing_command)
bench_command.add_command(latency_command)
bench_command.add_command(pointing_command)
bench_command.add_command(rerank_command)
bench_command.add_command(cold_command)
bench_command.add_command(scan_command)


@bench_command.command("speed", short_help="Latency by stage, encoding, memory.")
@click.argument("archive", required=False, type=PATH)
@click.option(
    "--tiles", callback=numbers(int), metavar="N,N,...", help="Galleries of so many random vectors instead."
)
@click.option("--pipeline", default="dense", show_default=True, metavar="SPEC", help="How to search.")
@click.option("--encoder", metavar="E", help="With --tiles: measure this encoder and use its width.")
@click.option("--dim", default=512, show_default=True, type=_COUNT, help="With --tiles: numbers per vector.")
@click.option("-k", default=20, show_default=True, type=_COUNT, help="Hits for each query.")
@click.option("--calls", default=50, show_default=True, type=_COUNT, help="Single queries to time.")
@click.option(
    "--json", "result_file", type=PATH, metavar="FILE", help="Write the result as JSON; - is stdout."
)
@common
@click.pass_obj
def speed_command(
    settings: Settings,
    archive: Path | None,
    tiles: tuple[int, ...] | None,
    pipeline: str,
    encoder: str | None,
    dim: int,
    k: int,
    calls: int,
    result_file: Path | None,
) -> None:
    """Time searches of ARCHIVE, or of galleries of random unit vectors at growing size.

    Latencies are milliseconds of one query alone and of batches of 32. Build is the time from vectors to the
    first answer, first that of the first query, which is in no latency. The floor is the time in which memory
    gives the bytes that one query reads. Queries are random; an encoder is measured by itself.
    """
    from swath import encoders
    from swath.archive import open_store
    from swath.evaluation import measure_gallery, measure_random, to_json
    from swath.serving.encoder import encoder_of

    if (archive is None) == (tiles is None):
        raise click.UsageError("name an ARCHIVE, or give --tiles, and not both")
    if tiles is None and archive is not None:
        if encoder is not None:
            raise click.UsageError("--encoder goes with --tiles: an archive has its own")
        store = open_store(archive)
        model = encoder_of(store, settings.threads)
        result = measure_gallery(
            store.gallery(),
            archive.resolve().name,
            store.info().bytes_per_tile or 0.0,
            pipeline=pipeline,
            k=k,
            calls=calls,
            threads=settings.threads,
            encoder=model,
        )
    else:
        with progress(settings.quiet) as shown:
            result = measure_random(
                tiles or (),
                pipeline=pipeline,
                dim=dim,
                k=k,
                calls=calls,
                threads=settings.threads,
                encoder=None if encoder is None else encoders.load(encoder, settings.threads),
                progress=shown,
            )
    if is_all_said(to_json(result), result_file):
        return
    say(f"{result.gallery}: {result.pipeline}, {result.dim} numbers per vector, {result.threads} threads, ms")
    rows = []
    for one in result.sizes:
        times = (one.single.p50, one.single.p95, one.single.p99, one.batch.p50, one.batch.p99, one.floor)
        rows.append(
            (
                f"{one.tiles:,}",
                f"{one.bytes_per_tile:,.0f}",
                "" if one.build_seconds is None else f"{one.build_seconds:.2f}",
                "" if one.first_seconds is None else f"{one.first_seconds:.2f}",
                *(f"{time:.2f}" for time in times),
                size(one.peak_bytes),
            )
        )
    say_table(_NUMBERS, rows, right=_NUMBERS)
    if len(result.sizes[-1].stages) > 1:
        stages = [
            (
                f"{one.tiles:,}",
                part.stage,
                *(f"{time:.2f}" for by in (part.single, part.batch) for time in (by.p50, by.p95, by.p99)),
            )
            for one in result.sizes
            for part in one.stages
        ]
        numbers_of_stages = ("p50", "p95", "p99", "batch p50", "batch p95", "batch p99")
        say_table(("tiles", "stage", *numbers_of_stages), stages, right=("tiles", *numbers_of_stages))
    facts = [("memory", f"{result.bandwidth / 1e9:.1f} GB/s, read by {result.threads} threads")]
    if result.encode is not None:
        by = result.encode
        facts += [
            ("text", f"{by.text:.2f} ms alone, {by.text_batched:.2f} ms in batches of {by.batch}"),
            ("image", f"{by.image:.1f} ms alone, {by.image_batched:.1f} ms in batches of {by.batch}"),
        ]
    say_facts(facts)
    if not settings.quiet and len(result.sizes) > 1:
        note("peak is that of the whole process up to each size")
