"""`swath import`: embeddings that somebody else computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, duration, note, say
from swath.cli.progress import progress

if TYPE_CHECKING:
    from swath.archive.imports import ImportReport


@click.command("import", short_help="Bring a table of embeddings into an archive.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.argument("table", type=PATH)
@click.option("--vectors", type=PATH, metavar="FILE.npy", help="Vectors of the table's rows, in their order.")
@click.option("--vector", metavar="COLUMN", help="The column of vectors, where it is not recognised.")
@click.option("--id", "id_column", metavar="COLUMN", help="The column of ids.")
@click.option("--geometry", metavar="COLUMN", help="The column of places, in WKB or WKT.")
@click.option("--time", "time_column", metavar="COLUMN", help="The column of times.")
@click.option("--encoder", metavar="E", help="The encoder that made the vectors; it then answers words.")
@click.option("--space", metavar="NAME", help="What to call the vectors (default: the table's name).")
@click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
@common
@click.pass_obj
def import_command(
    settings: Settings,
    path: Path,
    table: Path,
    vectors: Path | None,
    vector: str | None,
    id_column: str | None,
    geometry: str | None,
    time_column: str | None,
    encoder: str | None,
    space: str | None,
    dry_run: bool,
) -> int:
    """Bring the rows of TABLE into ARCHIVE, which is made where there is none.

    TABLE is Parquet, GeoParquet, CSV, or a .npy of vectors alone. Vectors, ids, places (WKB, boxes, longitude
    and latitude) and times are recognised by the names that published collections use, and all other numbers,
    texts and truth values become attributes. The same command continues an import that was stopped.

    \b
      swath import earth.swath embeddings.parquet
      swath search earth.swath --like 3f2a
      swath import mine.swath vectors.npy --encoder my-encoder
    """
    from swath import encoders
    from swath.archive.imports import import_table

    named = {"vector": vector, "id": id_column, "geometry": geometry, "time": time_column}
    with progress(settings.quiet) as shown:
        report = import_table(
            path,
            table,
            vectors=vectors,
            columns={role: name for role, name in named.items() if name is not None},
            encoder=None if encoder is None else encoders.load(encoder, settings.threads),
            space=space,
            dry_run=dry_run,
            progress=shown,
        )
    for what, (rows, first) in report.problems.items():
        note(f"{count(rows, 'row')}: {what} (the first: {first})")
    if not report.added + report.known:
        note(f"swath: error: no row of {table} could be imported")
        return 1
    if not settings.quiet:
        for line in _summary(report, dry_run):
            say(line)
    return 0


def _summary(report: ImportReport, dry_run: bool) -> list[str]:
    rate = report.rows / report.seconds if report.seconds else 0.0
    known = f", {report.known:,} known" if report.known else ""
    repeated = f", {report.repeated:,} repeated and left out" if report.repeated else ""
    lines = [
        f"columns: {report.columns}",
        f"{count(report.rows, 'row')}: {count(report.added, 'tile')} "
        f"{'would be added' if dry_run else 'added'}{known}{repeated} "
        f"in {duration(report.seconds)} ({rate:,.0f} rows/s)",
        f"{report.placed:,} with a place, {report.timed:,} with a time",
    ]
    if report.same_ids:
        lines.append(
            f"{report.same_ids:,} have an id that came before, with another vector: they are tiles too"
        )
    if report.added:
        low, high = report.norms
        scaled = "" if abs(low - 1) < 1e-2 and abs(high - 1) < 1e-2 else ", scaled to 1"
        same = f"; {report.same_vectors:,} repeat another row's" if report.same_vectors else ""
        lines.append(f"vectors of {report.dim} numbers, lengths {low:.4g} to {high:.4g}{scaled}{same}")
    return lines
