"""`swath index`, `add`, `info`, `verify`: what an archive holds, and how it comes in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swath.cli.options import PATH, SOURCE, Settings, common, numbers
from swath.cli.output import count, duration, note, say, say_facts, say_json, size
from swath.cli.progress import progress

if TYPE_CHECKING:
    from swath.api import Archive
    from swath.archive import AddReport, ArchiveInfo

_LISTED, _EXAMPLES = 20, 3
"""Skipped files that are listed one by one, and those named for each reason where there are more."""


_assets = click.option(
    "--asset",
    "assets",
    multiple=True,
    metavar="NAME",
    help="Name or role of the assets of STAC items to index (several times; default: what shows the scene).",
)


@click.command("index", short_help="Index imagery into an archive, new or begun.")
@click.argument("sources", nargs=-1, required=True, type=SOURCE, metavar="SOURCE...")
@click.option("--archive", "path", required=True, type=PATH, metavar="DIR", help="The archive's folder.")
@click.option("--encoder", metavar="E", help="Name or folder of an encoder (default: base).")
@click.option("--tile-size", type=int, metavar="N", help="Side of a window, in pixels (default: 256).")
@click.option("--overlap", type=int, metavar="N", help="Pixels that windows share (default: 0).")
@click.option("--min-valid", type=float, metavar="F", help="Least share of valid pixels (default: 0.5).")
@click.option(
    "--bands", callback=numbers(int), metavar="N,N,N", help="Bands as grey, or red, green, blue: 1,2,3."
)
@click.option(
    "--levels",
    type=int,
    metavar="N",
    help="Levels of a pyramid, each with windows twice as wide (default: 1).",
)
@click.option(
    "--stretch",
    callback=numbers(float, 2),
    metavar="LOW,HIGH",
    help="Values of rasters shown black and white (default: by the percentiles of each scene).",
)
@_assets
@click.option("--prune", is_flag=True, help="Take out the files of SOURCE that are not there any more.")
@click.option("--on", metavar="CLUSTER", help="Encode on a cluster: ray, or ray://HOST:PORT.")
@common
@click.pass_obj
def index_command(
    settings: Settings,
    sources: tuple[str | Path, ...],
    path: Path,
    encoder: str | None,
    tile_size: int | None,
    overlap: int | None,
    min_valid: float | None,
    bands: tuple[int, ...] | None,
    levels: int | None,
    stretch: tuple[float, float] | None,
    assets: tuple[str, ...],
    prune: bool,
    on: str | None,
) -> int:
    """Index files, folders, addresses and catalogues into an archive, which is made, or continued.

    SOURCE may be the address of a GeoTIFF (https://, s3://, gs://), which is read where it is, a document of
    STAC (item, collection, catalogue, collection of items; a file or an address) or a stac-geoparquet:
    docs/sources.md says what is made of them. Pictures (JPEG, PNG, WebP, TIFF; subfolders too) are one tile
    each where they have no georeferencing and at most 1,024 pixels a side; rasters are cut into windows. Only
    what is new or changed is encoded, so an index that was stopped goes on by the same command. Files that
    were deleted stay in the archive unless --prune is given.

    With --on, the workers of a Ray cluster decode and encode, each on --threads processors (default: 1), and
    the archive comes out the same. It and the sources must be where all of them see them: docs/scale.md.
    """
    from swath import api

    with progress(settings.quiet) as shown:
        archive = api.index(
            sources,
            path,
            encoder,
            tile_size=tile_size,
            overlap=overlap,
            min_valid=min_valid,
            bands=bands,
            levels=levels,
            stretch=stretch,
            assets=assets,
            prune=prune,
            on=on,
            threads=settings.threads,
            progress=shown,
        )
    return _end(archive, sources, settings.quiet)


@click.command("add", short_help="Index more imagery into an archive.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.argument("sources", nargs=-1, required=True, type=SOURCE, metavar="SOURCE...")
@_assets
@common
@click.pass_obj
def add_command(
    settings: Settings, path: Path, sources: tuple[str | Path, ...], assets: tuple[str, ...]
) -> int:
    """Index more sources into an archive, cut as it was made, with the encoder it brings."""
    from swath import api

    archive = api.open(path, threads=settings.threads)
    with progress(settings.quiet) as shown:
        archive.add(sources, assets=assets, progress=shown)
    return _end(archive, sources, settings.quiet)


@click.command("info", short_help="Show what an archive holds and which encoder made it.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@common
def info_command(path: Path, as_json: bool) -> None:
    """Show tiles, signals, sizes and roots, and the encoder's card: its data, their terms, its figures."""
    from swath.archive import open_store

    info = open_store(path).info()
    if as_json:
        from swath.serving import info_document

        say_json(info_document(info))
    else:
        say_facts(_facts(info))


@click.command("verify", short_help="Check every byte and every tile of an archive.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@common
@click.pass_obj
def verify_command(settings: Settings, path: Path) -> int:
    """Check every byte and every tile of an archive; changes nothing. Exit code 1: problems were found."""
    from swath.archive import open_store

    store = open_store(path)
    problems = store.verify()
    for problem in problems:
        say(str(problem))
    if problems:
        note(f"swath: error: {count(len(problems), 'problem')} in {path}")
        return 1
    if not settings.quiet:
        say(f"{path} is sound")
    return 0


def _end(archive: Archive, sources: tuple[str | Path, ...], quiet: bool) -> int:
    """Say what was done, and whether that is a success."""
    report = archive.report
    assert report is not None, "something was added"
    for line in _skipped(report) if not quiet else ():
        note(line)
    if report.skipped:
        note(f"{count(len(report.skipped), 'file')} skipped")
    if not report.tiles_added + report.tiles_known:
        what = "none of the files could be indexed" if report.files else "no imagery was found"
        note(f"swath: error: {what} in {', '.join(map(str, sources))}")
        return 1
    if not quiet:
        for line in _summary(report, archive):
            say(line)
    return 0


def _skipped(report: AddReport) -> list[str]:
    """A line for each, or for each reason where there are many."""
    skipped = [(path, reason.removeprefix(f"{path}: ")) for path, reason in report.skipped]
    if len(skipped) <= _LISTED:
        return [f"skipped {path}: {reason}" for path, reason in skipped]
    by_reason: dict[str, list[str]] = {}
    for path, reason in skipped:
        # Numbers and names differ from file to file where the reason is the same.
        by_reason.setdefault(re.sub(r"\d+", "N", reason), []).append(path)
    first = dict(reversed(skipped))
    lines = []
    for paths in sorted(by_reason.values(), key=len, reverse=True):
        more = f" and {len(paths) - _EXAMPLES:,} more" if len(paths) > _EXAMPLES else ""
        lines.append(f"skipped {', '.join(paths[:_EXAMPLES])}{more}: {first[paths[0]]}")
    return lines


def _summary(report: AddReport, archive: Archive) -> list[str]:
    rate = report.tiles_added / report.seconds if report.seconds else 0.0
    speed = f" in {duration(report.seconds)} ({rate:.3g} tiles/s)" if report.tiles_added else ""
    known = f", {report.tiles_known:,} known" if report.tiles_known else ""
    removed = f", {report.tiles_removed:,} removed" if report.tiles_removed else ""
    added = f"{count(report.files, 'file')}: {count(report.tiles_added, 'tile')} added"
    return [f"{added}{speed}{known}{removed}", f"{archive.path} holds {count(len(archive), 'tile')}"]


def _facts(info: ArchiveInfo) -> list[tuple[str, str]]:
    from swath.imagery import shown

    tiling = info.tiling
    step = "" if tiling.stride is None else f", a new one every {tiling.stride}"
    bands = "" if tiling.bands is None else f", bands {','.join(map(str, tiling.bands))}"
    levels = "" if tiling.levels == 1 else f" and their doubles on {tiling.levels} levels"
    stretch = "" if tiling.stretch is None else ", stretched from {:g} to {:g}".format(*tiling.stretch)
    each = "" if info.bytes_per_tile is None else f", {size(info.bytes_per_tile)} a tile without the encoder"
    facts = [
        ("archive", f"{info.path} (format {info.format}, {info.software})"),
        ("tiles", f"{info.tiles:,} from {count(info.files, 'file')}"),
        ("committed", f"{info.committed:%Y-%m-%d %H:%M:%S} UTC"),
        (
            "cut",
            f"windows of {tiling.size} pixels{step}{levels}, least valid share {tiling.min_valid}{bands}"
            f"{stretch}",
        ),
        ("signals", ", ".join(f"{name} {shape}" for name, shape in info.signals.items())),
        ("attributes", ", ".join(f"{name} ({kind})" for name, kind in info.attributes.items()) or "none"),
        ("size", f"{size(info.bytes_on_disk)}{each}"),
        *(("root", shown(root)) for root in info.roots),
        ("encoder", f"{info.encoder.name}, revision {info.encoder.revision[:12]}"),
    ]
    if info.incomplete:
        facts.insert(2, ("incomplete", f"{count(info.incomplete, 'file')}: index their folder again"))
    return facts + (_card(info.encoder.card) if info.encoder.card else [])


def _card(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("", card.get("description", "")), ("terms", card.get("terms", ""))]
    for key, what in (("data", "trained on"), ("weights", "started from")):
        facts += [(what, f"{one['name']}, {one['part']}: {one['terms']}") for one in card.get(key, ())]
    facts += [("figures", f"{name}: {_figures(value)}") for name, value in card.get("figures", {}).items()]
    return [(name, " ".join(value.split())) for name, value in facts if value]


def _figures(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_figures(one)}" for name, one in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
