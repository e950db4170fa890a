"""`swath search`: from words and pictures to a table, JSON or a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swath.cli.options import PATH, Settings, common, numbers
from swath.cli.output import note, say, say_json, say_json_line, say_table

if TYPE_CHECKING:
    from swath.hits import Hit, Hits
    from swath.types import Bounds


@click.command("search", short_help="Find tiles by words, pictures and tiles.")
@click.argument("path", type=PATH, metavar="ARCHIVE")
@click.argument("text", required=False)
@click.option("--also", multiple=True, type=PATH, metavar="ARCHIVE", help="Search this archive too, as one.")
@click.option("--image", "images", multiple=True, type=PATH, metavar="F", help="A picture of what to find.")
@click.option(
    "--like", "likes", multiple=True, metavar="ID", help="A tile to find more of (or how its id begins)."
)
@click.option("--unlike", "unlikes", multiple=True, metavar="ID", help="A tile of what not to find.")
@click.option(
    "--like-at",
    "like_at",
    multiple=True,
    metavar="LON,LAT",
    help="A place, as an example: more like the tile that lies there.",
)
@click.option("--not", "unwanted", multiple=True, metavar="TEXT", help="Words for what not to find.")
@click.option(
    "--queries", type=PATH, metavar="FILE", help="Many queries, from a .txt or .jsonl; needs --json."
)
@click.option("-k", type=click.IntRange(min=0), default=20, show_default=True, metavar="N", help="Most hits.")
@click.option("--where", metavar="EXPR", help="Filter by attributes: 'time >= 2021-06 and cloud < 10'.")
@click.option(
    "--bbox",
    callback=numbers(float, 4),
    metavar="W,S,E,N",
    help="Filter by place: west, south, east, north in degrees.",
)
@click.option("--area", type=PATH, metavar="FILE", help="Filter by place: polygons in a GeoJSON file.")
@click.option(
    "--near", metavar="LON,LAT,DIST", help="Filter by place: at most so far from a point (500m, 2km, 1.5mi)."
)
@click.option("--encoder", metavar="E", help="Another encoder of the same vectors (default: the archive's).")
@click.option("--pipeline", default="auto", show_default=True, metavar="SPEC", help="How to search.")
@click.option(
    "--min-score",
    type=float,
    metavar="P",
    help="Leave out hits that match with a lower probability (0 to 1).",
)
@click.option(
    "--collapse/--no-collapse",
    default=True,
    show_default=True,
    help="Show what overlaps, and near-equal pictures, once, and further tiles in their place.",
)
@click.option(
    "--group", type=click.Choice(["scene"]), help="Show the best tile of each file, and no other of it."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@click.option("--sheet", type=PATH, metavar="FILE", help="Also write a contact sheet: .html or .png.")
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Also write the hits: .geojson, .parquet (GeoParquet) or .csv; several times.",
)
@click.option("--geojson", type=PATH, metavar="FILE", help="Also write the hits as GeoJSON.")
@click.option(
    "--explain", is_flag=True, help="Also show what every stage cost, and on a sheet where the words are."
)
@common
@click.pass_obj
def search_command(
    settings: Settings,
    path: Path,
    text: str | None,
    also: tuple[Path, ...],
    images: tuple[Path, ...],
    likes: tuple[str, ...],
    unlikes: tuple[str, ...],
    like_at: tuple[str, ...],
    unwanted: tuple[str, ...],
    queries: Path | None,
    k: int,
    where: str | None,
    bbox: Bounds | None,
    area: Path | None,
    near: str | None,
    encoder: str | None,
    pipeline: str,
    min_score: float | None,
    collapse: bool,
    group: str | None,
    as_json: bool,
    sheet: Path | None,
    outs: tuple[Path, ...],
    geojson: Path | None,
    explain: bool,
) -> None:
    """Find the tiles that match TEXT, pictures and tiles, all of them wanted at once.

    --also, --image, --like, --like-at, --unlike and --not may be given several times.

    \b
      swath search world.swath "round storage tanks" -k 5
      swath search world.swath --like 3f2a --unlike 77c0 --sheet more.html
      swath search world.swath "a bridge" --bbox -75.1,38.5,-75.0,38.6 --where "time > 2020"

    A weight may follow an id: --like 3f2a:2 counts twice as much as what else is wanted.

    --queries reads one query from every line and writes one JSON object a line, in the same order.

    Filters act before anything is ranked: docs/cli.md has their grammar, and that of pipelines.
    """
    from swath import api, many
    from swath.serving.asking import read_near, read_place

    places, within = [read_place(place) for place in like_at], None if near is None else read_near(near)
    how: Any = {"encoder": encoder, "threads": settings.threads}
    archive = many.open_many([path, *also], **how) if also else api.open(path, **how)

    if outs:
        from swath.serving import check_name

        for out in outs:
            check_name(out)
    if queries is not None:
        from swath.serving import hits_document, read_queries

        if text is not None or images or likes or unlikes or places or unwanted:
            raise click.UsageError("--queries stands alone: write all that is asked into the file")
        if not as_json or sheet is not None or outs or geojson is not None:
            raise click.UsageError("--queries answers by --json alone, without --sheet, --out and --geojson")
        asked = read_queries(queries, where=where, bbox=bbox, area=area, near=within)
        answers = archive.search_many(
            [one.query for one in asked],
            k=k,
            pipeline=pipeline,
            min_score=min_score,
            collapse=collapse,
            group=group,
        )
        cuts = {"k": k, "min_score": min_score, "collapse": collapse, "group": group}
        for one, answer in zip(asked, answers, strict=True):
            say_json_line(hits_document(answer, {**one.document, **cuts}, explain=explain))
        return
    hits = archive.search(
        text,
        image=images,
        like=likes,
        unlike=unlikes,
        like_at=places,
        unwanted=unwanted,
        k=k,
        where=where,
        bbox=bbox,
        area=area,
        near=within,
        pipeline=pipeline,
        min_score=min_score,
        collapse=collapse,
        group=group,
    )
    query: dict[str, Any] = {
        "text": text,
        "images": [str(image) for image in images],
        "like": list(likes),
        "unlike": list(unlikes),
        "not": list(unwanted),
        "like_at": [list(place) for place in places],
        "k": k,
        "where": where,
        "bbox": None if bbox is None else list(bbox),
        "area": None if area is None else str(area),
        "near": None if within is None else list(within),
        "min_score": min_score,
        "collapse": collapse,
        "group": group,
    }
    if sheet is not None:
        explained = text if explain and text else ()
        archive.sheet(hits, sheet, title=_title(query), explain=explained)
        if not settings.quiet:
            note(f"contact sheet: {sheet}")
    for out in outs:
        archive.write(hits, out)
        if not settings.quiet:
            note(f"hits: {out}")
    if geojson is not None:
        archive.geojson(hits, geojson)
        if not settings.quiet:
            note(f"GeoJSON: {geojson}")
    if as_json:
        from swath.serving import hits_document

        say_json(hits_document(hits, query, explain=explain))
        return
    if hits.hits:
        _say_hits(hits)
    elif not settings.quiet:
        asked_for = " that passes the filters" if any((where, bbox, area, near)) else ""
        likely = f" with a score of {min_score:g} or more" if min_score else ""
        note(f"nothing was found{asked_for}{likely}")
    if explain:
        _say_trace(hits)
        if text:
            _say_words(archive.words(hits, text))


def _title(query: dict[str, Any]) -> str:
    images = [f"picture {Path(image).name}" for image in query["images"]]
    likes = [f"like {name[:12]}" for name in query["like"]] + [
        f"unlike {name[:12]}" for name in query["unlike"]
    ]
    likes += [f"like {x:g},{y:g}" for x, y in query["like_at"]]
    likes += [f"not {text}" for text in query["not"]]
    filters = [query["where"]] if query["where"] else []
    filters += [f"bbox {','.join(f'{edge:g}' for edge in query['bbox'])}"] if query["bbox"] else []
    filters += [f"in {Path(query['area']).name}"] if query["area"] else []
    filters += ["{2:g} m from {0:g},{1:g}".format(*query["near"])] if query["near"] else []
    asked = " + ".join([*([query["text"]] if query["text"] else []), *images, *likes])
    return f"{asked} where {' and '.join(filters)}" if filters else asked


def _say_hits(hits: Hits) -> None:
    rows = [_row(hit) for hit in hits]
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    say_table(columns, [[row[name] for name in columns] for row in rows], right=("rank", "score", "raw"))


def _row(hit: Hit) -> dict[str, str]:
    from swath.geojson import centre
    from swath.imagery import shown
    from swath.serving.tiles import own_id

    tile, window = hit.tile, hit.tile.window
    place = None if tile.footprint is None else centre(tile.footprint)
    return {
        "rank": str(hit.rank),
        "score": "" if hit.score is None else f"{hit.score:.3f}",
        "raw": f"{hit.raw:.4f}",
        "id": tile.id[:12],
        "window": f"{window.column},{window.row} {window.width}x{window.height}" if window.width else "",
        "lat, lon": "" if place is None else f"{place[1]:.5f}, {place[0]:.5f}",
        "source": f"{shown(_near(tile.source))} {shown(own_id(tile))}".rstrip(),
    }


def _near(source: str) -> str:
    """Below the working directory as one would write it there."""
    try:
        path, here = Path(source), Path.cwd()
    except FileNotFoundError:  # it was removed, and everything is elsewhere
        return source
    return str(path.relative_to(here)) if path.is_relative_to(here) else source


def _say_words(shared: list[dict[str, float]]) -> None:
    """The words by which the sparse stage sees the query in each hit."""
    rows = [
        (str(rank), ", ".join(f"{word} {weight:.2f}" for word, weight in words.items()))
        for rank, words in enumerate(shared, 1)
        if words
    ]
    if rows:
        say()
        say_table(("hit", "shared words"), rows, right=("hit",))


def _say_trace(hits: Hits) -> None:
    say()
    say(f"pipeline {hits.pipeline}")
    header = ("stage", "rows", "bytes", "ms", "kernel", "note")
    rows = [
        (
            one.stage,
            f"{one.rows:,}",
            f"{one.bytes_read:,}",
            f"{one.milliseconds:.2f}",
            one.kernel,
            one.note,
        )
        for one in hits.trace
    ]
    say_table(header, rows, right=("rows", "bytes", "ms"))
